using System.Runtime.InteropServices;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>
/// NIQE: how far the statistics of an image are from those of pristine photographs; needs no reference, lower is better.
/// Mittal, Soundararajan and Bovik, "Making a Completely Blind Image Quality Analyzer" (IEEE Signal Processing Letters, 2013).
/// </summary>
/// <remarks>
/// As BasicSR computes it: the luma of the 8-bit image, rounded; blocks of 96×96 pixels without overlap, all of them; the half-size scale by
/// MATLAB's bicubic reduction. It knows the parameters that the authors found in their pristine photographs from a file.
/// </remarks>
public sealed class NiqeModel
{
    private const int Count = NaturalSceneStatistics.FeatureCount;

    private readonly double[] _mean;
    private readonly double[] _covariance;
    private readonly double[] _window;

    private NiqeModel(double[] mean, double[] covariance, double[] window) => (_mean, _covariance, _window) = (mean, covariance, window);

    /// <summary>Reads the published parameters: <c>niqe_pris_params.npz</c>, as BasicSR has it.</summary>
    /// <param name="path">A NumPy archive with <c>mu_pris_param</c> (36 numbers), <c>cov_pris_param</c> (36×36) and <c>gaussian_window</c> (7×7).</param>
    /// <exception cref="InputException">There is no such file, or it is damaged, or its arrays are not what they should be.</exception>
    public static NiqeModel Load(string path)
    {
        var arrays = NumpyArchive.Read(path);
        var mean = Numbers("mu_pris_param", [1, Count]);
        var covariance = Numbers("cov_pris_param", [Count, Count]);
        if (!IsCovariance(covariance))
            throw Refuse("a symmetric 'cov_pris_param' without negative eigenvalues, found another matrix");
        const int side = NaturalSceneStatistics.WindowSize;
        var window = Numbers("gaussian_window", [side, side]);
        if (window.Any(weight => weight < 0) || Math.Abs(window.Sum() - 1) > 1e-6)
            throw Refuse($"weights with the sum 1 in 'gaussian_window', found the sum {PlainNumber.Format(window.Sum(), 6)}");
        return new NiqeModel(mean, covariance, window);

        double[] Numbers(string name, long[] shape)
        {
            var wanted = $"'{name}' as {StoredTensor.Describe(ElementType.Float64, shape)}";
            if (!arrays.TryGetValue(name, out var array))
                throw Refuse($"{wanted}, found {(arrays.Count == 0 ? "nothing" : string.Join(", ", arrays.Keys.Take(8).Select(Untrusted.Quote)))}");
            if (array.Type != ElementType.Float64 || !array.Shape.SequenceEqual(shape))
                throw Refuse($"{wanted}, found {array}");
            return MemoryMarshal.Cast<byte, double>(array.Bytes).ToArray();
        }

        InputException Refuse(string expectedAndFound) =>
            new($"cannot read '{path}': expected {expectedAndFound}; give the published niqe_pris_params.npz");
    }

    /// <summary>The NIQE of an image.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point, on any device; clamped to [0, 1] and rounded to 8 bits here.</param>
    /// <param name="border">Pixels to cut off at each side first.</param>
    /// <returns>
    /// At least 0, for photographs mostly 2 to 8; null if there are fewer than two whole blocks of 96×96 pixels with texture, from which
    /// no covariance can be had: sides of at least 192 and 96 pixels are needed.
    /// </returns>
    /// <exception cref="InputException">It is no such image, holds NaN, or is all border.</exception>
    public double? Score(Tensor image, int border = 0)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return ScoreWhole(BenchmarkProtocol.WithoutBorder(image, border, "restored"));
    }

    /// <summary>The NIQE of an image without its border.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point; clamped and rounded here.</param>
    /// <param name="cancellationToken">Ends it between two tiles.</param>
    internal double? ScoreWhole(Tensor image, CancellationToken cancellationToken = default)
    {
        if (image.shape[2] < NaturalSceneStatistics.BlockSize || image.shape[3] < NaturalSceneStatistics.BlockSize)
            return null;
        using var scope = NewDisposeScope();
        var blocks = NaturalSceneStatistics.Compute(image, _window, cancellationToken: cancellationToken);
        // A feature that one block lacks counts in the others; the covariance is that of the blocks which have all.
        var whole = blocks.Where(block => !block.Any(double.IsNaN)).ToArray();
        if (whole.Length < 2)
            return null;
        var difference = new double[Count];
        for (var i = 0; i < Count; i++)
            difference[i] = _mean[i] - blocks.Select(block => block[i]).Where(feature => !double.IsNaN(feature)).Average();

        var features = tensor(whole.SelectMany(block => block).ToArray(), [whole.Length, Count]);
        var centered = features - features.mean([0], keepdim: true);
        var covariance = centered.t().matmul(centered).Div(whole.Length - 1);
        var pooled = covariance.Add(tensor(_covariance, [Count, Count])).Div(2);
        var distance = tensor(difference, [1, Count]);
        // NumPy's rcond, which BasicSR uses.
        var squared = distance.matmul(linalg.pinv(pooled, rtol: 1e-15)).matmul(distance.t()).item<double>();
        return Math.Sqrt(Math.Max(squared, 0));
    }

    private static bool IsCovariance(double[] numbers)
    {
        using var scope = NewDisposeScope();
        var matrix = tensor(numbers, [Count, Count]);
        const double tolerance = 1e-9; // of its largest element, for rounding
        var largest = matrix.abs().max().item<double>();
        return (matrix - matrix.t()).abs().max().item<double>() <= tolerance * largest
            && linalg.eigvalsh(matrix).min().item<double>() >= -tolerance * largest;
    }
}
