using System.Text;
using Mdf.Reports;
using Mdf.Reports.Site;

namespace Mdf.Tests.Reports.Site;

public sealed class SvgDrawingTests
{
    [Theory]
    [InlineData("<rect width=\"1\" height=\"2\"/>", true)]
    [InlineData("<g><path d=\"M0 0L1 1\"/><text>5 &lt; 6</text></g><use xlink:href=\"#a\"/><image href=\"data:image/png;base64,AAAA\"/>", true)]
    [InlineData("<script>alert(1)</script>", false)]
    [InlineData("<g onclick=\"alert(1)\"/>", false)]
    [InlineData("<g ONLOAD=\"alert(1)\"/>", false)]
    [InlineData("<a href=\"#a\"/>", false)]
    [InlineData("<use xlink:href=\"http://example.org/a.svg#a\"/>", false)]
    [InlineData("<image href=\"javascript:alert(1)\"/>", false)]
    [InlineData("<image href=\"data:image/svg+xml,x\"/>", false)]
    [InlineData("<foreignObject/>", false)]
    [InlineData("<style>@import url(x)</style>", false)]
    [InlineData("<animate attributeName=\"href\"/>", false)]
    [InlineData("<?xml-stylesheet href=\"x\"?>", false)]
    [InlineData("<rect>", false)]
    public void Only_drawings_are_safe(string content, bool expected) =>
        Assert.Equal(expected, SvgDrawing.IsSafe(Encoding.UTF8.GetBytes($"<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">{content}</svg>")));

    [Theory]
    [InlineData("")]
    [InlineData("RIFF")]
    [InlineData("<html><script/></html>")]
    [InlineData("<!DOCTYPE svg [<!ENTITY a \"b\">]><svg>&a;</svg>")]
    public void Other_files_are_not(string content) => Assert.False(SvgDrawing.IsSafe(Encoding.UTF8.GetBytes(content)));

    [Fact]
    public void Our_own_plots_are_safe() =>
        Assert.True(SvgDrawing.IsSafe(Encoding.UTF8.GetBytes(Plots.Svg(new CurvePlot("title <&>", "step", "dB", [new CurveSeries("a", [1, 2, 3], [1, 3, 2])])))));
}
