using System.Globalization;
using System.Runtime.InteropServices;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Converts PyTorch checkpoints to safetensors and back.</summary>
/// <remarks>
/// A PyTorch file is a plain dictionary of tensors and has no metadata. But a discriminator stack computes a wrong loss without its input range and its
/// layer weights. So these become tensors: the metadata entry <c>input_range</c> of a safetensors file (<c>-1,1</c>) is the tensor <c>input_range</c> (two
/// floats) of the PyTorch file, and the entry <c>layer_weights</c> (<c>0,0,1</c>) is a tensor of three floats. The authors' stacks have neither: their range
/// is [0, 1], and the weight of each layer is 1.
/// </remarks>
public static class WeightConversion
{
    /// <summary>The name of the input range, both as metadata and as a tensor.</summary>
    internal const string InputRangeKey = "input_range";

    /// <summary>The name of the layer weights, both as metadata and as a tensor.</summary>
    internal const string LayerWeightsKey = "layer_weights";

    private static readonly Numbers[] s_numbers =
    [
        new(InputRangeKey, 2, "two numbers, the lower first", values => values[0] < values[1]),
        new(LayerWeightsKey, 3, "three numbers, not negative and not all 0", values => values.All(value => value >= 0) && values.Any(value => value > 0)),
    ];

    /// <summary>
    /// Converts <c>.pth</c> or <c>.pt</c> to <c>.safetensors</c>, or <c>.safetensors</c> to <c>.pt</c> or <c>.pth</c>. Names, shapes,
    /// types and values stay the same. The metadata of a new safetensors file are <c>format: pt</c> (the file came from PyTorch), and the
    /// input range and the layer weights, if there are any. A file that this program wrote in an earlier format can also be converted to the
    /// current format: the tensors and metadata stay the same, and checksums are added.
    /// </summary>
    /// <param name="inputPath">The file to read. Its content decides its format, not its name.</param>
    /// <param name="outputPath">The file to write. Its extension decides its format.</param>
    /// <returns>The number of tensors in the output.</returns>
    /// <exception cref="InputException">
    /// The input cannot be read, the output has another extension, or both are the same file or have the same format.
    /// </exception>
    public static int Convert(string inputPath, string outputPath)
    {
        FormatOf(outputPath); // before a large file is read
        using var file = TensorFile.Open(inputPath, acceptsEarlier: true);
        return Convert(file, outputPath);
    }

    /// <summary>Converts an open file; see <see cref="Convert(string, string)"/>.</summary>
    /// <param name="file">The file, opened so that earlier formats are accepted.</param>
    /// <param name="outputPath">The file to write. Its extension decides its format.</param>
    /// <returns>The number of tensors in the output.</returns>
    /// <exception cref="InputException">The output has another extension, or both are the same file or have the same format.</exception>
    internal static int Convert(TensorFile file, string outputPath)
    {
        ArgumentNullException.ThrowIfNull(file);
        var format = FormatOf(outputPath);
        var inputPath = file.Path;
        RequireDifferent(inputPath, outputPath);
        if (format == TensorFileFormat.Safetensors && FileKind.Successor(file.Metadata) is { } successor)
        {
            SafetensorsFormat.Write(outputPath, file.Tensors, new Dictionary<string, string>(file.Metadata) { [FileKind.Key] = successor.Format });
            return file.Tensors.Count;
        }

        if (file.Format == format)
        {
            throw new InputException($"cannot convert '{inputPath}' to '{outputPath}': it is a {format} file already; "
                + (format == TensorFileFormat.Safetensors ? "choose a name that ends in .pt" : "choose a name that ends in .safetensors"));
        }

        return format == TensorFileFormat.PyTorch ? WritePyTorch(file, outputPath) : WriteSafetensors(file, outputPath);
    }

    /// <summary>The format of a file to write.</summary>
    /// <param name="outputPath">The file. Its extension decides its format.</param>
    /// <exception cref="InputException">The path has another extension, or is not a valid path.</exception>
    internal static TensorFileFormat FormatOf(string outputPath)
    {
        ArgumentNullException.ThrowIfNull(outputPath);
        var format = Path.GetExtension(outputPath).ToUpperInvariant() switch
        {
            ".SAFETENSORS" => TensorFileFormat.Safetensors,
            ".PT" or ".PTH" => TensorFileFormat.PyTorch,
            _ => throw new InputException($"cannot convert to '{outputPath}': expected a name that ends in .safetensors, .pt or .pth"),
        };
        return !outputPath.Contains('\0', StringComparison.Ordinal)
            ? format
            : throw new InputException($"cannot convert to '{outputPath}': expected a path, found a NUL character in it");
    }

    /// <summary>Throws if the output would overwrite the input.</summary>
    /// <param name="inputPath">The file to read; it exists.</param>
    /// <param name="outputPath">The file to write.</param>
    /// <exception cref="InputException">Both are the same file.</exception>
    internal static void RequireDifferent(string inputPath, string outputPath)
    {
        if (string.Equals(Path.GetFullPath(inputPath), Path.GetFullPath(outputPath),
            OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal))
        {
            throw new InputException($"cannot convert '{inputPath}' into itself; give the output another name");
        }
    }

    private static int WritePyTorch(TensorFile file, string path)
    {
        var tensors = new OrderedDictionary<string, StoredTensor>(file.Tensors);
        foreach (var numbers in s_numbers)
        {
            if (!file.Metadata.TryGetValue(numbers.Key, out var text))
                continue;
            var values = text.Split(',').Select(ParseNumber).ToArray();
            numbers.Require(file, values, text);
            if (!tensors.TryAdd(numbers.Key, new StoredTensor(ElementType.Float32, [values.Length], MemoryMarshal.AsBytes<float>(values).ToArray())))
                throw new InputException($"cannot convert '{file.Path}': it has {numbers.Key} both as metadata and as a tensor");
        }

        PyTorchFormat.Write(path, tensors);
        return tensors.Count;
    }

    private static int WriteSafetensors(TensorFile file, string path)
    {
        var tensors = new OrderedDictionary<string, StoredTensor>(file.Tensors);
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        foreach (var numbers in s_numbers)
        {
            if (!tensors.TryGetValue(numbers.Key, out var tensor) || tensor is not { Type: ElementType.Float32, Shape: [var count] } || count != numbers.Count)
                continue;
            var values = MemoryMarshal.Cast<byte, float>(tensor.Bytes).ToArray();
            metadata[numbers.Key] = string.Join(',', values.Select(value => value.ToString(CultureInfo.InvariantCulture)));
            numbers.Require(file, values, metadata[numbers.Key]);
            tensors.Remove(numbers.Key);
        }

        SafetensorsFormat.Write(path, tensors, metadata);
        return tensors.Count;
    }

    private static float ParseNumber(string text) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : float.NaN;

    /// <summary>An entry of a stack's metadata that consists of two or three numbers.</summary>
    /// <param name="Key">The name of the entry.</param>
    /// <param name="Count">The number of numbers.</param>
    /// <param name="Expected">A description of valid numbers, for messages.</param>
    /// <param name="AreUsable">Whether the numbers are valid. It is given <paramref name="Count"/> finite numbers.</param>
    private sealed record Numbers(string Key, int Count, string Expected, Func<float[], bool> AreUsable)
    {
        public void Require(TensorFile file, float[] values, string text)
        {
            if (values.Length != Count || !values.All(float.IsFinite) || !AreUsable(values))
                throw new InputException($"cannot convert '{file.Path}': expected {Key} to be {Expected}, found {Untrusted.Quote(text)}");
        }
    }
}
