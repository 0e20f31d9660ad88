using System.Buffers.Binary;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Reads the files of <c>torch.save</c>: the zip format, and the format before PyTorch 1.6.</summary>
/// <remarks>
/// Zip format: <c>{name}/data.pkl</c> is the pickle, <c>{name}/data/{key}</c> is a storage, <c>{name}/byteorder</c> (since PyTorch 2)
/// is the byte order. Older format: five pickles (magic number, protocol, system, value, storage keys), then, for each key, the
/// number of elements and the elements. Source: <c>torch/serialization.py</c> of PyTorch 1.13.
/// </remarks>
internal static class PyTorchReader
{
    /// <summary>The first bytes of the older format: the pickled magic number 0x1950a86a20f9469cfc6c.</summary>
    public static ReadOnlySpan<byte> LegacyMagic =>
        [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.'];

    private const long LegacyProtocol = 1001;
    private const int MostShared = 16;
    private const long SharedAllowance = 64L << 20;
    private const string PickleName = "/data.pkl";

    public static OrderedDictionary<string, StoredTensor> ReadZip(MappedFile file)
    {
        var entries = ZipEntries.Read(file);
        var pickles = entries.Names.Where(name => name.EndsWith(PickleName, StringComparison.Ordinal)).Take(2).ToArray();
        if (pickles is not [var pickleName])
        {
            throw file.Refuse($"expected one entry {PickleName[1..]} in the zip file, found {pickles.Length}",
                "check that it is a file from torch.save");
        }

        var folder = pickleName[..^PickleName.Length];
        if (entries.Find($"{folder}/byteorder") is { } order && !Content(file, order).SequenceEqual("little"u8))
            throw file.Refuse("expected little-endian numbers, found another byte order", "save it again on a little-endian machine");

        var storages = new TensorStorages(file);
        var unpickler = new Unpickler(file, storages, Content(file, entries.Find(pickleName)!.Value));
        var root = unpickler.Load();
        foreach (var storage in storages.All)
        {
            var quoted = Untrusted.Quote(storage.Key);
            var entry = entries.Find($"{folder}/data/{storage.Key}") ?? throw file.Refuse($"the storage {quoted} is missing");
            if (entry.Length != storage.ByteLength)
                throw file.Refuse($"expected {storage.ByteLength} bytes for the storage {quoted}, found {entry.Length}");
            storage.Offset = entry.Offset;
        }

        return Store(file, TensorNames.Resolve(file, root));
    }

    public static OrderedDictionary<string, StoredTensor> ReadLegacy(MappedFile file)
    {
        var storages = new TensorStorages(file);
        var start = LegacyMagic.Length;
        var unpickler = new Unpickler(file, storages, file.Span(start, (int)Math.Min(file.Length - start, Array.MaxLength)));
        if (unpickler.Load() is not LegacyProtocol)
            throw file.Refuse($"expected protocol {LegacyProtocol} of the older PyTorch format");
        if (unpickler.Load() is not PickleDictionary system || system["little_endian"] is not true)
            throw file.Refuse("expected little-endian numbers, found another byte order", "save it again on a little-endian machine");
        var root = unpickler.Load();
        if (unpickler.Load() is not List<object?> keys)
            throw file.Refuse("expected the list of storages after the values");
        Locate(file, storages, keys, start + unpickler.Position);

        return Store(file, TensorNames.Resolve(file, root));
    }

    /// <summary>Finds each storage after the pickles. The storages must fill the rest of the file exactly.</summary>
    private static void Locate(MappedFile file, TensorStorages storages, List<object?> keys, long offset)
    {
        var missing = storages.All.ToHashSet();
        foreach (var key in keys)
        {
            if (key is not string name || storages.Find(name) is not { } storage || !missing.Remove(storage))
                throw file.Refuse("the list of storages and the values do not name the same storages");
            var quoted = Untrusted.Quote(name);
            if (offset > file.Length - sizeof(long) - storage.ByteLength)
                throw file.Refuse($"the file ends before the end of the storage {quoted}", "the file is truncated or corrupt; download it again");
            var count = BinaryPrimitives.ReadInt64LittleEndian(file.Span(offset, sizeof(long)));
            if (count != storage.Count)
                throw file.Refuse($"expected {storage.Count} elements in the storage {quoted}, found {count}");
            storage.Offset = offset + sizeof(long);
            offset = storage.Offset + storage.ByteLength;
        }

        if (missing.Count > 0)
            throw file.Refuse("the list of storages and the values do not name the same storages");
        if (offset != file.Length)
            throw file.Refuse($"expected the file to end after {offset} bytes, found {file.Length}");
    }

    private static OrderedDictionary<string, StoredTensor> Store(MappedFile file, OrderedDictionary<string, TensorView> views)
    {
        var tensors = new OrderedDictionary<string, StoredTensor>(views.Count);
        var total = 0L;
        foreach (var (name, view) in views)
        {
            var type = view.Storage.Type;
            var length = StoredTensor.ByteLength(type, view.Shape, Array.MaxLength);
            if (length < 0)
            {
                throw file.Refuse($"the tensor {Untrusted.Quote(name)} claims {StoredTensor.Describe(type, view.Shape)}",
                    "expected at most 2 GiB for one tensor");
            }

            // Mapped views cost no memory here. But a caller that writes the tensors to another file writes each of them in full.
            total += length;
            if (total > MostShared * file.Length + SharedAllowance)
                throw file.Refuse($"its tensors share their bytes and would together take more than {MostShared} times its size and 64 MB");
            tensors.Add(name, new StoredTensor(type, view.Shape, view.IsContiguous
                ? file.Memory(view.Storage.Offset + view.Offset * type.Size(), (int)length)
                : Gather(file, view, (int)length)));
        }

        return tensors;
    }

    /// <summary>Copies the elements of a view into row-major order. The view may have gaps, repeats or another order.</summary>
    private static byte[] Gather(MappedFile file, TensorView view, int length)
    {
        file.ChargeContent(length); // a stride of 0 repeats elements, so the copy can be larger than the file
        var size = view.Storage.Type.Size();
        var source = file.Span(view.Storage.Offset, (int)view.Storage.ByteLength);
        var target = new byte[length];
        var index = new long[view.Shape.Length];
        var position = view.Offset;
        for (var written = 0; written < length; written += size)
        {
            source.Slice((int)(position * size), size).CopyTo(target.AsSpan(written));
            for (var i = index.Length - 1; i >= 0; i--)
            {
                position += view.Strides[i];
                if (++index[i] < view.Shape[i])
                    break;
                position -= index[i] * view.Strides[i];
                index[i] = 0;
            }
        }

        return target;
    }

    private static ReadOnlySpan<byte> Content(MappedFile file, ZipEntries.Entry entry) => file.Span(entry.Offset, (int)entry.Length);
}
