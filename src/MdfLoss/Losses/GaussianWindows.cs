using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>The local statistics of one image under a Gaussian window.</summary>
/// <param name="Image">The image, <c>(N, C, H, W)</c>.</param>
/// <param name="Mean">Its local mean.</param>
/// <param name="MeanOfSquares">The local mean of its squares.</param>
internal sealed record LocalStatistics(Tensor Image, Tensor Mean, Tensor MeanOfSquares)
{
    public IReadOnlyList<Tensor> Tensors => [Image, Mean, MeanOfSquares];
}

/// <summary>The parts of SSIM and MS-SSIM: local means, variances and the covariance under a Gaussian window.</summary>
/// <remarks>
/// Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004):
/// a window of 11×11 with σ = 1.5, K₁ = 0.01, K₂ = 0.03. The dynamic range is 1.
/// </remarks>
/// <param name="padding">The number of zeros around the image. With 0, only the positions count where the whole window is inside the image.</param>
/// <param name="separable">Whether to blur one axis after the other. Otherwise the two-dimensional window is applied at once, as upstream does.</param>
/// <param name="precision">
/// The type in which the weights of the window are computed, for images of any type: the type that the reference implementation uses. A variance is a small
/// difference of large numbers, so the last bits of the window change the fifth digit of SSIM.
/// </param>
/// <param name="windowSize">The width of the window, an odd number.</param>
/// <param name="sigma">The standard deviation of the window, in samples.</param>
internal sealed class GaussianWindows(int padding, bool separable = true, ScalarType precision = ScalarType.Float32, int windowSize = GaussianWindows.WindowSize, double sigma = 1.5)
{
    /// <summary>The paper's width of the window.</summary>
    public const int WindowSize = 11;

    private const double C1 = 0.01 * 0.01; // (K₁ L)² for L = 1
    private const double C2 = 0.03 * 0.03; // (K₂ L)² for L = 1

    /// <summary>The width of the window for an image: the shorter side of the padded image if that is smaller than the window.</summary>
    /// <param name="height">The image's height.</param>
    /// <param name="width">Its width.</param>
    public int SizeFor(long height, long width) => (int)Math.Min(windowSize, Math.Min(height, width) + 2 * padding);

    /// <summary>Computes the statistics of one image.</summary>
    public LocalStatistics Statistics(Tensor image)
    {
        using var scope = NewDisposeScope();
        return new(image, Blur(image).MoveToOuterDisposeScope(), Blur(image.Square()).MoveToOuterDisposeScope());
    }

    /// <summary>Computes the two maps whose product is SSIM: luminance, and contrast with structure.</summary>
    /// <param name="x">One image.</param>
    /// <param name="y">The statistics of the other image, of the same size.</param>
    /// <returns>Two maps, each <c>(N, C, h, w)</c>.</returns>
    public (Tensor Luminance, Tensor ContrastStructure) Similarities(Tensor x, LocalStatistics y)
    {
        // Without a graph, each map is freed as soon as it is not needed, so measuring a large image holds few maps in memory.
        using var scope = NewDisposeScope();
        var (_, meanX, meanOfSquaresX) = Statistics(x);
        var squareX = meanX.Square();
        var squareY = y.Mean.Square();
        var product = meanX * y.Mean;
        return (Luminance().MoveToOuterDisposeScope(), ContrastStructure().MoveToOuterDisposeScope());

        Tensor Luminance()
        {
            using var step = NewDisposeScope();
            return (product.Mul(2).Add(C1) / squareX.Add(squareY).Add(C1)).MoveToOuterDisposeScope();
        }

        Tensor ContrastStructure()
        {
            using var step = NewDisposeScope();
            var varianceX = meanOfSquaresX - squareX;
            var varianceY = y.MeanOfSquares - squareY;
            var covariance = Blur(x * y.Image) - product;
            return (covariance.Mul(2).Add(C2) / varianceX.Add(varianceY).Add(C2)).MoveToOuterDisposeScope();
        }
    }

    /// <summary>Applies the Gaussian blur. The window is never larger than the padded image.</summary>
    /// <param name="image">Shape <c>(N, C, H, W)</c>.</param>
    public Tensor Blur(Tensor image)
    {
        using var scope = NewDisposeScope();
        var channels = image.shape[1];
        var size = SizeFor(image.shape[2], image.shape[3]);
        var window = Window(size).view(1, 1, 1, size);
        if (!separable)
            return functional.conv2d(image, Expand(window.transpose(2, 3) * window), padding: [padding, padding], groups: channels).MoveToOuterDisposeScope();
        var rows = functional.conv2d(image, Expand(window), padding: [0, padding], groups: channels);
        return functional.conv2d(rows, Expand(window.transpose(2, 3)), padding: [padding, 0], groups: channels).MoveToOuterDisposeScope();

        Tensor Expand(Tensor kernel) => kernel.to(image.dtype).to(image.device).expand(channels, 1, -1, -1);
    }

    private Tensor Window(int size)
    {
        var window = tensor(Enumerable.Range(0, size).Select(i => Math.Exp(-Math.Pow(i - size / 2, 2) / (2 * sigma * sigma))).ToArray(), precision);
        return window / window.sum();
    }
}
