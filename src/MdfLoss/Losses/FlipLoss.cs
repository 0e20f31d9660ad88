using System.Globalization;
using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>
/// The mean of the LDR-FLIP error map. Andersson, Nilsson, Akenine-Möller, Oskarsson, Åström and Fairchild, "FLIP: A Difference Evaluator for Alternating Images"
/// (HPG 2020): the difference in colour that is seen when two images alternate on a display, raised where edges and points differ.
/// </summary>
/// <remarks>
/// <para>
/// Images in sRGB, in [0, 1]. Values lie in [0, 1]. Restored samples outside of this range are not clamped, but the blurred colours are, as in the paper. So there is no
/// gradient for colours where the whole neighbourhood is outside. Equals the mean of the map of the authors' code.
/// </para>
/// <para>
/// Ours alone: roots and powers below one are straight lines near zero, where their gradients would be infinite. This changes values by less than 1e-5.
/// </para>
/// <para>About 300 multiplications for each pixel at the standard distance, in proportion to the pixels per degree. Measured in strips.</para>
/// </remarks>
public sealed class FlipLoss : ReconstructionLoss
{
    /// <summary>The pixels per degree of visual angle at the authors' viewing distance: 0.7 m from a display that is 0.7 m and 3,840 pixels wide.</summary>
    public const double StandardPixelsPerDegree = 0.7 * 3840 / 0.7 * Math.PI / 180;

    // The filters reach 41 pixels then. libtorch needs 100 GB for those of 250 pixels.
    internal const double MaximumPixelsPerDegree = 300;

    // The paper's: exponents of colour and feature differences, and the point where the curve of colour differences bends.
    private const double ColourExponent = 0.7;
    private const double FeatureExponent = 0.5;
    private const double BendAt = 0.4;
    private const double BendTo = 0.95;
    private const double FeatureWidth = 0.082; // degrees

    // Below these a power is a straight line: a colour difference (of 100), a feature difference (of 1), and the mapped colour difference (of 1).
    private const double SmallestColour = 1e-3;
    private const double SmallestFeature = 1e-6;
    private const double SmallestError = 1e-3;

    // The length of a vector of zero length: less than float32 tells apart.
    private const double SmallestLength = 1e-7;

    // sRGB's curve (IEC 61966-2-1), and CIELAB's.
    private const double LinearUpTo = 0.04045;
    private const double LabBend = 6.0 / 29;

    // Linear sRGB to XYZ, from the chromaticities of ITU-R BT.709 and D65 (0.3127, 0.3290).
    private static readonly double[,] s_toXyz =
    {
        { 10135552.0 / 24577794, 8788810.0 / 24577794, 4435075.0 / 24577794 },
        { 2613072.0 / 12288897, 8788810.0 / 12288897, 887015.0 / 12288897 },
        { 1425312.0 / 73733382, 8788810.0 / 73733382, 70074185.0 / 73733382 },
    };

    private static readonly double[,] s_toRelativeXyz = RelativeToWhite(s_toXyz);
    private static readonly double[,] s_toRgb = Invert(s_toRelativeXyz);

    // YCxCz without its factors and its offset, which the filters keep: Y, X − Y, Y − Z.
    private static readonly double[,] s_toOpponent = Multiply(new double[,] { { 0, 1, 0 }, { 1, -1, 0 }, { 0, 1, -1 } }, s_toRelativeXyz);
    private static readonly double[,] s_fromOpponent = Multiply(s_toRgb, new double[,] { { 1, 1, 0 }, { 1, 0, 0 }, { 1, 0, -1 } });

    private readonly double _largest;
    private readonly int _radius;
    private readonly (double[] Weights, double Factor)[][] _sensitivities;
    private readonly double[] _gaussian;
    private readonly double[] _edge;
    private readonly double[] _point;
    private readonly MapSums _sums;

