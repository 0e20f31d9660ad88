using Mdf.Imaging;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>
/// The features of NIQE: how the locally normalised luma of a block, and the products of its neighbours, are distributed, at full and at half size.
/// </summary>
/// <remarks>
/// Mittal, Soundararajan and Bovik, "Making a Completely Blind Image Quality Analyzer" (IEEE Signal Processing Letters, 2013), in the
/// arithmetic of BasicSR: values are float32, as there, sums are double.
/// </remarks>
internal static class NaturalSceneStatistics
{
    /// <summary>The side of a block at full size, in pixels: the paper's.</summary>
    public const int BlockSize = 96;

    /// <summary>The side of the window for local mean and deviation, in pixels: the paper's.</summary>
    public const int WindowSize = 7;

    /// <summary>Two of the values, four of each of four products of neighbours, at two scales.</summary>
    public const int FeatureCount = 2 * FeaturesPerScale;

    private const int FeaturesPerScale = 2 + 4 * 4;
    private const int Radius = WindowSize / 2;

    /// <summary>The neighbours whose products are looked at: right, below, and the two diagonals.</summary>
    private static readonly (int Down, int Right)[] s_neighbours = [(0, 1), (1, 0), (1, 1), (1, -1)];

    /// <summary>The features of every whole block.</summary>
    /// <param name="luma"><c>(1, 1, H, W)</c>, whole numbers in [0, 255], at least one block; what is left beside the blocks is not looked at.</param>
    /// <param name="window">Weights of the local mean, 7×7, with the sum 1.</param>
    /// <returns>For each block <see cref="FeatureCount"/> numbers, NaN where there is no texture to fit to.</returns>
    public static double[][] Of(Tensor luma, double[] window)
    {
        using var scope = NewDisposeScope();
        var (rows, columns) = ((int)luma.shape[2] / BlockSize, (int)luma.shape[3] / BlockSize);
        var full = luma.narrow(2, 0, rows * BlockSize).narrow(3, 0, columns * BlockSize).to(float64).cpu();
        var features = new double[rows * columns][];
        for (var block = 0; block < features.Length; block++)
            features[block] = new double[FeatureCount];
        AddScale(full, 1);
        AddScale(Resampler.BicubicScale(full, 0.5, Border.Symmetric), 2);
        return features;

        void AddScale(Tensor image, int scale)
        {
            var (side, width) = (BlockSize / scale, columns * BlockSize / scale);
            var normalized = Normalize(image.to(float32).contiguous().data<float>().ToArray(), width, window);
            for (var block = 0; block < features.Length; block++)
            {
                var values = new float[side * side];
                for (var y = 0; y < side; y++)
                {
                    var start = (block / columns * side + y) * width + block % columns * side;
                    normalized.AsSpan(start, side).CopyTo(values.AsSpan(y * side));
                }

                Describe(values, side, features[block].AsSpan((scale - 1) * FeaturesPerScale, FeaturesPerScale));
            }
        }
    }

    /// <summary>(x − local mean) / (local deviation + 1), with the outermost pixels repeated beyond the edge.</summary>
    private static float[] Normalize(float[] image, int width, double[] window)
    {
        var height = image.Length / width;
        var normalized = new float[image.Length];
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
                // Rounded, so that it is exactly the value where all are equal: what rounding leaves there is no texture.
                var mean = (float)means[x];
                var deviation = MathF.Sqrt(MathF.Abs((float)squares[x] - mean * mean));
                normalized[y * width + x] = (value - mean) / (deviation + 1);
            }
        });
        return normalized;
    }

    private static void Describe(float[] values, int side, Span<double> features)
    {
        var fit = AsymmetricGaussian.Fit(values);
        features[0] = fit.Shape;
        features[1] = (fit.LeftScale + fit.RightScale) / 2;
        var products = new float[values.Length];
        for (var i = 0; i < s_neighbours.Length; i++)
        {
            // Beyond the block's edge comes its other side, as in the authors' program.
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
