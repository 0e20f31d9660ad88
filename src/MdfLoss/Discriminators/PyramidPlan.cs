using Mdf.Runtime;

namespace Mdf.Discriminators;

/// <summary>A height and a width in pixels.</summary>
/// <param name="Height">The number of rows.</param>
/// <param name="Width">The number of columns.</param>
public readonly record struct ImageSize(int Height, int Width)
{
    /// <summary>The shorter side, in pixels.</summary>
    public int Shorter => Math.Min(Height, Width);

    /// <summary>The longer side, in pixels.</summary>
    public int Longer => Math.Max(Height, Width);

    /// <summary>Formats the size as width × height, such as <c>250×168</c>.</summary>
    public override string ToString() => $"{Width}×{Height}";
}

/// <summary>The scales of phase 1: their number, their sizes, and the widths of their networks.</summary>
/// <remarks>
/// This is SinGAN's plan; the authors' weights confirm it. The shorter side of scale 0 is 25 pixels. Neighbouring scales differ by a factor
/// r near 0.75, which is adjusted so that the finest scale is the photograph itself.
/// </remarks>
internal sealed record PyramidPlan
{
    /// <summary>The default upper bound of the longer side of the finest scale, in pixels (SinGAN's <c>max_size</c>).</summary>
    public const int DefaultMaxSize = 250;

    /// <summary>The shorter side of scale 0, in pixels (SinGAN's <c>min_size</c>).</summary>
    public const int MinSize = 25;

    private const double NominalFactor = 0.75;
    private const int BaseWidth = 32;
    private const int ScalesPerWidth = 4;
    private const int LargestWidth = 128;

    private PyramidPlan(double factor, IReadOnlyList<ImageSize> sizes, ImageSize start)
    {
        Factor = factor;
        Sizes = sizes;
        Start = start;
    }

    /// <summary>The number of scales.</summary>
    public int Count => Sizes.Count;

    /// <summary>r: the size of a scale divided by the size of the next finer scale. Below 1; exactly 1 if the photograph's shorter side is 25.</summary>
    public double Factor { get; }

    /// <summary>The size of every scale, coarse to fine.</summary>
    public IReadOnlyList<ImageSize> Sizes { get; }

    /// <summary>The size one level below (coarser than) scale 0. Generation starts from it.</summary>
    public ImageSize Start { get; }

    /// <summary>The number of channels of the networks of a scale: 32 for scales 0–3, 64 for scales 4–7, 128 for scale 8 and above.</summary>
    /// <param name="scale">The scale's index; 0 is the coarsest.</param>
    public static int WidthOf(int scale) => Math.Min(BaseWidth << Math.Min(scale / ScalesPerWidth, 8), LargestWidth);

    /// <summary>Plans the pyramid of a photograph.</summary>
    /// <param name="photo">The photograph's size.</param>
    /// <param name="maxSize">The longest allowed side, in pixels. A larger photograph is first scaled down to it.</param>
    /// <exception cref="InputException">The shorter side of the finest scale would have fewer than 25 pixels.</exception>
    public static PyramidPlan For(ImageSize photo, int maxSize = DefaultMaxSize)
    {
        var shrink = Math.Min(1.0, maxSize / (double)photo.Longer);
        var finest = Scaled(photo, shrink);
        if (finest.Shorter < MinSize)
        {
            throw new InputException($"expected a photograph whose shorter side has at least {MinSize} pixels "
                + $"once its longer side is at most {maxSize}, found {photo}{(shrink < 1 ? $", scaled to {finest}" : "")}: use a larger or less narrow one");
        }

        var count = (int)Math.Ceiling(Math.Log(MinSize / (double)finest.Shorter) / Math.Log(NominalFactor)) + 2;
        var factor = Math.Pow(MinSize / (double)finest.Shorter, 1.0 / (count - 1));
        var sizes = Enumerable.Range(0, count).Select(k => Scaled(finest, Math.Pow(factor, count - 1 - k))).ToArray();
        // If the shorter side is 25 to 27 pixels, r is so near 1 that the level below scale 0 would have the size of scale 0.
        var start = Scaled(finest, Math.Pow(factor, count));
        return new PyramidPlan(factor, sizes, start.Shorter < MinSize ? start : Scaled(sizes[0], NominalFactor));
    }

    // Rounds up. The tolerance ignores the rounding error of the power: 25.000000000000004 gives 25.
    private static ImageSize Scaled(ImageSize size, double factor) =>
        new((int)Math.Ceiling(size.Height * factor - 1e-9), (int)Math.Ceiling(size.Width * factor - 1e-9));
}
