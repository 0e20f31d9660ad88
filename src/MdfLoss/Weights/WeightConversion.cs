using System.Globalization;
using System.Runtime.InteropServices;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Turns PyTorch checkpoints into safetensors and back.</summary>
/// <remarks>
/// A plain dictionary of tensors has no metadata, but a discriminator stack computes a wrong loss without its input range and its layers' weights.
/// These therefore travel as tensors: the metadata <c>input_range</c> of a safetensors file (<c>-1,1</c>) is the tensor <c>input_range</c> (two floats)
/// of the PyTorch file, <c>layer_weights</c> (<c>0,0,1</c>) is one of three. The authors' stacks have neither: they take [0, 1], and all layers count 1.
/// </remarks>
public static class WeightConversion
{
    /// <summary>The name of the input range, as metadata and as a tensor.</summary>
    internal const string InputRangeKey = "input_range";

    /// <summary>The name of the layers' weights, as metadata and as a tensor.</summary>
    internal const string LayerWeightsKey = "layer_weights";

    private static readonly Numbers[] s_numbers =
    [
        new(InputRangeKey, 2, "two numbers, the lower first", values => values[0] < values[1]),
        new(LayerWeightsKey, 3, "three numbers, not negative and not all 0", values => values.All(value => value >= 0) && values.Any(value => value > 0)),
    ];

    /// <summary>
    /// Converts <c>.pth</c> or <c>.pt</c> to <c>.safetensors</c>, or <c>.safetensors</c> to <c>.pt</c> or <c>.pth</c>. Names, shapes,
    /// types and values stay as they are. A safetensors file says of itself only that it came from PyTorch (<c>format: pt</c>) and its
    /// input range and layers' weights, if it has them: nothing more is known. A file of this program in an earlier format also becomes one in the
    /// present format: the same tensors and metadata, with checksums.
    /// </summary>
    /// <param name="inputPath">The file to read; its content, not its name, tells its format.</param>
    /// <param name="outputPath">The file to write; its extension tells its format.</param>
    /// <returns>The number of tensors in the output.</returns>
    /// <exception cref="InputException">
    /// The input cannot be read, the output has another extension, or both are the same file or format.
    /// </exception>
    public static int Convert(string inputPath, string outputPath)
    {
        FormatOf(outputPath); // before a large file is read
        using var file = TensorFile.Open(inputPath, acceptsEarlier: true);
        return Convert(file, outputPath);
    }

    /// <summary>Converts an open file; see <see cref="Convert(string, string)"/>.</summary>
    /// <param name="file">The file, opened so that earlier formats are accepted.</param>
    /// <param name="outputPath">The file to write; its extension tells its format.</param>
    /// <returns>The number of tensors in the output.</returns>
    /// <exception cref="InputException">The output has another extension, or both are the same file or format.</exception>
    public static int Convert(TensorFile file, string outputPath)
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
    /// <param name="outputPath">The file; its extension tells its format.</param>
    /// <exception cref="InputException">It has another extension, or is no path.</exception>
    internal static TensorFileFormat FormatOf(string outputPath)
    {
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

    /// <summary>Refuses to write a file over the one that is read.</summary>
    /// <param name="inputPath">The file to read, which is there.</param>
    /// <param name="outputPath">The file to write.</param>
    /// <exception cref="InputException">Both are the same.</exception>
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

    /// <summary>A few numbers that a stack's metadata hold.</summary>
    /// <param name="Key">Their name.</param>
    /// <param name="Count">How many.</param>
    /// <param name="Expected">What they are, in words.</param>
    /// <param name="AreUsable">Whether numbers, as many as there should be and all finite, can be used.</param>
    private sealed record Numbers(string Key, int Count, string Expected, Func<float[], bool> AreUsable)
    {
        public void Require(TensorFile file, float[] values, string text)
        {
            if (values.Length != Count || !values.All(float.IsFinite) || !AreUsable(values))
                throw new InputException($"cannot convert '{file.Path}': expected {Key} to be {Expected}, found {Untrusted.Quote(text)}");
        }
    }
}
