using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Tests.Losses;

/// <summary>What single losses state about themselves, beyond what all promise.</summary>
public sealed class SingleLossTests
{
    [Fact]
    public void Gradient_sees_edges_and_no_offset()
    {
        using var scope = NewDisposeScope();
        using var loss = new GradientLoss();
        var image = ReconstructionLossTests.Image(1);
        Assert.Equal(0, loss.call(image.Add(0.25), image).Number(), 1e-7);
        // One step of 0.5 between 2 of 4 columns: a third of the differences across, none down.
        var step = cat([zeros(1, 3, 5, 2), Full([1, 3, 5, 2], 0.5)], 3);
        Assert.Equal(0.5 / 3, loss.call(step, zeros(1, 3, 5, 4)).Number(), 1e-7);
        Assert.Equal(1.0 / 3, loss.call(step, step.neg()).Number(), 1e-7);
    }

    [Fact]
    public void Chroma_sees_colours_and_no_grey()
    {
        using var scope = NewDisposeScope();
        using var loss = new ChromaLoss();
        var image = ReconstructionLossTests.Image(1);
        Assert.Equal(0, loss.call(image.Add(0.25), image).Number(), 1e-7);
        // Full-range BT.601, as in JPEG (JFIF 1.02): Cb and Cr of red are −0.168736 and 0.5, of green −0.331264 and −0.418688, of blue 0.5 and −0.081312.
        foreach (var (channel, blue, red) in new[] { (0, 0.168736, 0.5), (1, 0.331264, 0.418688), (2, 0.5, 0.081312) })
        {
            var colour = zeros(1, 3, 2, 2);
            colour[0, channel].Fill_(1);
            Assert.Equal((blue + red) / 2, loss.call(colour, zeros(1, 3, 2, 2)).Number(), 1e-6);
        }
    }

    [Fact]
    public void Gmsd_sees_no_offset_inside_an_image()
    {
        using var scope = NewDisposeScope();
        using var loss = new GmsdLoss();
        var black = ReconstructionLossTests.Image(1).Mul(0.5);
        // A black border, so that the zeros around the image are no edge.
        var inside = functional.pad(ones_like(black)[.., .., 8.., 8..].narrow(2, 0, 140).narrow(3, 0, 150), [8, 18, 8, 13]);
        var (x, y) = (inside * black, inside * black.Add(0.25));
        Assert.True(loss.call(x, y).Number() > 1e-3); // at the edge of the border
        var (flat, brighter) = (Full([1, 3, 40, 40], 0.4), Full([1, 3, 40, 40], 0.4).Add(0.25));
        var restored = brighter.requires_grad_(true);
        loss.call(restored, flat).backward();
        Assert.Equal(0, restored.grad!.narrow(2, 6, 28).narrow(3, 6, 28).abs().max().Number());
    }

    [Fact]
    public void Fsim_shrinks_large_images_to_a_shorter_side_of_about_256()
    {
        using var scope = NewDisposeScope();
        using var loss = new FsimLoss(hasColour: true);
        var (x, y) = (ReconstructionLossTests.Image(1)[.., .., ..60, ..70], ReconstructionLossTests.Image(2)[.., .., ..60, ..70]);
        var expected = loss.call(x, y).Number();
        // 480 / 256 = 1.875 and 120 / 256 = 0.47, so images of 480 pixels are halved, and those of 120 are not.
        Assert.Equal(loss.call(Enlarge(x, 4), Enlarge(y, 4)).Number(), loss.call(Enlarge(x, 8), Enlarge(y, 8)).Number(), 1e-5);
        Assert.NotEqual(expected, loss.call(Enlarge(x, 2), Enlarge(y, 2)).Number(), 1e-3);

        static Tensor Enlarge(Tensor image, int factor) => image.repeat_interleave(factor, 2).repeat_interleave(factor, 3);
    }

    [Theory]
    [InlineData("haarpsi")]
    [InlineData("fsim")]
    [InlineData("fsimc")]
    public void Images_without_structure_are_equal_where_structure_is_the_weight(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = LossExpression.Parse(name).Create();
        foreach (var (height, width) in new[] { (32, 32), (45, 61) })
            Assert.Equal(0, loss.call(Full([1, 3, height, width], 0.3), Full([1, 3, height, width], 0.3)).Number());
    }

    [Fact]
    public void Flip_takes_the_pixels_per_degree_and_says_so()
    {
        using var scope = NewDisposeScope();
        var (image, other) = (ReconstructionLossTests.Image(1), ReconstructionLossTests.Image(2));
        using var standard = (FlipLoss)LossExpression.Parse("flip").Create();
        Assert.Equal(67.0206, standard.PixelsPerDegree, 1e-4); // the authors' text
        Assert.Equal("flip", standard.Expression);
        using var far = (FlipLoss)LossExpression.Parse("flip?ppd=120.5").Create();
        Assert.Equal("flip?ppd=120.5", far.Expression);
        Assert.Equal(120.5, far.PixelsPerDegree);
        // From further away, the eye blurs noise away.
        Assert.True(far.call(image, other).Number() < standard.call(image, other).Number());
        Assert.InRange(standard.call(zeros_like(image), ones_like(image)).Number(), 0.95, 1);
        foreach (var wrong in new[] { 0, -1, 0.99, 301, double.NaN, double.PositiveInfinity })
            Assert.Throws<ArgumentOutOfRangeException>(() => new FlipLoss(wrong));
        using var nearest = new FlipLoss(1);
        using var furthest = new FlipLoss(300);
        foreach (var loss in new[] { nearest, furthest })
            Assert.InRange(loss.call(image, other).Number(), 1e-6, 1);
    }

    [Fact]
    public void Focal_frequency_takes_alpha_and_says_so()
    {
        using var scope = NewDisposeScope();
        using var loss = (FocalFrequencyLoss)LossExpression.Parse("focal-frequency?alpha=0.5").Create();
        Assert.Equal((0.5, "focal-frequency?alpha=0.5"), (loss.Alpha, loss.Expression));
        foreach (var wrong in new[] { 0, -1, double.NaN, double.PositiveInfinity })
            Assert.Throws<ArgumentOutOfRangeException>(() => new FocalFrequencyLoss(wrong));
        // A single frequency has the weight 1, so the loss is the mean square error (Parseval).
        var reference = Full([1, 3, 8, 8], 0.5);
        Assert.Equal(0.01, loss.call(reference.Add(0.1), reference).Number(), 1e-7);
    }

    [Theory]
    [InlineData("ms-ssim-l1", 33)]
    [InlineData("fsim", 6)]
    [InlineData("fsimc", 6)]
    [InlineData("gmsd", 5)]
    [InlineData("haarpsi", 16)]
    [InlineData("flip", 1)]
    [InlineData("gradient", 2)]
    [InlineData("chroma", 1)]
    [InlineData("focal-frequency", 1)]
    public void Smallest_images_have_a_value_and_a_gradient(string name, int size)
    {
        using var scope = NewDisposeScope();
        using var loss = LossExpression.Parse(name).Create();
        Assert.Equal(size, loss.MinimumSize);
        foreach (var (height, width) in new[] { (size, size), (size + 1, size), (size, size + 30) })
        {
            var (restored, reference) = (rand([2, 3, height, width], generator: Draws), rand([2, 3, height, width], generator: Draws));
            restored.requires_grad_(true);
            var value = loss.call(restored, reference);
            value.backward();
            Assert.True(double.IsFinite(value.Number()));
            Assert.True(restored.grad!.isfinite().all().item<bool>());
        }
    }
}