    /// <summary>Creates the loss.</summary>
    /// <param name="pixelsPerDegree">The pixels per degree of visual angle, from 1 to 300: 67.0206 for the authors' distance. Larger values mean a viewer further away.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is outside of this range.</exception>
    public FlipLoss(double pixelsPerDegree = StandardPixelsPerDegree)
        : base("flip")
    {
        if (!IsPixelsPerDegree(pixelsPerDegree))
            throw new ArgumentOutOfRangeException(nameof(pixelsPerDegree), pixelsPerDegree, $"expected a number from 1 to {MaximumPixelsPerDegree}");
        PixelsPerDegree = pixelsPerDegree;

        // Contrast sensitivity of the three opponent channels, each a sum of Gaussians a √(π/b) exp(−π² z²/b): the paper's table 1.
        const double widest = 0.04;
        var colourRadius = Radius(Math.Sqrt(widest / (2 * Math.PI * Math.PI)) * pixelsPerDegree);
        _sensitivities = [Sensitivity((1, 0.0047)), Sensitivity((1, 0.0053)), Sensitivity((34.1, widest), (13.5, 0.025))];

        var deviation = FeatureWidth / 2 * pixelsPerDegree;
        var featureRadius = Radius(deviation);
        var samples = Enumerable.Range(-featureRadius, 2 * featureRadius + 1).Select(x => (X: x, Weight: Math.Exp(-x * x / (2 * deviation * deviation)))).ToArray();
        _gaussian = Normalize([.. samples.Select(sample => sample.Weight)]);
        _edge = Normalize([.. samples.Select(sample => -sample.X * sample.Weight)]);
        _point = Normalize([.. samples.Select(sample => (sample.X * sample.X / (deviation * deviation) - 1) * sample.Weight)]);
        _radius = Math.Max(colourRadius, featureRadius);
        _sums = new MapSums(_radius, _radius);

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var lab = Lab(tensor(new double[,] { { 0, 0 }, { 1, 0 }, { 0, 1 } }, float64).view(1, 3, 1, 2)); // green and blue
        _largest = Math.Pow(ColourDistance(lab[.., .., .., ..1], lab[.., .., .., 1..]).Number(), ColourExponent);

        (double[], double)[] Sensitivity(params (double A, double B)[] terms)
        {
            var gaussians = terms.Select(term => (
                Weights: Enumerable.Range(-colourRadius, 2 * colourRadius + 1).Select(x => Math.Exp(-Math.PI * Math.PI * Math.Pow(x / pixelsPerDegree, 2) / term.B)).ToArray(),
                Factor: term.A * Math.Sqrt(Math.PI / term.B))).ToArray();
            var sum = gaussians.Sum(gaussian => gaussian.Factor * Math.Pow(gaussian.Weights.Sum(), 2));
            return [.. gaussians.Select(gaussian => (gaussian.Weights, gaussian.Factor / sum))];
        }

        static int Radius(double deviation) => (int)Math.Ceiling(3 * deviation);

        // Positive weights have the sum 1, negative ones −1.
        static double[] Normalize(double[] weights)
        {
            var (positive, negative) = (weights.Where(weight => weight > 0).Sum(), -weights.Where(weight => weight < 0).Sum());
            return [.. weights.Select(weight => weight > 0 ? weight / positive : weight < 0 ? weight / negative : 0)];
        }
    }

    /// <summary>The pixels per degree of visual angle.</summary>
    public double PixelsPerDegree { get; }

    /// <inheritdoc/>
    public override string Expression =>
        PixelsPerDegree == StandardPixelsPerDegree ? GetName() : string.Create(CultureInfo.InvariantCulture, $"{GetName()}?ppd={PixelsPerDegree}");

    /// <summary>The number of samples, to each side, on which a position of the map depends.</summary>
    internal int Reach => _radius;

