namespace Mdf.Weights;

/// <summary>The storages that a checkpoint's pickle names, each once, and the tensors that are views of them.</summary>
internal sealed class TensorStorages(MappedFile file)
{
    private const int Cost = 512;

    private readonly OrderedDictionary<string, TensorStorage> _storages = [];

    private readonly List<TensorView> _views = [];

    public IReadOnlyCollection<TensorStorage> All => _storages.Values;

    public IReadOnlyList<TensorView> Views => _views;

    /// <summary>The storage of that name, which must be claimed alike every time.</summary>
    public TensorStorage Add(string key, ElementType type, long count)
    {
        if (_storages.TryGetValue(key, out var known))
        {
            return known.Type == type && known.Count == count
                ? known
                : throw file.Refuse($"the storage {MappedFile.Quote(key)} is described in two ways");
        }

        if (count < 0 || (Int128)count * type.Size() > file.Length)
            throw file.Refuse($"the storage {MappedFile.Quote(key)} claims {count} elements in a file of {file.Length} bytes");
        if (count * type.Size() > Array.MaxLength)
        {
            throw file.Refuse($"the storage {MappedFile.Quote(key)} takes {count * type.Size()} bytes",
                $"expected at most {Array.MaxLength} for one tensor");
        }

        file.Charge(Cost);
        var storage = new TensorStorage(key, type, count);
        _storages.Add(key, storage);
        return storage;
    }

    /// <summary>Keeps a view, which lies inside its storage.</summary>
    public TensorView Add(TensorView view)
    {
        _views.Add(view);
        return view;
    }

    public TensorStorage? Find(string key) => _storages.GetValueOrDefault(key);
}
