using System.Globalization;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>Removal of banding, <c>quantize:bits</c>: every channel is clamped to [0, 1] and rounded to this number of bits.</summary>
internal sealed class Quantization : Distortion
{
    /// <summary>Creates the distortion.</summary>
    /// <param name="bits">The number of bits, 1 to 8.</param>
    /// <exception cref="InputException"><paramref name="bits"/> is out of range.</exception>
    public Quantization(int bits)
    {
        if (bits is < 1 or > 8)
            throw OutOfRange(bits.ToString(CultureInfo.InvariantCulture));
        Bits = bits;
    }

    internal static TaskName Name { get; } = new("quantize", "quantize:3", "bits", Create);

    /// <summary>The number of bits of a channel, 1 to 8.</summary>
    public int Bits { get; }

    /// <inheritdoc/>
    public override string Task => string.Create(CultureInfo.InvariantCulture, $"{Name.Name}:{Bits}");

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random)
    {
        var steps = (1 << Bits) - 1;
        return reference.Clamp(0, 1).Mul(steps).round_().Div_(steps);
    }

    private static Quantization Create(string? bits) =>
        int.TryParse(bits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? new Quantization(number)
        : string.IsNullOrEmpty(bits) ? throw new InputException("task 'quantize' needs a strength: expected the bits of a channel after a colon, such as 'quantize:3'")
        : throw OutOfRange(bits);

    private static InputException OutOfRange(string found) => new(
        $"cannot use task 'quantize:{found}': expected the bits of a channel, a whole number of 1 to 8, such as 'quantize:3'");
}
