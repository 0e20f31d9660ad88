using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Reads CNTK's ResNet-18 from an ONNX file. Each batch norm is folded into the convolution before it.</summary>
/// <remarks>
/// Source of the fields: <c>onnx.proto</c>. The convolutions have the order of <see cref="Trunks.ResNet18"/>. The graph itself is not computed: the layers are those of
/// the description, and only the order of the nodes and the shapes of the tensors are compared with it.
/// </remarks>
internal static class ResNetOnnx
{
    private const int MostBytes = 256 << 20;
    private const int MostNodes = 10_000;
    private const string Advice = "expected CNTK's ResNet-18; check that it is the right file";

    /// <summary>Reads the weights.</summary>
    /// <param name="file">The file, not trusted.</param>
    /// <returns>The tensors by the names of <see cref="Trunks.ResNet18"/>.</returns>
    /// <exception cref="InputException">The file is corrupt, or is not this network.</exception>
    public static IReadOnlyDictionary<string, StoredTensor> Read(MappedFile file)
    {
        if (file.Length > MostBytes)
            throw file.Refuse($"an ONNX file of {file.Length} bytes", Advice);
        var (nodes, tensors) = ReadGraph(file);
        var convolutions = nodes.Where(node => node.Operation == "Conv").ToList();
        var weights = Trunks.ResNet18.Weights;
        if (convolutions.Count != weights.Count / 2)
            throw file.Refuse($"it has {convolutions.Count} convolutions", Advice);
        var result = new OrderedDictionary<string, StoredTensor>(StringComparer.Ordinal);
        for (var i = 0; i < convolutions.Count; i++)
        {
            var convolution = convolutions[i];
            var norm = nodes.FirstOrDefault(node => node.Operation == "BatchNormalization" && node.Inputs.Count == 5 && node.Inputs[0] == convolution.Output);
            if (norm is null || convolution.Inputs.Count != 2)
                throw file.Refuse($"expected a convolution without a bias and a batch norm after it, at convolution {i}", Advice);
            var (weight, bias) = Fold(
                file, Find(convolution.Inputs[1], weights[2 * i].Shape), [.. norm.Inputs.Skip(1).Select(name => Find(name, weights[2 * i + 1].Shape))], norm.Epsilon);
            result.Add(weights[2 * i].Key, Store(weight, weights[2 * i].Shape));
            result.Add(weights[2 * i + 1].Key, Store(bias, weights[2 * i + 1].Shape));
        }

        foreach (var (name, tensor) in result)
            FiniteValues.Require(file, name, tensor);
        return result;

        float[] Find(string name, long[] shape) => tensors.TryGetValue(name, out var tensor) && tensor.Shape.SequenceEqual(shape)
            ? MemoryMarshal.Cast<byte, float>(file.Span(tensor.Offset, tensor.Length)).ToArray()
            : throw file.Refuse($"expected a tensor {Untrusted.Quote(name)} of F32 [{string.Join(", ", shape)}]", Advice);
    }

    /// <summary>γ·(w∗x − mean)/√(variance + ε) + β as one convolution.</summary>
    private static (float[] Weight, float[] Bias) Fold(MappedFile file, float[] weight, float[][] norm, float epsilon)
    {
        file.ChargeContent(weight.Length * sizeof(float));
        var (gamma, beta, mean, variance) = (norm[0], norm[1], norm[2], norm[3]);
        var (bias, perOutput) = (new float[gamma.Length], weight.Length / gamma.Length);
        for (var output = 0; output < gamma.Length; output++)
        {
            var factor = gamma[output] / Math.Sqrt((double)variance[output] + epsilon);
            bias[output] = (float)(beta[output] - mean[output] * factor);
            foreach (ref var value in weight.AsSpan(output * perOutput, perOutput))
                value = (float)(value * factor);
        }

        return (weight, bias);
    }

