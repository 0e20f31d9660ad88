using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>Takes an error image apart: its colours, its octaves, and what of it is structure rather than spectrum.</summary>
internal static class ErrorSpectrum
{
    /// <summary>White noise.</summary>
    /// <param name="like">An image of the shape wanted.</param>
    /// <param name="random">Where it is drawn from.</param>
    public static Tensor Noise(Tensor like, Generator random) => randn(like.shape, generator: random).to(like.device);

    /// <summary>The part in which the three channels agree.</summary>
    /// <param name="error">Shape <c>(N, 3, H, W)</c>.</param>
    public static Tensor Grey(Tensor error) => error.mean([1], keepdim: true).expand(error.shape);

    /// <summary>What is left without the grey part: the colours.</summary>
    /// <param name="error">Shape <c>(N, 3, H, W)</c>.</param>
    public static Tensor Colour(Tensor error) => error - Grey(error);

    /// <summary>The part of some frequencies.</summary>
    /// <param name="error">Shape <c>(N, C, H, W)</c>.</param>
    /// <param name="low">The lowest radial frequency, in cycles per pixel.</param>
    /// <param name="high">The first that is too high.</param>
    public static Tensor Band(Tensor error, double low, double high)
    {
        var vertical = fft.fftfreq(error.shape[2]).view(1, 1, -1, 1).Square();
        var horizontal = fft.fftfreq(error.shape[3]).view(1, 1, 1, -1).Square();
        var frequency = vertical.Add(horizontal).sqrt();
        var wanted = frequency.Lt(low).logical_not().logical_and(frequency.Lt(high)).to(error.dtype, error.device);
        return fft.ifft2(fft.fft2(error).mul(wanted)).real;
    }

    /// <summary>The same error with its phases drawn anew: each frequency is as strong as before, in each channel and between channels, and neither structure nor place is left.</summary>
    /// <param name="error">Shape <c>(1, C, H, W)</c>.</param>
    /// <param name="random">Where the phases are drawn from.</param>
    public static Tensor WithoutStructure(Tensor error, Generator random)
    {
        // Those of noise, which is real: so is what comes out.
        var noise = fft.fft2(randn([1, 1, error.shape[2], error.shape[3]], generator: random).to(error.device));
        return fft.ifft2(fft.fft2(error).mul(noise.div(noise.abs()))).real;
    }
}
