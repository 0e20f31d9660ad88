using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>The format of a file of weights.</summary>
internal enum TensorFileFormat
{
    /// <summary>Hugging Face's safetensors.</summary>
    Safetensors,

    /// <summary>A file from PyTorch's <c>torch.save</c>: the zip format, or the format before PyTorch 1.6.</summary>
    PyTorch,
}

/// <summary>
/// An open file of named tensors: safetensors, or a PyTorch checkpoint. The content of the file decides which of the two it is, not its name.
/// </summary>
/// <remarks>
/// <para>No file is trusted. Nothing from a checkpoint is ever executed. Every size is checked before memory is allocated. Reading takes
/// at most the size of the file plus 64 MB. The file is mapped into memory and not copied. Opening a file reads all of it once: checksums are
/// verified if the file has them (<see cref="SafetensorsFormat"/>), and NaN and infinity are refused in every file.</para>
/// <para>Use the tensors before you dispose the file.</para>
/// </remarks>
internal sealed class TensorFile : IDisposable
{
    private readonly MappedFile _file;

    private TensorFile(MappedFile file, TensorFileFormat format, TensorFileContent content)
    {
        _file = file;
        Format = format;
        Tensors = content.Tensors;
        Metadata = content.Metadata;
    }

    /// <summary>The path as the caller gave it.</summary>
    public string Path => _file.Path;

    /// <summary>The format of the file.</summary>
    public TensorFileFormat Format { get; }

    /// <summary>
    /// The tensors by name, in the order of the file. In a PyTorch checkpoint, nested names are joined with dots; items of lists and
    /// tuples are named by their index; tensors of modules have their <c>state_dict</c> names; a single tensor is named <c>tensor</c>.
    /// </summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>The metadata of a safetensors file; empty for a PyTorch checkpoint.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file of weights.</summary>
    /// <param name="path">A <c>.safetensors</c>, <c>.pt</c> or <c>.pth</c> file.</param>
    /// <exception cref="InputException">The path is not a file; or the file is incomplete or malformed, does not match its checksums, or contains NaN or
    /// infinity; or a checkpoint refers to a class that is not one of the few known classes that hold tensors.</exception>
    public static TensorFile Open(string path) => Open(path, acceptsEarlier: false);

    /// <summary>Opens a file of weights; see <see cref="Open(string)"/>.</summary>
    /// <param name="path">A <c>.safetensors</c>, <c>.pt</c> or <c>.pth</c> file.</param>
    /// <param name="acceptsEarlier">Whether to accept files of our earlier formats, which have no checksums of their tensors.</param>
    /// <exception cref="InputException">As for <see cref="Open(string)"/>.</exception>
    internal static TensorFile Open(string path, bool acceptsEarlier) => Open(MappedFile.Open(path), acceptsEarlier);

    /// <summary>Opens a file that is embedded in an assembly.</summary>
    /// <param name="name">The name of the file in messages.</param>
    /// <param name="resource">The embedded file. The new object takes ownership of it.</param>
    internal static TensorFile Open(string name, UnmanagedMemoryStream resource) => Open(MappedFile.FromResource(name, resource));

    private static TensorFile Open(MappedFile file, bool acceptsEarlier = false)
    {
        try
        {
            var format = FormatOf(file);
            var content = format == TensorFileFormat.Safetensors ? SafetensorsFormat.Read(file, acceptsEarlier) : PyTorchFormat.Read(file);
            foreach (var (name, tensor) in content.Tensors)
                FiniteValues.Require(file, name, tensor);
            return new TensorFile(file, format, content);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Computes the SHA-256 of the file, in lower-case hexadecimal digits, as <c>sha256sum</c> prints it.</summary>
    public string Sha256() => _file.Sha256();

    /// <summary>Closes the file. Its tensors cannot be used after that.</summary>
    public void Dispose() => _file.Dispose();

    private static TensorFileFormat FormatOf(MappedFile file)
    {
        var start = file.Span(0, (int)Math.Min(file.Length, 64));
        if (PyTorchFormat.Recognises(start))
            return TensorFileFormat.PyTorch;
        // The name matters only if the content is of neither format: it then selects the error message.
        if (SafetensorsFormat.Recognises(start)
            || file.Path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) && !IsText(start))
        {
            return TensorFileFormat.Safetensors;
        }

        const string expected = "expected safetensors or a PyTorch checkpoint (zip, or the format before PyTorch 1.6)";
        if (start.StartsWith("version https://git-lfs"u8))
            throw file.Refuse($"{expected}, found a Git LFS pointer", "fetch the file itself with 'git lfs pull'");
        if (IsText(start))
            throw file.Refuse($"{expected}, found text", "if you downloaded it, it is probably an error page; download it again");
        throw file.Refuse($"{expected}, found a file that begins with the bytes {Convert.ToHexString(start[..Math.Min(8, start.Length)])}",
            "check that it is the right file");
    }

    private static bool IsText(ReadOnlySpan<byte> start) => !start.ContainsAnyExceptInRange((byte)'\t', (byte)'~');
}
