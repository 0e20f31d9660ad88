using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>The storages that a checkpoint's pickle names, each once.</summary>
internal sealed class TensorStorages(MappedFile file)
{
    private const int Cost = 512;
    private const int MaxKeyLength = 256;

    private readonly OrderedDictionary<string, TensorStorage> _storages = [];

    public IReadOnlyCollection<TensorStorage> All => _storages.Values;

    /// <summary>The storage of that name, which must be claimed alike every time.</summary>
    public TensorStorage Add(string key, ElementType type, long count)
    {
        // PyTorch's keys are numbers. A shared key is there once, but hashed as often as it is used.
        if (key.Length > MaxKeyLength)
            throw file.Refuse($"the storage {Untrusted.Quote(key)} has a name of {key.Length} characters");
        if (_storages.TryGetValue(key, out var known))
        {
            return known.Type == type && known.Count == count
                ? known
                : throw file.Refuse($"the storage {Untrusted.Quote(key)} is described in two ways");
        }

        if (count < 0 || (Int128)count * type.Size() > file.Length)
            throw file.Refuse($"the storage {Untrusted.Quote(key)} claims {count} elements in a file of {file.Length} bytes");
        if (count * type.Size() > Array.MaxLength)
        {
            throw file.Refuse($"the storage {Untrusted.Quote(key)} takes {count * type.Size()} bytes",
                $"expected at most {Array.MaxLength} for one tensor");
        }

        file.Charge(Cost);
        var storage = new TensorStorage(key, type, count);
        _storages.Add(key, storage);
        return storage;
    }

    public TensorStorage? Find(string key) => _storages.GetValueOrDefault(key);
}
