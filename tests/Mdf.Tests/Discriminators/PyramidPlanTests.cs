using CsCheck;
using Mdf.Discriminators;
using Mdf.Runtime;

namespace Mdf.Tests.Discriminators;

public sealed class PyramidPlanTests
{
    // DESIGN's own example, read off the authors' weights: for 250×168, 9 scales, r = 0.788, scale 7 is 198×133.
    [Fact]
    public void A_photograph_of_250x168_has_the_authors_nine_scales()
    {
        var plan = PyramidPlan.For(new ImageSize(168, 250));
        Assert.Equal(9, plan.Count);
        Assert.Equal(0.788, plan.Factor, 0.0005);
        Assert.Equal(new ImageSize(133, 198), plan.Sizes[7]);
        Assert.Equal(new ImageSize(168, 250), plan.Sizes[8]);
        Assert.Equal(25, plan.Sizes[0].Shorter);
        Assert.True(plan.Start.Shorter < 25);
    }

    [Fact]
    public void Widths_are_those_of_the_authors_stacks() =>
        Assert.Equal([32, 32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 128, 128], Enumerable.Range(0, 13).Select(PyramidPlan.WidthOf));

    [Fact]
    public void Every_plan_starts_at_25_pixels_and_ends_at_the_photograph() =>
        Gen.Select(Gen.Int[25, 400], Gen.Int[25, 400], Gen.Int[100, 300]).Sample((height, width, maxSize) =>
        {
            var photo = new ImageSize(height, width);
            if (Math.Ceiling(photo.Shorter * Math.Min(1.0, maxSize / (double)photo.Longer)) < 25)
                return;
            var plan = PyramidPlan.For(photo, maxSize);
            Assert.Equal(25, plan.Sizes[0].Shorter);
            Assert.InRange(plan.Start.Shorter, 1, 24);
            Assert.InRange(plan.Factor, 0.7, 1);
            Assert.Equal(Math.Min(photo.Longer, maxSize), plan.Sizes[^1].Longer);
            Assert.All(plan.Sizes.Zip(plan.Sizes.Skip(1)), pair => Assert.True(pair.First.Longer <= pair.Second.Longer));
        });

    [Theory]
    [InlineData(5, 5)]
    [InlineData(24, 300)]
    [InlineData(30, 400)]
    public void A_photograph_that_is_too_small_is_refused(int height, int width) =>
        Assert.Contains("shorter side has at least 25 pixels",
            Assert.Throws<InputException>(() => PyramidPlan.For(new ImageSize(height, width))).Message);
}
