using static TorchSharp.torch;

namespace Mdf.Weights;

/// <summary>
/// A tensor as it lies in a file: an element type, a shape, and contiguous little-endian bytes in row-major order.
/// Handling one does not need libtorch; only <see cref="ToTensor"/> and <see cref="From"/> do.
/// </summary>
/// <remarks>
/// The bytes of a tensor that was read from a file belong to the <see cref="TensorFile"/>: use it before that is disposed.
/// </remarks>
public sealed class StoredTensor
{
    /// <summary>The most dimensions that a tensor may have, as in libtorch's element-wise kernels.</summary>
    internal const int MaxDimensions = 64;

    private readonly long[] _shape;
    private readonly ReadOnlyMemory<byte> _bytes;

    /// <summary>Describes bytes as a tensor; the bytes are not copied.</summary>
    /// <param name="type">The type of the elements.</param>
    /// <param name="shape">The size of each dimension, at least 0; empty for a scalar.</param>
    /// <param name="bytes">All elements, little-endian, row-major. They must not change afterwards.</param>
    /// <exception cref="ArgumentException">The shape does not describe exactly these bytes.</exception>
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

    /// <summary>All elements, little-endian, row-major; for a tensor from a file a view of the mapped file, not a copy.</summary>
    /// <exception cref="ObjectDisposedException">The <see cref="TensorFile"/> that it came from is disposed.</exception>
    public ReadOnlySpan<byte> Bytes => _bytes.Span;

    /// <summary>Copies a tensor out of libtorch.</summary>
    /// <param name="tensor">
    /// A strided tensor on any device, of one of the types of <see cref="ElementType"/>. It keeps its gradient history; the copy has none.
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

    /// <summary>Copies the elements into a tensor of libtorch, which has no gradient and shares nothing with the file.</summary>
    /// <param name="device">Where the tensor goes; the CPU when null.</param>
    /// <returns>A contiguous tensor of this shape and type.</returns>
    /// <exception cref="ObjectDisposedException">The <see cref="TensorFile"/> that it came from is disposed.</exception>
    public Tensor ToTensor(Device? device = null)
    {
        using var scope = NewDisposeScope();
        // A byte of a bool that is neither 0 nor 1 is undefined behaviour in libtorch: convert instead of reinterpreting.
        var dtype = (Type == ElementType.Bool ? ElementType.UInt8 : Type).ScalarType();
        var tensor = empty(_shape, dtype);
        if (_bytes.Length > 0)
            Bytes.CopyTo(tensor.bytes);
        if (Type == ElementType.Bool)
            tensor = tensor.to(ScalarType.Bool);
        return (device is null ? tensor : tensor.to(device)).MoveToOuterDisposeScope();
    }

    /// <summary>The tensor's type and shape, such as <c>F32 [32, 3, 3, 3]</c>.</summary>
    public override string ToString() => Describe(Type, _shape);

    /// <summary>Type and shape for a message.</summary>
    internal static string Describe(ElementType type, IReadOnlyList<long> shape) =>
        $"{type.SafetensorsName()} [{string.Join(", ", shape.Take(8))}{(shape.Count > 8 ? ", …" : "")}]";

    /// <summary>
    /// The bytes that a shape takes, or -1 when a size is negative or they are more than <paramref name="limit"/>. The sizes
    /// beside a size of 0 are held to what a 64-bit number counts, because libtorch multiplies them too.
    /// </summary>
    internal static long ByteLength(ElementType type, IReadOnlyList<long> shape, long limit)
    {
        var isEmpty = shape.Contains(0);
        Int128 length = type.Size();
        foreach (var size in shape)
        {
            if (size < 0)
                return -1;
            length *= Math.Max(1, size); // both below 2^63: cannot overflow, and is checked before the next factor
            if (length > (isEmpty ? long.MaxValue : limit))
                return -1;
        }

        return isEmpty ? 0 : length > limit ? -1 : (long)length;
    }
}
