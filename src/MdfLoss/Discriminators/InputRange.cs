using System.Globalization;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Discriminators;

/// <summary>The range of values that a discriminator stack takes its images in.</summary>
/// <param name="Low">What black becomes.</param>
/// <param name="High">What white becomes.</param>
public readonly record struct InputRange(double Low, double High)
{
    /// <summary>[0, 1]: what the authors feed their stacks, which were trained on [−1, 1], and what ours take by default.</summary>
    public static InputRange Unit { get; } = new(0, 1);

    /// <summary>[−1, 1]: what phase 1 trains on.</summary>
    public static InputRange Symmetric { get; } = new(-1, 1);

    /// <summary>Whether the ends are finite, also as 32-bit numbers, and the lower is below the upper.</summary>
    public bool IsUsable => float.IsFinite((float)Low) && float.IsFinite((float)High) && (float)Low < (float)High;

    /// <summary>Converts an image from [0, 1] to this range.</summary>
    /// <param name="image">Any shape.</param>
    /// <returns>The image itself where nothing is to be done.</returns>
    public Tensor FromUnit(Tensor image)
    {
        if (this == Unit)
            return image;
        using var scope = NewDisposeScope();
        return image.Mul(High - Low).Add(Low).MoveToOuterDisposeScope();
    }

    /// <summary>Converts an image from this range to [0, 1].</summary>
    /// <param name="image">Any shape.</param>
    /// <returns>The image itself where nothing is to be done.</returns>
    public Tensor ToUnit(Tensor image)
    {
        if (this == Unit)
            return image;
        using var scope = NewDisposeScope();
        return image.Sub(Low).Div(High - Low).MoveToOuterDisposeScope();
    }

    /// <summary>As it stands in a file's metadata: <c>-1,1</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Low},{High}");

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <param name="text">Such as <c>-1,1</c>.</param>
    /// <param name="range">The range, if the text is one: two finite numbers, the lower first.</param>
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