    private static StoredTensor Store(float[] values, long[] shape) => new(ElementType.Float32, shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    private static (List<Node> Nodes, Dictionary<string, TensorPlace> Tensors) ReadGraph(MappedFile file)
    {
        var (nodes, tensors) = (new List<Node>(), new Dictionary<string, TensorPlace>(StringComparer.Ordinal));
        foreach (var model in Fields(file, 0, (int)file.Length))
        {
            if (model is not { Number: 7, IsBytes: true })
                continue;
            foreach (var graph in Fields(file, model.Offset, model.Length))
            {
                if (graph is { Number: 1, IsBytes: true })
                {
                    nodes.Add(ReadNode(file, graph));
                }
                else if (graph is { Number: 5, IsBytes: true })
                {
                    var (name, tensor) = ReadTensor(file, graph);
                    if (!tensors.TryAdd(name, tensor))
                        throw file.Refuse($"it has the tensor {Untrusted.Quote(name)} twice");
                }

                if (nodes.Count + tensors.Count > MostNodes)
                    throw file.Refuse($"it has more than {MostNodes} nodes", Advice);
            }
        }

        return (nodes, tensors);
    }

    private static Node ReadNode(MappedFile file, Field node)
    {
        var (inputs, output, operation, epsilon) = (new List<string>(), "", "", 1e-5f);
        foreach (var field in Fields(file, node.Offset, node.Length).Where(field => field.IsBytes))
        {
            switch (field.Number)
            {
                case 1 when inputs.Count < 16:
                    inputs.Add(Text(file, field));
                    break;
                case 2 when output.Length == 0:
                    output = Text(file, field);
                    break;
                case 4:
                    operation = Text(file, field);
                    break;
                case 5:
                    var attribute = Fields(file, field.Offset, field.Length).ToList();
                    if (attribute.Any(part => part is { Number: 1, IsBytes: true } && Text(file, part) == "epsilon"))
                        epsilon = attribute.Where(part => part.Number == 2).Select(part => BitConverter.UInt32BitsToSingle((uint)part.Value)).LastOrDefault(epsilon);
                    break;
                default:
                    break;
            }
        }

        return new Node(operation, inputs, output, epsilon);
    }

    private static (string Name, TensorPlace Tensor) ReadTensor(MappedFile file, Field tensor)
    {
        var (name, shape, type, data) = ("", new List<long>(), 0UL, default(Field));
        foreach (var field in Fields(file, tensor.Offset, tensor.Length))
        {
            switch (field)
            {
                case { Number: 1, IsBytes: false } when shape.Count < 8:
                    shape.Add((long)field.Value);
                    break;
                case { Number: 2, IsBytes: false }:
                    type = field.Value;
                    break;
                case { Number: 4 or 9, IsBytes: true, Length: > 0 }:
                    data = field;
                    break;
                case { Number: 8, IsBytes: true }:
                    name = Text(file, field);
                    break;
                default:
                    break;
            }
        }

        const ulong float32 = 1;
        return type == float32 && StoredTensor.ByteLength(ElementType.Float32, shape, MostBytes) == data.Length
            ? (name, new TensorPlace(shape, data.Offset, data.Length))
            : throw file.Refuse($"the tensor {Untrusted.Quote(name)} of {data.Length} bytes is not F32 [{string.Join(", ", shape)}]", Advice);
    }

    private static string Text(MappedFile file, Field field) => field.Length <= 256
        ? Encoding.UTF8.GetString(file.Span(field.Offset, field.Length))
        : throw file.Refuse($"it has a name of {field.Length} bytes", Advice);

    /// <summary>Reads the fields of one message: numbers, and the places of bytes.</summary>
    private static IEnumerable<Field> Fields(MappedFile file, int offset, int length)
    {
        var (position, end) = (offset, offset + length);
        while (position < end)
        {
            var tag = ReadVarint(file, ref position, end);
            var number = (int)Math.Min(tag >> 3, int.MaxValue);
            switch (tag & 7)
            {
                case 0:
                    yield return new Field(number, ReadVarint(file, ref position, end), 0, 0, IsBytes: false);
                    break;
                case 1:
                    yield return new Field(number, BinaryPrimitives.ReadUInt64LittleEndian(Take(file, ref position, end, 8)), 0, 0, IsBytes: false);
                    break;
                case 2:
                    var size = ReadVarint(file, ref position, end);
                    if (size > (ulong)(end - position))
                        throw file.Refuse($"a field at byte {position} ends after its message");
                    yield return new Field(number, 0, position, (int)size, IsBytes: true);
                    position += (int)size;
                    break;
                case 5:
                    yield return new Field(number, BinaryPrimitives.ReadUInt32LittleEndian(Take(file, ref position, end, 4)), 0, 0, IsBytes: false);
                    break;
                default:
                    throw file.Refuse($"the bytes before byte {position} are no field of an ONNX file", Advice);
            }
        }
    }

    private static ulong ReadVarint(MappedFile file, ref int position, int end)
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Take(file, ref position, end, 1)[0];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return value;
        }

        throw file.Refuse($"the bytes before byte {position} are no number of an ONNX file", Advice);
    }

    private static ReadOnlySpan<byte> Take(MappedFile file, ref int position, int end, int count)
    {
        if (count > end - position)
            throw file.Refuse("it ends in the middle of a field");
        var taken = file.Span(position, count);
        position += count;
        return taken;
    }

    private readonly record struct Field(int Number, ulong Value, int Offset, int Length, bool IsBytes);

    private sealed record Node(string Operation, IReadOnlyList<string> Inputs, string Output, float Epsilon);

    private sealed record TensorPlace(IReadOnlyList<long> Shape, int Offset, int Length);
}
