using System.Globalization;
using System.Runtime.InteropServices;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Turns PyTorch checkpoints into safetensors and back.</summary>
/// <remarks>
/// A plain dictionary of tensors has no metadata, but a discriminator stack computes a wrong loss without its input range. That one
/// entry therefore travels as a tensor: the metadata <c>input_range</c> of a safetensors file (<c>-1,1</c>) is the tensor
/// <c>input_range</c> (two floats) of the PyTorch file. The authors' stacks have none and take [0, 1].
/// </remarks>
public static class WeightConversion
{
    /// <summary>The name of the input range, as metadata and as a tensor.</summary>
    internal const string InputRangeKey = "input_range";

    /// <summary>
    /// Converts <c>.pth</c> or <c>.pt</c> to <c>.safetensors</c>, or <c>.safetensors</c> to <c>.pt</c> or <c>.pth</c>. Names, shapes,
    /// types and values stay as they are. A safetensors file says of itself only that it came from PyTorch (<c>format: pt</c>) and its
    /// input range, if it has one: nothing more is known.
    /// </summary>
    /// <param name="inputPath">The file to read; its content, not its name, tells its format.</param>
    /// <param name="outputPath">The file to write; its extension tells its format.</param>
    /// <returns>The number of tensors in the output.</returns>
    /// <exception cref="InputException">
    /// The input cannot be read, the output has another extension, or both are the same file or format.
    /// </exception>
    public static int Convert(string inputPath, string outputPath)
    {
        var format = Path.GetExtension(outputPath).ToUpperInvariant() switch
        {
            ".SAFETENSORS" => TensorFileFormat.Safetensors,
            ".PT" or ".PTH" => TensorFileFormat.PyTorch,
            _ => throw new InputException($"cannot convert to '{outputPath}': expected a name that ends in .safetensors, .pt or .pth"),
        };
        if (outputPath.Contains('\0', StringComparison.Ordinal))
            throw new InputException($"cannot convert to '{outputPath}': expected a path, found a NUL character in it");
        using var file = TensorFile.Open(inputPath);
        if (string.Equals(Path.GetFullPath(inputPath), Path.GetFullPath(outputPath),
            OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal))
        {
            throw new InputException($"cannot convert '{inputPath}' into itself; give the output another name");
        }

        if (file.Format == format)
        {
            throw new InputException($"cannot convert '{inputPath}' to '{outputPath}': it is a {format} file already; "
                + (format == TensorFileFormat.Safetensors ? "choose a name that ends in .pt" : "choose a name that ends in .safetensors"));
        }

        return format == TensorFileFormat.PyTorch ? WritePyTorch(file, outputPath) : WriteSafetensors(file, outputPath);
    }

    private static int WritePyTorch(TensorFile file, string path)
    {
        var tensors = new OrderedDictionary<string, StoredTensor>(file.Tensors);
        if (file.Metadata.TryGetValue(InputRangeKey, out var text))
        {
            var range = text.Split(',').Select(ParseBound).ToArray();
            RequireRange(file, range, text);
            var tensor = new StoredTensor(ElementType.Float32, [2], MemoryMarshal.AsBytes<float>(range).ToArray());
            if (!tensors.TryAdd(InputRangeKey, tensor))
                throw new InputException($"cannot convert '{file.Path}': it has {InputRangeKey} both as metadata and as a tensor");
        }

        PyTorchFormat.Write(path, tensors);
        return tensors.Count;
    }

    private static void RequireRange(TensorFile file, ReadOnlySpan<float> range, string text)
    {
        if (range is not [var low, var high] || !float.IsFinite(low) || !float.IsFinite(high) || low >= high)
        {
            throw new InputException($"cannot convert '{file.Path}': expected two numbers as its {InputRangeKey}, the lower first, "
                + $"found {Untrusted.Quote(text)}");
        }
    }

    private static float ParseBound(string text) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var bound) ? bound : float.NaN;

    private static int WriteSafetensors(TensorFile file, string path)
    {
        var tensors = new OrderedDictionary<string, StoredTensor>(file.Tensors);
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        if (tensors.TryGetValue(InputRangeKey, out var tensor) && tensor is { Type: ElementType.Float32, Shape: [2] })
        {
            var range = MemoryMarshal.Cast<byte, float>(tensor.Bytes);
            metadata[InputRangeKey] = string.Create(CultureInfo.InvariantCulture, $"{range[0]},{range[1]}");
            RequireRange(file, range, metadata[InputRangeKey]);
            tensors.Remove(InputRangeKey);
        }

        SafetensorsFormat.Write(path, tensors, metadata);
        return tensors.Count;
    }
}
