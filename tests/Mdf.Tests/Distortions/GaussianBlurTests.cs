using Mdf.Distortions;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Distortions;

public sealed class GaussianBlurTests
{
    [Fact]
    public void A_point_becomes_a_Gaussian_of_its_sigma()
    {
        using var scope = NewDisposeScope();
        var point = zeros(1, 3, 41, 41);
        point[0, 1, 20, 20] = 1;
        var blurred = Tasks.Parse("blur:2").Apply(point).to(float64);
        Assert.Equal(0, blurred[0, 0].abs().sum().Number());
        Assert.Equal(1, blurred[0, 1].sum().Number(), 1e-5);
        var squares = Arange(41, float64).Sub(20).Square();
        Assert.Equal(4, (blurred[0, 1].sum([0]) * squares).sum().Number(), 0.02);
        Assert.Equal(4, (blurred[0, 1].sum([1]) * squares).sum().Number(), 0.02);
    }

    [Fact]
    public void One_colour_stays_as_it_is_up_to_the_border_and_the_reference_too()
    {
        using var scope = NewDisposeScope();
        var plain = Full([2, 3, 9, 7], 0.4f);
        var blurred = Tasks.Parse("blur:20").Apply(plain);
        Assert.InRange(blurred.Sub(0.4).abs().max().item<float>(), 0, 1e-6);
        Assert.Equal(0, plain.Sub(0.4f).abs().max().item<float>());
    }

    [Fact]
    public void A_large_picture_that_is_blurred_in_strips_has_no_seams()
    {
        using var scope = NewDisposeScope();
        var large = rand([1, 3, 1100, 1000], generator: Draws); // 1048 rows are a strip
        var strips = Tasks.Parse("blur:2").Apply(large);
        var alone = Tasks.Parse("blur:2").Apply(large.narrow(2, 900, 200)); // one strip
        Assert.InRange((strips.narrow(2, 950, 150) - alone.narrow(2, 50, 150)).abs().max().item<float>(), 0, 1e-6);
    }

    [Fact]
    public void A_range_draws_a_strength_for_every_image()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(1);
        var images = rand([1, 3, 30, 30], generator: random).expand(3, 3, 30, 30);
        var blurred = Tasks.Parse("blur:0.5-3").Apply(images, random);
        var variances = blurred.var([1, 2, 3]).data<float>().ToArray();
        Assert.Equal(3, variances.Distinct().Count());
        Assert.All(variances, variance => Assert.InRange(variance, 0, 0.9 * images[0].var().item<float>()));
    }
}
