using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>How a file of weights is laid out.</summary>
public enum TensorFileFormat
{
    /// <summary>Hugging Face's safetensors.</summary>
    Safetensors,

    /// <summary>What PyTorch's <c>torch.save</c> writes: its zip format, or the format from before PyTorch 1.6.</summary>
    PyTorch,
}

/// <summary>
/// An open file of named tensors: safetensors, or a PyTorch checkpoint, which is told by the content and not by the name.
/// </summary>
/// <remarks>
/// <para>No file is trusted. Nothing from a checkpoint is ever run; every size is checked before memory is taken; reading takes
/// at most the size of the file and 64 MB. The file is mapped into memory and not copied. Opening it reads all of it once: a file with checksums is
/// verified (<see cref="SafetensorsFormat"/>), and NaN and infinity are refused in every file.</para>
/// <para>The tensors are to be used before the file is disposed.</para>
/// </remarks>
public sealed class TensorFile : IDisposable
{
    private readonly MappedFile _file;

    private TensorFile(MappedFile file, TensorFileFormat format, TensorFileContent content)
    {
        _file = file;
        Format = format;
        Tensors = content.Tensors;
        Metadata = content.Metadata;
    }

    /// <summary>The path as it was given.</summary>
    public string Path => _file.Path;

    /// <summary>How the file is laid out.</summary>
    public TensorFileFormat Format { get; }

    /// <summary>
    /// The tensors by name, in the order of the file. In a PyTorch checkpoint nested names are joined with dots, lists and
    /// tuples give indices, modules their <c>state_dict</c> names, and a lone tensor is called <c>tensor</c>.
    /// </summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>What a safetensors file says about itself; empty for a PyTorch checkpoint.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file of weights.</summary>
    /// <param name="path">A <c>.safetensors</c>, <c>.pt</c> or <c>.pth</c> file.</param>
    /// <exception cref="InputException">The path is no file; or the file is not whole and well-formed, does not match its checksums, or holds NaN or
    /// infinity; or it asks for something other than tensors and the few classes that are known to hold them.</exception>
    public static TensorFile Open(string path) => Open(path, acceptsEarlier: false);

    /// <summary>The same.</summary>
    /// <param name="path">As above.</param>
    /// <param name="acceptsEarlier">Whether files of our earlier formats, which have no checksums of their tensors, are read.</param>
    /// <exception cref="InputException">As above.</exception>
    internal static TensorFile Open(string path, bool acceptsEarlier) => Of(MappedFile.Open(path), acceptsEarlier);

    /// <summary>Opens a file that is embedded in a program.</summary>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="resource">The embedded file; this owns it from here on.</param>
    internal static TensorFile Open(string name, UnmanagedMemoryStream resource) => Of(MappedFile.Of(name, resource));

    private static TensorFile Of(MappedFile file, bool acceptsEarlier = false)
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

    /// <summary>The SHA-256 of the file, as small hexadecimal digits: what <c>sha256sum</c> prints.</summary>
    public string Sha256() => _file.Sha256();

    /// <summary>Closes the file; its tensors cannot be used any more.</summary>
    public void Dispose() => _file.Dispose();

    private static TensorFileFormat FormatOf(MappedFile file)
    {
        var start = file.Span(0, (int)Math.Min(file.Length, 64));
        if (PyTorchFormat.Recognises(start))
            return TensorFileFormat.PyTorch;
        // The name decides nothing but which message a file gets that begins like neither.
        if (SafetensorsFormat.Recognises(start)
            || file.Path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) && !IsText(start))
        {
            return TensorFileFormat.Safetensors;
        }

        const string expected = "expected safetensors or a PyTorch checkpoint (zip, or the format before PyTorch 1.6)";
        if (start.StartsWith("version https://git-lfs"u8))
            throw file.Refuse($"{expected}, found a Git LFS pointer", "fetch the file itself with 'git lfs pull'");
        if (IsText(start))
            throw file.Refuse($"{expected}, found text", "if it was downloaded, this is likely an error page: download it again");
        throw file.Refuse($"{expected}, found a file that begins with {Convert.ToHexString(start[..Math.Min(8, start.Length)])}",
            "check that it is the right file");
    }

    private static bool IsText(ReadOnlySpan<byte> start) => !start.ContainsAnyExceptInRange((byte)'\t', (byte)'~');
}

/// <summary>What a reader found in a file.</summary>
/// <param name="Tensors">The tensors by name, in the order of the file.</param>
/// <param name="Metadata">What the file says about itself.</param>
internal sealed record TensorFileContent(
    OrderedDictionary<string, StoredTensor> Tensors, IReadOnlyDictionary<string, string> Metadata);
