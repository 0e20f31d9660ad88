using Mdf.Evaluation;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class ErrorSpectrumTests
{
    [Fact]
    public void Random_phases_leave_every_frequency_and_the_colours_as_they_are()
    {
        using var scope = NewDisposeScope();
        var error = Error();
        using var random = new Generator(2);
        var without = ErrorSpectrum.WithoutStructure(error, random);

        Near(fft.fft2(error).abs(), fft.fft2(without).abs(), 2e-4);
        // Between red and blue, too: the cross spectrum is the same.
        Near(Cross(error), Cross(without), 2e-3);
        var likeness = (error * without).sum() / (error.norm() * without.norm());
        Assert.InRange(likeness.item<float>(), -0.1, 0.1);

        static Tensor Cross(Tensor x)
        {
            var spectrum = fft.fft2(x);
            return view_as_real(spectrum[0, 0] * spectrum[0, 2].conj());
        }
    }

    [Fact]
    public void Octaves_and_grey_and_colours_add_up_to_the_whole_and_share_nothing()
    {
        using var scope = NewDisposeScope();
        var error = Error();
        Tensor[] bands = [ErrorSpectrum.Band(error, 0, 0.125), ErrorSpectrum.Band(error, 0.125, 0.25), ErrorSpectrum.Band(error, 0.25, 1)];
        Near(error, bands[0].Add(bands[1]).Add(bands[2]), 1e-5);
        Assert.Equal(0, (bands[0] * bands[1]).mean().item<float>(), 1e-5);
        Assert.All(bands, band => Assert.True(band.Square().mean().item<float>() > 0.01));

        var (grey, colour) = (ErrorSpectrum.Grey(error), ErrorSpectrum.Colour(error));
        Near(error, grey.Add(colour), 1e-6);
        Assert.Equal(0, (grey * colour).mean().item<float>(), 1e-5);
        Near(zeros(1, 1, 24, 30), colour.sum(1, keepdim: true), 1e-5);
    }

    [Fact]
    public void A_wave_lies_in_the_octave_of_its_frequency()
    {
        using var scope = NewDisposeScope();
        var wave = sin(Arange(32, ScalarType.Float32).Mul(2 * Math.PI * 3 / 32)).view(1, 1, 1, 32).expand(1, 3, 16, 32); // 3/32 of a cycle per pixel
        Near(wave, ErrorSpectrum.Band(wave, 1 / 16.0, 1 / 8.0), 1e-5);
        Near(zeros_like(wave), ErrorSpectrum.Band(wave, 1 / 8.0, 1), 1e-5);
        Near(zeros_like(wave), ErrorSpectrum.Band(wave, 0, 1 / 16.0), 1e-5);
    }

    private static Tensor Error()
    {
        using var random = new Generator(1);
        var colours = randn([1, 3, 24, 30], generator: random);
        return colours.Add(randn([1, 1, 24, 30], generator: random));
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance) =>
        Assert.True((expected - actual).abs().max().item<float>() <= tolerance * Math.Max(1, expected.abs().max().item<float>()), (expected - actual).abs().max().item<float>().ToString(System.Globalization.CultureInfo.InvariantCulture));
}
