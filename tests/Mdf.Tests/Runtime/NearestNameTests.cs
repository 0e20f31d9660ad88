using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class NearestNameTests
{
    private static readonly string[] s_known = ["edsr", "dncnn", "features", "residual_scale"];

    [Theory]
    [InlineData("edsr", "edsr")]
    [InlineData("esdr", "edsr")]
    [InlineData("EDSR", "edsr")]
    [InlineData("dncn", "dncnn")]
    [InlineData("feature", "features")]
    [InlineData("featrues", "features")]
    [InlineData("residualscale", "residual_scale")]
    [InlineData("residualScales", "residual_scale")]
    public void A_mistyped_name_is_found(string word, string expected) => Assert.Equal(expected, NearestName.Find(word, s_known));

    [Theory]
    [InlineData("")]
    [InlineData("unet")]
    [InlineData("rcan")]
    [InlineData("blocks")]
    [InlineData("scale")]
    public void Another_word_is_not(string word) => Assert.Null(NearestName.Find(word, s_known));

    [Fact]
    public void The_nearest_of_several_is_found() => Assert.Equal("layers", NearestName.Find("layers", ["layer", "layers", "player"]));

    [Fact]
    public void A_word_of_any_length_is_compared_at_once() => Assert.Null(NearestName.Find(new string('e', 10_000_000), s_known));
}
