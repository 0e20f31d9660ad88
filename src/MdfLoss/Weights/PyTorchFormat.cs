using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// Reads and writes PyTorch checkpoints. Reading supports tensors, state dictionaries and the authors' whole modules, and executes nothing.
/// Writing creates a plain dictionary of tensors that <c>torch.load(path, weights_only=True)</c> can open.
/// </summary>
internal static class PyTorchFormat
{
    private const int EntryOverhead = 1024; // a generous bound of the size of headers and pickle per tensor
    private const int MaxTensors = 65_000; // a zip file without 64-bit extensions has a 16-bit count of entries

    /// <summary>
    /// Writes tensors in PyTorch's zip format, atomically: a reader never sees an incomplete file. The same tensors and file name give the same bytes.
    /// The format has no place for metadata.
    /// </summary>
    /// <param name="path">The file. Missing folders are created.</param>
    /// <param name="tensors">The tensors by name; the dictionary in the file keeps their order.</param>
    /// <exception cref="InputException">
    /// The path cannot be written, or there are more than 65,000 tensors, or they take 4 GiB or more: the limits of a plain zip file.
    /// </exception>
    public static void Write(string path, IReadOnlyDictionary<string, StoredTensor> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var length = tensors.Sum(entry => (long)entry.Value.Bytes.Length + 2 * entry.Key.Length + EntryOverhead);
        if (tensors.Count > MaxTensors || length >= uint.MaxValue)
            throw new InputException($"cannot write '{path}': more than {MaxTensors} tensors or 4 GiB; write a .safetensors file");
        var folder = FolderFor(path);
        AtomicFile.Write(path, stream =>
        {
            var zip = new ZipWriter(stream, folder);
            zip.Add("data.pkl", Pickle(tensors));
            zip.Add("byteorder", "little"u8);
            var key = 0;
            foreach (var tensor in tensors.Values)
                zip.Add($"data/{key++}", tensor.Bytes);
            zip.Add("version", "3\n"u8);
            zip.Finish();
        });
    }

    internal static bool Recognises(ReadOnlySpan<byte> start) => IsZip(start) || start.StartsWith(PyTorchReader.LegacyMagic);

    internal static TensorFileContent Read(MappedFile file)
    {
        var isZip = IsZip(file.Span(0, (int)Math.Min(file.Length, 4)));
        var tensors = isZip ? PyTorchReader.ReadZip(file) : PyTorchReader.ReadLegacy(file);
        return new TensorFileContent(tensors, new Dictionary<string, string>());
    }

    private static bool IsZip(ReadOnlySpan<byte> start) => start.StartsWith("PK\u0003\u0004"u8);

    /// <summary>The name of the folder in the zip file: the name of the file, as in PyTorch; PyTorch's default "archive" if the name has unusual characters.</summary>
    private static string FolderFor(string path)
    {
        var stem = Path.GetFileNameWithoutExtension(path);
        return stem.Length is > 0 and < 200 && stem.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? stem : "archive";
    }

    /// <summary>Writes the pickle {name: torch._utils._rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())}, in protocol 2.</summary>
    private static byte[] Pickle(IReadOnlyDictionary<string, StoredTensor> tensors)
    {
        var pickle = new PickleWriter();
        pickle.Begin();
        var key = 0;
        foreach (var (name, tensor) in tensors)
        {
            pickle.Text(name);
            pickle.Global("torch._utils", "_rebuild_tensor_v2");
            pickle.Mark();
            pickle.Mark();
            pickle.Text("storage");
            pickle.Global("torch", tensor.Type.StorageClass());
            pickle.Text((key++).ToString(CultureInfo.InvariantCulture));
            pickle.Text("cpu");
            pickle.Number(tensor.Count);
            pickle.Tuple();
            pickle.PersistentId();
            pickle.Number(0);
            pickle.Numbers(tensor.Shape);
            pickle.Numbers(Strides(tensor.Shape));
            pickle.False();
            pickle.Global("collections", "OrderedDict");
            pickle.EmptyTuple();
            pickle.Call();
            pickle.Tuple();
            pickle.Call();
        }

        return pickle.End();
    }

    private static long[] Strides(IReadOnlyList<long> shape)
    {
        var strides = new long[shape.Count];
        var stride = 1L;
        for (var i = shape.Count - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(1, shape[i]);
        }

        return strides;
    }
}
