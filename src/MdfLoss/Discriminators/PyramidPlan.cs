using Mdf.Runtime;

namespace Mdf.Discriminators;

/// <summary>A height and a width in pixels.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public readonly record struct ImageSize(int Height, int Width)
{
    /// <summary>The shorter side.</summary>
    public int Shorter => Math.Min(Height, Width);

    /// <summary>The longer side.</summary>
    public int Longer => Math.Max(Height, Width);

    /// <summary>Width × height, as people write it.</summary>
    public override string ToString() => $"{Width}×{Height}";
}

/// <summary>The scales of phase 1: how many there are, their sizes and the widths of their networks.</summary>
/// <remarks>
/// SinGAN's plan, read off the authors' weights: the shorter side of scale 0 is 25 pixels; neighbouring scales differ by a factor
/// r near 0.75, adjusted so that the finest scale is the photograph itself.
/// </remarks>
public sealed record PyramidPlan
{
    /// <summary>The longer side of the finest scale by default (SinGAN's <c>max_size</c>).</summary>
    public const int DefaultMaxSize = 250;

    /// <summary>The shorter side of scale 0 (SinGAN's <c>min_size</c>).</summary>
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

    /// <summary>How many scales there are.</summary>
    public int Count => Sizes.Count;

    /// <summary>r: the size of a scale relative to the next finer one; below 1 (1 for a photograph whose shorter side is 25).</summary>
    public double Factor { get; }

    /// <summary>The size of every scale, coarse to fine.</summary>
    public IReadOnlyList<ImageSize> Sizes { get; }

    /// <summary>The size one level below scale 0, from which the generation starts.</summary>
    public ImageSize Start { get; }

    /// <summary>The channels of the networks of a scale: 32 for scales 0–3, 64 for 4–7, 128 from 8 on.</summary>
    /// <param name="scale">The scale's index; 0 is the coarsest.</param>
    public static int WidthOf(int scale) => Math.Min(BaseWidth << Math.Min(scale / ScalesPerWidth, 8), LargestWidth);

    /// <summary>Plans the pyramid of a photograph.</summary>
    /// <param name="photo">The photograph's size.</param>
    /// <param name="maxSize">The longer side to which a larger photograph is scaled down first.</param>
    /// <exception cref="InputException">The shorter side of the finest scale would be less than 25 pixels.</exception>
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
        // Of a photograph of 25 to 27 pixels, r is so near 1 that one level below scale 0 would have its size.
        var start = Scaled(finest, Math.Pow(factor, count));
        return new PyramidPlan(factor, sizes, start.Shorter < MinSize ? start : Scaled(sizes[0], NominalFactor));
    }

    // Rounded up, but not because of the last bits of a power: 25.000000000000004 is 25.
    private static ImageSize Scaled(ImageSize size, double factor) =>
        new((int)Math.Ceiling(size.Height * factor - 1e-9), (int)Math.Ceiling(size.Width * factor - 1e-9));
}
