using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>The storages that the pickle of a checkpoint refers to, each once.</summary>
internal sealed class TensorStorages(MappedFile file)
{
    private const int Cost = 512;
    private const int MaxKeyLength = 256;

    private readonly OrderedDictionary<string, TensorStorage> _storages = [];

    public IReadOnlyCollection<TensorStorage> All => _storages.Values;

    /// <summary>Returns the storage of a name; adds it on the first call. The type and count must be the same on every call.</summary>
    public TensorStorage Add(string key, ElementType type, long count)
    {
        // PyTorch's keys are numbers. A shared key is stored once, but hashed each time it is used.
        if (key.Length > MaxKeyLength)
            throw file.Refuse($"the storage {Untrusted.Quote(key)} has a name of {key.Length} characters");
        if (_storages.TryGetValue(key, out var known))
        {
            return known.Type == type && known.Count == count
                ? known
                : throw file.Refuse($"the storage {Untrusted.Quote(key)} has two different descriptions");
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
