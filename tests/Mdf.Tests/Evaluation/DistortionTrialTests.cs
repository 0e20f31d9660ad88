using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Reports;
using Mdf.Runtime;
using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class DistortionTrialTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData("quantize:8", "found no change")]
    [InlineData("denoise:0.2", " dB; use a stronger task")]
    [InlineData("denoise:0.01", "found no change")]
    [InlineData("blur:0.1", "found no change")]
    public void What_damages_nothing_is_refused_with_its_psnr(string task, string expected)
    {
        var message = Assert.Throws<InputException>(() => DistortionTrial.Run(Tasks.Parse(task), [Picture(1)], seed: 0)).Message;
        Assert.StartsWith($"the task '{task}' damages nothing: expected a picture of at most 60 dB (PSNR) of the clean one, found ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message);
    }

    [Theory]
    [InlineData("denoise:0.5")]
    [InlineData("denoise:0-50")] // most draws are not weak
    [InlineData("jpeg:100:444")]
    [InlineData("quantize:7")]
    [InlineData("webp:100")]
    [InlineData("sisr:4")]
    public void Weak_damage_is_damage(string task)
    {
        var trial = DistortionTrial.Run(Tasks.Parse(task), [Picture(1)], seed: 0);
        Assert.InRange(trial.Psnr, 10, 60);
        Assert.Equal(trial.Clean.shape, trial.Distorted.shape);
    }

    /// <summary>The program gets 8 bits, and gives them back: that the clean picture was rounded to them is no damage.</summary>
    [Fact]
    public void A_program_that_copies_is_refused_and_told_about_the_name()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the usual programs of Unix");
        var copy = new ExternalDistortion("cp {in} {out}", TimeSpan.FromHours(1));
        var unrounded = Resampler.Bicubic(rand(1, 3, 8, 10, generator: Draws), 48, 56).Clamp(0, 1);
        Assert.Contains("as 'jpg:{out}' does", Assert.Throws<InputException>(() => DistortionTrial.Run(copy, [unrounded], seed: 0)).Message);
    }

    [Fact]
    public void A_blank_picture_is_no_proof_that_nothing_is_damaged()
    {
        var blank = Full([1, 3, 48, 56], 0.5f);
        var trial = DistortionTrial.Run(Tasks.Parse("blur:2"), [blank, Picture(1)], seed: 0);
        Assert.True(trial.Psnr < 60);
        Assert.Throws<InputException>(() => DistortionTrial.Run(Tasks.Parse("blur:2"), [blank, blank], seed: 0));
    }

    [Fact]
    public void Files_that_are_equal_are_refused_too()
    {
        Assert.Contains("the task 'pairs' damages nothing", Assert.Throws<InputException>(() => DistortionTrial.Run("pairs", [(Picture(1), Picture(1)), (Picture(2), Picture(2))])).Message);
        Assert.True(DistortionTrial.Run("pairs", [(Picture(1), Picture(1)), (Picture(2), Picture(1))]).Psnr < 60);
    }

    [Fact]
    public void The_sheet_shows_the_middle_of_the_pictures_and_amplifies_what_is_faint()
    {
        var clean = Full([1, 3, 500, 400], 0.5f);
        var sheet = DistortionSheet.Render(new DistortionTrial(clean, clean.Add(3 / 255f), 38.6));
        using var bitmap = SKBitmap.Decode(sheet);
        Assert.Equal((3 * (320 + 16) + 16, 320 + 16 + 40), (bitmap.Width, bitmap.Height));
        var (damaged, difference) = (bitmap.GetPixel(16 + 336 + 160, 100), bitmap.GetPixel(16 + 2 * 336 + 160, 100));
        Assert.InRange(damaged.Red, 130, 131);
        Assert.InRange(difference.Red, 223, 224); // 3 levels × 32 on mid-grey
    }

    private static Tensor Picture(ulong seed)
    {
        using var random = new Generator(seed);
        return Resampler.Bicubic(rand([1, 3, 10, 12], generator: random), 48, 56).Mul(0.8).Add(rand([1, 3, 48, 56], generator: random).Mul(0.2)).Clamp(0, 1).Mul(255).round().Div(255);
    }
}
