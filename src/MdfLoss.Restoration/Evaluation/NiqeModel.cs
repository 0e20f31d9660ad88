using System.Runtime.InteropServices;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>
/// NIQE: the distance between the statistics of an image and the statistics of pristine photographs. It needs no reference; lower is better.
/// Mittal, Soundararajan and Bovik, "Making a Completely Blind Image Quality Analyzer" (IEEE Signal Processing Letters, 2013).
/// </summary>
/// <remarks>
/// Computed as in BasicSR: the rounded luma of the 8-bit image; all blocks of 96×96 pixels, without overlap; the half-size scale with MATLAB's bicubic
/// reduction. The parameters are read from a file: those that the authors computed from 125 pristine photographs, or those of <see cref="Fit"/>.
/// </remarks>
public sealed class NiqeModel
{
    private const int Count = NaturalSceneStatistics.FeatureCount;

    private const string MeanName = "mu_pris_param";
    private const string CovarianceName = "cov_pris_param";
    private const string WindowName = "gaussian_window";

    /// <summary>A block is sharp if its sharpness is above this part of the largest sharpness in its photograph; from the paper.</summary>
    private const double LeastSharpness = 0.75;

    private readonly double[] _mean;
    private readonly double[] _covariance;
    private readonly double[] _window;

    private NiqeModel(double[] mean, double[] covariance, double[] window) => (_mean, _covariance, _window) = (mean, covariance, window);

    /// <summary>Reads the published parameters: <c>niqe_pris_params.npz</c>, as in BasicSR.</summary>
    /// <param name="path">A NumPy archive with <c>mu_pris_param</c> (36 numbers), <c>cov_pris_param</c> (36×36) and <c>gaussian_window</c> (7×7).</param>
    /// <exception cref="InputException">There is no such file, it is corrupt, or its arrays have other names or shapes.</exception>
    public static NiqeModel Load(string path)
    {
        var arrays = NumpyArchive.Read(path);
        var mean = Numbers(MeanName, [1, Count]);
        var covariance = Numbers(CovarianceName, [Count, Count]);
        if (!IsCovariance(covariance))
            throw Refuse("a symmetric 'cov_pris_param' without negative eigenvalues, found another matrix");
        const int side = NaturalSceneStatistics.WindowSize;
        var window = Numbers(WindowName, [side, side]);
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

    /// <summary>Fits a model to photographs, as the authors of NIQE did: the mean and the covariance of the features of their sharp blocks.</summary>
    /// <param name="photographs">The files of sharp photographs without artefacts.</param>
    /// <param name="progress">Takes a report for every photograph.</param>
    /// <param name="cancellationToken">Stops the work between two photographs or tiles.</param>
    /// <returns>The model, and the number of its blocks.</returns>
    /// <exception cref="InputException">A file is not an image; or there are too few sharp blocks for a covariance.</exception>
    internal static (NiqeModel Model, int Blocks) Fit(IReadOnlyList<string> photographs, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        using var _ = no_grad();
        var meter = new ProgressMeter(progress, "reading", photographs.Count);
        var window = GaussianWindow();
        var sharp = new List<double[]>();
        for (var i = 0; i < photographs.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var image = ImageFile.Read(photographs[i], cancellationToken: cancellationToken);
            var (features, sharpness) = NaturalSceneStatistics.ComputeWithSharpness(image, window, cancellationToken: cancellationToken);
            sharp.AddRange(features.Where((_, block) => sharpness[block] > LeastSharpness * sharpness.Max()));
            meter.Report(i + 1);
        }

        var whole = sharp.Where(block => !block.Any(double.IsNaN)).ToArray();
        if (whole.Length <= Count)
            throw new InputException($"expected more than {Count} sharp blocks of {NaturalSceneStatistics.BlockSize}×{NaturalSceneStatistics.BlockSize} pixels, found {whole.Length} in {photographs.Count} photographs: use more or larger photographs");
        using var covarianceScope = NewDisposeScope();
        var mean = Enumerable.Range(0, Count).Select(feature => sharp.Select(block => block[feature]).Where(value => !double.IsNaN(value)).Average()).ToArray();
        return (new NiqeModel(mean, Covariance(whole).data<double>().ToArray(), window), whole.Length);
    }

    /// <summary>Writes the parameters in the format of <see cref="Load"/>, which BasicSR also reads.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InputException">The file cannot be written.</exception>
    internal void Save(string path)
    {
        const int side = NaturalSceneStatistics.WindowSize;
        NumpyArchive.Write(path, (MeanName, [1, Count], _mean), (CovarianceName, [Count, Count], _covariance), (WindowName, [side, side], _window));
    }

    /// <summary>Computes the NIQE of an image.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point, on any device; the method clamps it to [0, 1] and rounds it to 8 bits.</param>
    /// <param name="border">The number of pixels to crop first at each side.</param>
    /// <returns>
    /// At least 0; for photographs mostly 2 to 8. Null if there are fewer than two whole blocks of 96×96 pixels with texture, because the covariance
    /// needs two. So the sides must have at least 192 and 96 pixels.
    /// </returns>
    /// <exception cref="ArgumentException">The tensor is not such an image.</exception>
    /// <exception cref="InputException">The image contains NaN, or is all border.</exception>
    public double? Score(Tensor image, int border = 0)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return ScoreWhole(BenchmarkProtocol.WithoutBorder(image, border, "restored"));
    }

    /// <summary>Computes the NIQE of an image whose border is cropped.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point; the method clamps and rounds it.</param>
    /// <param name="cancellationToken">Stops the work between two tiles.</param>
    internal double? ScoreWhole(Tensor image, CancellationToken cancellationToken = default)
    {
        if (image.shape[2] < NaturalSceneStatistics.BlockSize || image.shape[3] < NaturalSceneStatistics.BlockSize)
            return null;
        using var scope = NewDisposeScope();
        var blocks = NaturalSceneStatistics.Compute(image, _window, cancellationToken: cancellationToken);
        // The mean of a feature is over the blocks that have it. The covariance is over the blocks that have all features.
        var whole = blocks.Where(block => !block.Any(double.IsNaN)).ToArray();
        if (whole.Length < 2)
            return null;
        var difference = new double[Count];
        for (var i = 0; i < Count; i++)
            difference[i] = _mean[i] - blocks.Select(block => block[i]).Where(feature => !double.IsNaN(feature)).Average();

        var pooled = Covariance(whole).Add(tensor(_covariance, [Count, Count])).Div(2);
        var distance = tensor(difference, [1, Count]);
        // NumPy's rcond, which BasicSR uses.
        var squared = distance.matmul(linalg.pinv(pooled, rtol: 1e-15)).matmul(distance.t()).item<double>();
        return Math.Sqrt(Math.Max(squared, 0));
    }

    private static Tensor Covariance(double[][] blocks)
    {
        var features = tensor(blocks.SelectMany(block => block).ToArray(), [blocks.Length, Count]);
        var centered = features - features.mean([0], keepdim: true);
        return centered.t().matmul(centered).Div(blocks.Length - 1);
    }

    /// <summary>The weights of the local mean: MATLAB's <c>fspecial('gaussian', 7, 7/6)</c>, as in the paper.</summary>
    private static double[] GaussianWindow()
    {
        const int side = NaturalSceneStatistics.WindowSize;
        const double sigma = side / 6.0;
        double[] line = [.. Enumerable.Range(-side / 2, side).Select(x => Math.Exp(-x * x / (2 * sigma * sigma)))];
        var total = line.Sum();
        return [.. from y in line from x in line select y * x / (total * total)];
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
