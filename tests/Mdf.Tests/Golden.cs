using System.Buffers.Binary;
using System.Text.Json;
using static TorchSharp.torch;

namespace Mdf.Tests;

/// <summary>
/// Reads golden numbers. A safetensors reader of a few lines on purpose: what proves ours must not be ours.
/// </summary>
internal static class Golden
{
    public static Dictionary<string, Tensor> Read(string name)
    {
        var bytes = File.ReadAllBytes(Shared.Path("reference", "golden", name + ".safetensors"));
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, length));
        var tensors = new Dictionary<string, Tensor>();
        foreach (var entry in header.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__"))
        {
            var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()).ToArray();
            var offsets = entry.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32()).ToArray();
            var type = entry.Value.GetProperty("dtype").GetString() switch
            {
                "F32" => ScalarType.Float32,
                "F64" => ScalarType.Float64,
                "I64" => ScalarType.Int64,
                "U8" => ScalarType.Byte,
                var other => throw new NotSupportedException(other),
            };
            var tensor = empty(shape, dtype: type);
            tensor.bytes = bytes.AsSpan(8 + length + offsets[0], offsets[1] - offsets[0]);
            tensors.Add(entry.Name, tensor);
        }

        return tensors;
    }

    /// <summary>Whether two tensors have the same shape and the same values, to the last bit.</summary>
    public static bool AreEqual(Tensor left, Tensor right) =>
        left.shape.SequenceEqual(right.shape) && left.dtype == right.dtype && left.bytes.SequenceEqual(right.bytes);

    /// <summary>‖found − expected‖ / ‖expected‖.</summary>
    public static double RelativeError(Tensor found, Tensor expected)
    {
        using var scope = NewDisposeScope();
        var difference = (found.detach().to(float64) - expected.to(float64)).norm();
        return (difference / expected.to(float64).norm()).item<double>();
    }
}
