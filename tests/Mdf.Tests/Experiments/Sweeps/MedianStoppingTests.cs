using Mdf.Evaluation;
using Mdf.Experiments.Sweeps;

namespace Mdf.Tests.Experiments.Sweeps;

public sealed class MedianStoppingTests
{
    [Theory]
    [InlineData("psnr", 100, 27.9, true)] // the median of 27, 28 and 29 is 28
    [InlineData("psnr", 100, 28.0, false)]
    [InlineData("psnr", 99, 20.0, false)] // too early
    [InlineData("flip", 100, 28.1, true)] // lower is better
    [InlineData("flip", 100, 27.9, false)]
    [InlineData("psnr", 100, double.NaN, true)]
    [InlineData("psnr", 100, null, false)]
    public void A_cell_stops_if_it_is_worse_than_the_median_of_the_others(string measure, int iteration, double? value, bool expected) =>
        Assert.Equal(expected, new MedianStopping(Measures.Find(measure), After: 100, Others: 3).Stops(iteration, value, [29, 27, 28]));

    [Fact]
    public void The_median_of_an_even_number_is_in_the_middle_and_NaN_does_not_count()
    {
        var rule = new MedianStopping(Measures.Find("psnr"), After: 1, Others: 2);
        Assert.True(rule.Stops(1, 27.4, [27, 28]));
        Assert.False(rule.Stops(1, 27.6, [28, double.NaN, 27]));
        Assert.False(rule.Stops(1, 1, [28]));
        Assert.False(rule.Stops(1, 1, [28, double.NaN]));
    }
}
