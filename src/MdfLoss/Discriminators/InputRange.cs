using System.Globalization;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Discriminators;

/// <summary>The range of values in which a discriminator stack takes its images.</summary>
/// <param name="Low">The value of black.</param>
/// <param name="High">The value of white.</param>
public readonly record struct InputRange(double Low, double High)
{
    /// <summary>[0, 1]: the default of our stacks. The authors also feed [0, 1] to their stacks, although they trained them on [−1, 1].</summary>
    public static InputRange Unit { get; } = new(0, 1);

    /// <summary>[−1, 1]: the range of the images in phase 1.</summary>
    public static InputRange Symmetric { get; } = new(-1, 1);

    /// <summary>Whether both ends are finite as 32-bit floats, and the low end is below the high end.</summary>
    public bool IsUsable => float.IsFinite((float)Low) && float.IsFinite((float)High) && (float)Low < (float)High;

    /// <summary>Converts an image from [0, 1] to this range.</summary>
    /// <param name="image">Any shape.</param>
    /// <returns>The converted image; the same tensor if this range is [0, 1].</returns>
    public Tensor FromUnit(Tensor image)
    {
        if (this == Unit)
            return image;
        using var scope = NewDisposeScope();
        return image.Mul(High - Low).Add(Low).MoveToOuterDisposeScope();
    }

    /// <summary>Converts an image from this range to [0, 1].</summary>
    /// <param name="image">Any shape.</param>
    /// <returns>The converted image; the same tensor if this range is [0, 1].</returns>
    public Tensor ToUnit(Tensor image)
    {
        if (this == Unit)
            return image;
        using var scope = NewDisposeScope();
        return image.Sub(Low).Div(High - Low).MoveToOuterDisposeScope();
    }

    /// <summary>Formats the range as in a file's metadata: <c>-1,1</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Low},{High}");

    /// <summary>Parses the text that <see cref="ToString"/> writes.</summary>
    /// <param name="text">Two finite numbers, the lower first, such as <c>-1,1</c>.</param>
    /// <param name="range">The range, if the text is valid.</param>
    public static bool TryParse(string text, out InputRange range)
    {
        ArgumentNullException.ThrowIfNull(text);
        range = default;
        if (text.Split(',') is not [var low, var high]
            || !double.TryParse(low, NumberStyles.Float, CultureInfo.InvariantCulture, out var from)
            || !double.TryParse(high, NumberStyles.Float, CultureInfo.InvariantCulture, out var to)
            || !new InputRange(from, to).IsUsable)
        {
            return false;
        }

        range = new InputRange(from, to);
        return true;
    }
}
