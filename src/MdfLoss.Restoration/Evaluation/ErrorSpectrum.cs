using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>Splits an error image into parts: grey and colour, octaves of frequencies, and the spectrum without the structure.</summary>
internal static class ErrorSpectrum
{
    /// <summary>Draws white noise.</summary>
    /// <param name="like">An image of the requested shape.</param>
    /// <param name="random">The generator.</param>
    public static Tensor Noise(Tensor like, Generator random) => randn(like.shape, generator: random).to(like.device);

    /// <summary>Returns the grey part: the mean of the three channels.</summary>
    /// <param name="error">Shape <c>(N, 3, H, W)</c>.</param>
    public static Tensor Grey(Tensor error) => error.mean([1], keepdim: true).expand(error.shape);

    /// <summary>Returns the colour part: the error minus its grey part.</summary>
    /// <param name="error">Shape <c>(N, 3, H, W)</c>.</param>
    public static Tensor Colour(Tensor error) => error - Grey(error);

    /// <summary>Returns the part in a band of frequencies.</summary>
    /// <param name="error">Shape <c>(N, C, H, W)</c>.</param>
    /// <param name="low">The lowest radial frequency, in cycles per pixel.</param>
    /// <param name="high">The end of the band in cycles per pixel, which it does not include.</param>
    public static Tensor Band(Tensor error, double low, double high)
    {
        var vertical = fft.fftfreq(error.shape[2]).view(1, 1, -1, 1).Square();
        var horizontal = fft.fftfreq(error.shape[3]).view(1, 1, 1, -1).Square();
        var frequency = vertical.Add(horizontal).sqrt();
        var wanted = frequency.Lt(low).logical_not().logical_and(frequency.Lt(high)).to(error.dtype, error.device);
        return fft.ifft2(fft.fft2(error).mul(wanted)).real;
    }

    /// <summary>
    /// Returns the same error with random phases. The strength of each frequency is unchanged in each channel and between channels, but structure and position
    /// are removed.
    /// </summary>
    /// <param name="error">Shape <c>(1, C, H, W)</c>.</param>
    /// <param name="random">The generator of the phases.</param>
    public static Tensor WithoutStructure(Tensor error, Generator random)
    {
        // The phases of real noise, so the result is also real.
        var noise = fft.fft2(randn([1, 1, error.shape[2], error.shape[3]], generator: random).to(error.device));
        return fft.ifft2(fft.fft2(error).mul(noise.div(noise.abs()))).real;
    }
}
