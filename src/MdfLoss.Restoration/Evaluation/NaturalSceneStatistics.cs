using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>
/// The features of NIQE: the distributions of the locally normalised luma of a block and of the products of neighbours, at full and at half size.
/// </summary>
/// <remarks>
/// Mittal, Soundararajan and Bovik, "Making a Completely Blind Image Quality Analyzer" (IEEE Signal Processing Letters, 2013), with
/// the arithmetic of BasicSR: values are float32, sums are double.
/// </remarks>
internal static class NaturalSceneStatistics
{
    /// <summary>The side of a block at full size, in pixels, from the paper.</summary>
    public const int BlockSize = 96;

    /// <summary>The side of the window for the local mean and deviation, in pixels, from the paper.</summary>
    public const int WindowSize = 7;

    /// <summary>The number of features: two of the values, and four for each of four products of neighbours, at two scales.</summary>
    public const int FeatureCount = 2 * FeaturesPerScale;

    private const int FeaturesPerScale = 2 + 4 * 4;
    private const int Radius = WindowSize / 2;

    // The margin that a tile needs: the radius of the window at half size, and for this the reach of the bicubic kernel, widened by 2, at full size.
    private const int Margin = 2 * Radius + 4;

    /// <summary>The neighbours for the products: right, below, and the two diagonals.</summary>
    private static readonly (int Down, int Right)[] s_neighbours = [(0, 1), (1, 0), (1, 1), (1, -1)];

    /// <summary>Computes the features of every whole block, tile by tile, so the memory does not grow with the image.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point, at least one block. Pixels outside whole blocks are ignored.</param>
    /// <param name="window">The weights of the local mean, 7×7, with the sum 1.</param>
    /// <param name="blocksPerTile">The number of blocks along the side of a tile.</param>
    /// <param name="cancellationToken">Checked before every tile.</param>
    /// <returns>For each block, <see cref="FeatureCount"/> numbers; NaN if there is no texture to fit.</returns>
    /// <exception cref="InputException">The image contains NaN.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static double[][] Compute(Tensor image, double[] window, int blocksPerTile = 8, CancellationToken cancellationToken = default) =>
        ComputeWithSharpness(image, window, blocksPerTile, cancellationToken).Features;

    /// <summary>Computes the same features, and the sharpness of every block: the mean of the local deviation at full size.</summary>
    /// <inheritdoc cref="Compute"/>
    public static (double[][] Features, double[] Sharpness) ComputeWithSharpness(Tensor image, double[] window, int blocksPerTile = 8, CancellationToken cancellationToken = default)
    {
        var (rows, columns) = ((int)image.shape[2] / BlockSize, (int)image.shape[3] / BlockSize);
        var features = new double[rows * columns][];
        var sharpness = new double[features.Length];
        var tiles = TileGrid.Square(rows * BlockSize, columns * BlockSize, Margin, stride: 2, blocksPerTile * BlockSize);
        foreach (var tileRows in tiles.Rows)
        {
            foreach (var tileColumns in tiles.Columns)
            {
                cancellationToken.ThrowIfCancellationRequested();
                DescribeTile(tileRows, tileColumns);
            }
        }

        return (features, sharpness);

        void DescribeTile(TileSpan tileRows, TileSpan tileColumns)
        {
            using var scope = NewDisposeScope();
            var rgb = BenchmarkProtocol.Round(
                image.narrow(2, tileRows.WindowStart, tileRows.WindowLength).narrow(3, tileColumns.WindowStart, tileColumns.WindowLength), "restored");
            var full = BenchmarkProtocol.Luma(rgb).Mul(255).round().cpu();
            var scales = new[] { full, Resampler.BicubicScale(full, 0.5, Border.Symmetric) };
            for (var scale = 0; scale < scales.Length; scale++)
            {
                var (side, width) = (BlockSize >> scale, (int)tileColumns.WindowLength >> scale);
                var (normalized, deviations) = Normalize(scales[scale].to(float32).contiguous().data<float>().ToArray(), width, window);
                for (var top = tileRows.Start; top < tileRows.End; top += BlockSize)
                {
                    for (var left = tileColumns.Start; left < tileColumns.End; left += BlockSize)
                    {
                        var (y, x) = ((int)(top - tileRows.WindowStart) >> scale, (int)(left - tileColumns.WindowStart) >> scale);
                        var index = top / BlockSize * columns + left / BlockSize;
                        if (scale == 0)
                            sharpness[index] = Cut(deviations, width, y, x, side).Average(deviation => (double)deviation);
                        var block = features[index] ??= new double[FeatureCount];
                        Describe(Cut(normalized, width, y, x, side), side, block.AsSpan(scale * FeaturesPerScale, FeaturesPerScale));
                    }
                }
            }
        }
    }

    private static float[] Cut(float[] image, int width, int top, int left, int side)
    {
        var values = new float[side * side];
        for (var y = 0; y < side; y++)
            image.AsSpan((top + y) * width + left, side).CopyTo(values.AsSpan(y * side));
        return values;
    }

    /// <summary>(x − local mean) / (local deviation + 1), and the local deviation, with repeated border pixels outside the image.</summary>
    private static (float[] Normalized, float[] Deviations) Normalize(float[] image, int width, double[] window)
    {
        var height = image.Length / width;
        var normalized = new float[image.Length];
        var deviations = new float[image.Length];
        Parallel.For(0, height, y =>
        {
            var means = new double[width];
            var squares = new double[width];
            var padded = new double[width + 2 * Radius];
            for (var down = -Radius; down <= Radius; down++)
            {
                var row = image.AsSpan(Math.Clamp(y + down, 0, height - 1) * width, width);
                for (var x = 0; x < padded.Length; x++)
                    padded[x] = row[Math.Clamp(x - Radius, 0, width - 1)];
                for (var right = 0; right < WindowSize; right++)
                {
                    var weight = window[(down + Radius) * WindowSize + right];
                    var shifted = padded.AsSpan(right, width);
                    for (var x = 0; x < shifted.Length; x++)
                    {
                        var weighted = weight * shifted[x];
                        means[x] += weighted;
                        squares[x] += weighted * shifted[x];
                    }
                }
            }

            for (var x = 0; x < width; x++)
            {
                var value = image[y * width + x];
                // The mean is rounded, so that it is exact if all values are equal. Otherwise rounding errors would look like texture.
                var mean = (float)means[x];
                var deviation = MathF.Sqrt(MathF.Abs((float)squares[x] - mean * mean));
                normalized[y * width + x] = (value - mean) / (deviation + 1);
                deviations[y * width + x] = deviation;
            }
        });
        return (normalized, deviations);
    }

    private static void Describe(float[] values, int side, Span<double> features)
    {
        var fit = AsymmetricGaussian.Fit(values);
        features[0] = fit.Shape;
        features[1] = (fit.LeftScale + fit.RightScale) / 2;
        var products = new float[values.Length];
        for (var i = 0; i < s_neighbours.Length; i++)
        {
            // Outside the block its opposite side follows (wrapped), as in the authors' program.
            var (down, right) = s_neighbours[i];
            for (var y = 0; y < side; y++)
            {
                var above = (y - down + side) % side * side;
                for (var x = 0; x < side; x++)
                    products[y * side + x] = values[y * side + x] * values[above + (x - right + side) % side];
            }

            fit = AsymmetricGaussian.Fit(products);
            features[2 + 4 * i] = fit.Shape;
            features[3 + 4 * i] = fit.Mean;
            features[4 + 4 * i] = fit.LeftScale;
            features[5 + 4 * i] = fit.RightScale;
        }
    }
}
