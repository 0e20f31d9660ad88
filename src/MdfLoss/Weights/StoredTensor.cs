using static TorchSharp.torch;

namespace Mdf.Weights;

/// <summary>
/// A tensor as it is stored in a file: an element type, a shape, and contiguous little-endian bytes in row-major order.
/// Only <see cref="ToTensor"/> and <see cref="From"/> need libtorch.
/// </summary>
/// <remarks>
/// The <see cref="TensorFile"/> owns the bytes of a tensor that it read. Use the tensor before you dispose the file.
/// </remarks>
internal sealed class StoredTensor
{
    /// <summary>The largest number of dimensions of a tensor, as in libtorch's element-wise kernels.</summary>
    internal const int MaxDimensions = 64;

    private readonly long[] _shape;
    private readonly ReadOnlyMemory<byte> _bytes;

    /// <summary>Creates a tensor from bytes. The bytes are not copied.</summary>
    /// <param name="type">The type of the elements.</param>
    /// <param name="shape">The size of each dimension, at least 0; empty for a scalar.</param>
    /// <param name="bytes">All elements: little-endian, row-major. They must not change after this call.</param>
    /// <exception cref="ArgumentException">The number of bytes does not match the type and the shape.</exception>
    public StoredTensor(ElementType type, IReadOnlyList<long> shape, ReadOnlyMemory<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(shape);
        if (shape.Count > MaxDimensions || ByteLength(type, shape, bytes.Length) != bytes.Length)
            throw new ArgumentException($"{Describe(type, shape)} does not describe {bytes.Length} bytes", nameof(shape));
        Type = type;
        _shape = [.. shape];
        _bytes = bytes;
    }

    /// <summary>The type of the elements.</summary>
    public ElementType Type { get; }

    /// <summary>The size of each dimension; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape => _shape;

    /// <summary>The number of elements.</summary>
    public long Count => _bytes.Length / Type.Size();

    /// <summary>All elements: little-endian, row-major. For a tensor from a file, this is a view of the mapped file, not a copy.</summary>
    /// <exception cref="ObjectDisposedException">The <see cref="TensorFile"/> of the tensor is disposed.</exception>
    public ReadOnlySpan<byte> Bytes => _bytes.Span;

    /// <summary>Copies a tensor of libtorch.</summary>
    /// <param name="tensor">
    /// A strided tensor of one of the types of <see cref="ElementType"/>, on any device. It keeps its gradient history; the copy has none.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The tensor's type is not one of <see cref="ElementType"/>, or it takes 2 GiB or more.
    /// </exception>
    public static StoredTensor From(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var type = ElementTypes.FromScalarType(tensor.dtype)
            ?? throw new ArgumentException($"tensors of type {tensor.dtype} cannot be stored", nameof(tensor));
        if (tensor.numel() > Array.MaxLength / type.Size())
            throw new ArgumentException($"{Describe(type, tensor.shape)} takes 2 GiB or more", nameof(tensor));
        using var scope = NewDisposeScope();
        var contiguous = tensor.detach().cpu().contiguous();
        return new StoredTensor(type, tensor.shape, contiguous.bytes.ToArray());
    }

    /// <summary>Copies the elements into a new tensor of libtorch. The new tensor has no gradient and shares no memory with the file.</summary>
    /// <param name="device">The device of the new tensor. Default: the CPU.</param>
    /// <returns>A contiguous tensor of this shape and type.</returns>
    /// <exception cref="ObjectDisposedException">The <see cref="TensorFile"/> of the tensor is disposed.</exception>
    public Tensor ToTensor(Device? device = null)
    {
        using var scope = NewDisposeScope();
        // In libtorch, a bool whose byte is neither 0 nor 1 is undefined behaviour. So convert the bytes, and do not reinterpret them.
        var dtype = (Type == ElementType.Bool ? ElementType.UInt8 : Type).ScalarType();
        var tensor = empty(_shape, dtype);
        if (_bytes.Length > 0)
            Bytes.CopyTo(tensor.bytes);
        if (Type == ElementType.Bool)
            tensor = tensor.to(ScalarType.Bool);
        return (device is null ? tensor : tensor.to(device)).MoveToOuterDisposeScope();
    }

    /// <summary>Formats the type and the shape, such as <c>F32 [32, 3, 3, 3]</c>.</summary>
    public override string ToString() => Describe(Type, _shape);

    /// <summary>Formats a type and a shape for a message.</summary>
    internal static string Describe(ElementType type, IReadOnlyList<long> shape) =>
        $"{type.SafetensorsName()} [{string.Join(", ", shape.Take(8))}{(shape.Count > 8 ? ", …" : "")}]";

    /// <summary>
    /// The number of bytes of a tensor; -1 if a size is negative, or if the number is above <paramref name="limit"/>. If one size is 0, the product of
    /// the others must still fit in 64 bits, because libtorch multiplies them too.
    /// </summary>
    internal static long ByteLength(ElementType type, IReadOnlyList<long> shape, long limit)
    {
        var isEmpty = shape.Contains(0);
        Int128 length = type.Size();
        foreach (var size in shape)
        {
            if (size < 0)
                return -1;
            length *= Math.Max(1, size); // both factors are below 2^63, so this cannot overflow; the check comes before the next factor
            if (length > (isEmpty ? long.MaxValue : limit))
                return -1;
        }

        return isEmpty ? 0 : length > limit ? -1 : (long)length;
    }
}