    internal static bool IsPixelsPerDegree(double value) => value is >= 1 and <= MaximumPixelsPerDegree;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var (lab, features) = Features(reference);
        return new([lab, features], restored =>
        {
            var (restoredLab, restoredFeatures) = Features(restored);
            return MeanPerImage(Map(restoredLab, restoredFeatures, lab, features));
        });
    }

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        var (sums, positions) = _sums.Compute(restored, reference, strips, MapOf);
        return sums.Average(maps => maps[0]) / positions;
    }

    /// <summary>Computes the error map, whose mean is the loss.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>.</param>
    /// <param name="reference">The same.</param>
    /// <returns>Shape <c>(N, 1, H, W)</c>, in [0, 1].</returns>
    internal Tensor MapOf(Tensor restored, Tensor reference)
    {
        using var scope = NewDisposeScope();
        var (lab, features) = Features(restored);
        var (referenceLab, referenceFeatures) = Features(reference);
        return Map(lab, features, referenceLab, referenceFeatures).MoveToOuterDisposeScope();
    }

    private Tensor Map(Tensor lab, Tensor features, Tensor referenceLab, Tensor referenceFeatures)
    {
        using var scope = NewDisposeScope();
        var bend = BendAt * _largest;
        var distance = MsSsimLoss.Power(ColourDistance(lab, referenceLab), ColourExponent, SmallestColour);
        var colour = where(distance.Lt(bend), distance.Mul(BendTo / bend), distance.Sub(bend).Mul((1 - BendTo) / (_largest - bend)).Add(BendTo));
        var differences = (features - referenceFeatures).abs();
        var feature = MsSsimLoss.Power(maximum(differences.narrow(1, 0, 1), differences.narrow(1, 1, 1)).Div(Math.Sqrt(2)), FeatureExponent, SmallestFeature);
        // colour ^ (1 − feature)
        return (colour * (colour.ClampMin(SmallestError).log() * feature).neg().exp()).MoveToOuterDisposeScope();
    }

    /// <summary>The colours as they are seen, <c>(N, 3, H, W)</c>, and the strengths of edges and points, <c>(N, 2, H, W)</c>.</summary>
    private (Tensor Lab, Tensor Features) Features(Tensor image)
    {
        using var scope = NewDisposeScope();
        var linear = where(image.Gt(LinearUpTo), image.ClampMin(LinearUpTo).Add(0.055).Div(1.055).Pow(2.4), image.Div(12.92));
        var opponent = ColourMatrix.Apply(linear, s_toOpponent);
        var padding = _radius;
        var padded = functional.pad(opponent, [padding, padding, padding, padding], mode: TorchSharp.PaddingModes.Replicate);
        var blurred = cat([.. _sensitivities.Select((terms, channel) => Blur(padded.narrow(1, channel, 1), terms))], 1);
        var lab = Lab(ColourMatrix.Apply(blurred, s_fromOpponent).Clamp(0, 1));

        var luminance = Crop(padded.narrow(1, 0, 1), (_gaussian.Length - 1) / 2);
        var (down, across) = (SeparableFilter.Along(luminance, 2, _gaussian), SeparableFilter.Along(luminance, 3, _gaussian));
        var features = cat([.. new[] { _edge, _point }.Select(weights =>
            SeparableFilter.Length(SeparableFilter.Along(down, 3, weights), SeparableFilter.Along(across, 2, weights), SmallestLength))], 1);
        return (lab.MoveToOuterDisposeScope(), features.MoveToOuterDisposeScope());
    }

    private Tensor Blur(Tensor channel, (double[] Weights, double Factor)[] terms)
    {
        var image = Crop(channel, (terms[0].Weights.Length - 1) / 2);
        return terms.Select(term => SeparableFilter.Along(SeparableFilter.Along(image, 2, term.Weights), 3, [.. term.Weights.Select(weight => weight * term.Factor)]))
            .Aggregate((sum, blurred) => sum.Add(blurred));
    }

    /// <summary>A padded image with the padding of a smaller filter.</summary>
    private Tensor Crop(Tensor padded, int radius)
    {
        var edge = _radius - radius;
        return padded.narrow(2, edge, padded.shape[2] - 2 * edge).narrow(3, edge, padded.shape[3] - 2 * edge);
    }

    /// <summary>CIELAB with Hunt's adjustment: colours seem more colourful where they are brighter.</summary>
    /// <param name="linear">Linear RGB in [0, 1], <c>(N, 3, H, W)</c>.</param>
    private static Tensor Lab(Tensor linear)
    {
        const double bend = LabBend * LabBend * LabBend;
        var xyz = ColourMatrix.Apply(linear, s_toRelativeXyz);
        var roots = where(xyz.Gt(bend), xyz.ClampMin(bend).Pow(1.0 / 3), xyz.Div(3 * LabBend * LabBend).Add(4.0 / 29));
        var (x, y, z) = (roots.narrow(1, 0, 1), roots.narrow(1, 1, 1), roots.narrow(1, 2, 1));
        var lightness = y.Mul(116).Sub(16);
        return cat([lightness, lightness * (x - y).Mul(5), lightness * (y - z).Mul(2)], 1); // 0.01 · 500, 0.01 · 200
    }

    /// <summary>HyAB: |ΔL| + √(Δa² + Δb²).</summary>
    private static Tensor ColourDistance(Tensor lab, Tensor other)
    {
        var squares = (lab - other).Square();
        var chroma = squares.narrow(1, 1, 1).Add(squares.narrow(1, 2, 1));
        // √(d² + ε²) − ε, zero for equal colours.
        var distance = chroma / chroma.Add(SmallestLength * SmallestLength).sqrt().Add(SmallestLength);
        return distance.Add((lab.narrow(1, 0, 1) - other.narrow(1, 0, 1)).abs());
    }

    private static double[,] RelativeToWhite(double[,] matrix)
    {
        var relative = new double[3, 3];
        for (var i = 0; i < 3; i++)
        {
            for (var j = 0; j < 3; j++)
                relative[i, j] = matrix[i, j] / (matrix[i, 0] + matrix[i, 1] + matrix[i, 2]);
        }

        return relative;
    }

    private static double[,] Multiply(double[,] left, double[,] right)
    {
        var product = new double[3, 3];
        for (var i = 0; i < 3; i++)
        {
            for (var j = 0; j < 3; j++)
                product[i, j] = left[i, 0] * right[0, j] + left[i, 1] * right[1, j] + left[i, 2] * right[2, j];
        }

        return product;
    }

    // By Cramer's rule, with indices modulo 3 in place of signs.
    private static double[,] Invert(double[,] m)
    {
        var inverse = new double[3, 3];
        var determinant = m[0, 0] * Cofactor(0, 0) + m[0, 1] * Cofactor(0, 1) + m[0, 2] * Cofactor(0, 2);
        for (var i = 0; i < 3; i++)
        {
            for (var j = 0; j < 3; j++)
                inverse[i, j] = Cofactor(j, i) / determinant;
        }

        return inverse;

        double Cofactor(int i, int j) =>
            m[(i + 1) % 3, (j + 1) % 3] * m[(i + 2) % 3, (j + 2) % 3] - m[(i + 1) % 3, (j + 2) % 3] * m[(i + 2) % 3, (j + 1) % 3];
    }
}
