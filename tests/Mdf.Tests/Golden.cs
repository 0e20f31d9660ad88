using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using static TorchSharp.torch;

namespace Mdf.Tests;

/// <summary>Reads <c>../shared/reference/golden/{name}.safetensors</c>, with nothing of the library's own reader.</summary>
internal static class Golden
{
    public static Dictionary<string, Tensor> Read(string name)
    {
        var file = File.ReadAllBytes(Shared.Path("reference", "golden", name + ".safetensors"));
        var header = checked((int)BinaryPrimitives.ReadInt64LittleEndian(file));
        using var json = JsonDocument.Parse(file.AsMemory(8, header));
        var tensors = new Dictionary<string, Tensor>();
        foreach (var entry in json.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__"))
        {
            var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()).ToArray();
            var offsets = entry.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32()).ToArray();
            var data = file.AsSpan(8 + header + offsets[0], offsets[1] - offsets[0]);
            tensors[entry.Name] = entry.Value.GetProperty("dtype").GetString() switch
            {
                "F32" => tensor(MemoryMarshal.Cast<byte, float>(data).ToArray(), shape),
                "F64" => tensor(MemoryMarshal.Cast<byte, double>(data).ToArray(), shape),
                "I64" => tensor(MemoryMarshal.Cast<byte, long>(data).ToArray(), shape),
                var other => throw new NotSupportedException($"{name}: {entry.Name} is {other}"),
            };
        }

        return tensors;
    }
}
