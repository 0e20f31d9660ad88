using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// Refuses NaN and infinity in the tensors of a file. One such weight makes every pixel NaN; one such moment of the optimizer makes the next step NaN.
/// </summary>
internal static class FiniteValues
{
    // A floating-point number is infinite or NaN if all bits of its exponent are 1 (IEEE 754; bfloat16 is the upper half of a 32-bit float).
    private const ushort HalfExponent = 0x7C00;
    private const ushort BFloatExponent = 0x7F80;
    private const uint SingleExponent = 0x7F80_0000;
    private const ulong DoubleExponent = 0x7FF0_0000_0000_0000;

    /// <summary>Throws if a floating-point number of a tensor is not finite.</summary>
    /// <param name="file">The file, for the message.</param>
    /// <param name="name">The tensor's name.</param>
    /// <param name="tensor">The tensor, of any type. A tensor of integers always passes.</param>
    /// <exception cref="InputException">A number is NaN or infinite; the message names the file, the tensor and the element.</exception>
    public static void Require(MappedFile file, string name, StoredTensor tensor)
    {
        var index = tensor.Type switch
        {
            ElementType.Float16 => IndexOf(tensor.Bytes, HalfExponent),
            ElementType.BFloat16 => IndexOf(tensor.Bytes, BFloatExponent),
            ElementType.Float32 => IndexOf(tensor.Bytes, SingleExponent),
            ElementType.Float64 => IndexOf(tensor.Bytes, DoubleExponent),
            _ => -1,
        };
        if (index < 0)
            return;
        throw file.Refuse(
            string.Create(CultureInfo.InvariantCulture,
                $"expected finite numbers in the tensor {Untrusted.Quote(name)}, found {Text(tensor, index)} (element {index} of {tensor.Count})"),
            "the file is corrupt, or the training that wrote it diverged; use another file");
    }

    /// <summary>Finds the first number in which all bits of <paramref name="exponent"/> are set; -1 if there is none.</summary>
    private static int IndexOf<T>(ReadOnlySpan<byte> bytes, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        var numbers = MemoryMarshal.Cast<byte, T>(bytes);
        var mask = new Vector<T>(exponent);
        var start = 0;
        while (start <= numbers.Length - Vector<T>.Count && !Vector.EqualsAny(new Vector<T>(numbers[start..]) & mask, mask))
            start += Vector<T>.Count;
        for (var i = start; i < numbers.Length; i++)
        {
            if ((numbers[i] & exponent) == exponent)
                return i;
        }

        return -1;
    }

    private static string Text(StoredTensor tensor, int index)
    {
        var bytes = tensor.Bytes.Slice(index * tensor.Type.Size(), tensor.Type.Size());
        var value = tensor.Type switch
        {
            ElementType.Float16 => (double)MemoryMarshal.Read<Half>(bytes),
            ElementType.BFloat16 => BitConverter.UInt32BitsToSingle((uint)MemoryMarshal.Read<ushort>(bytes) << 16),
            ElementType.Float32 => MemoryMarshal.Read<float>(bytes),
            _ => MemoryMarshal.Read<double>(bytes),
        };
        return value.ToString(CultureInfo.InvariantCulture);
    }
}
