using Mdf.Reports.Site;

namespace Mdf.Tests.Reports.Site;

public sealed class HtmlTests
{
    [Theory]
    [InlineData("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;")]
    [InlineData("\"quoted\" & 'quoted'", "&quot;quoted&quot; &amp; &#39;quoted&#39;")]
    [InlineData("a\0b\u001bc", "a\uFFFDb\uFFFDc")]
    [InlineData("知覚", "知覚")]
    public void Holes_are_encoded(string text, string expected)
    {
        Assert.Equal($"<td title=\"{expected}\">{expected}</td>", Html.Of($"<td title=\"{text}\">{text}</td>").ToString());
    }

    // Not as data of a theory, because a half of a pair does not survive the way to the test.
    [Fact]
    public void Half_of_a_pair_is_replaced() => Assert.Equal("\uFFFD alone &#128512; \uFFFD", Html.Of($"{"\ud800 alone \U0001F600 \udc00"}").ToString());

    [Fact]
    public void Finished_html_is_not_encoded_again()
    {
        var inner = Html.Of($"<b>{"<"}</b>");
        Assert.Equal("<p><b>&lt;</b>3</p>", Html.Of($"<p>{inner}{3}</p>").ToString());
        Assert.Equal("<b>&lt;</b>\n<b>&lt;</b>", Html.Lines([inner, Html.Empty, inner]).ToString());
        Assert.Equal("<b>&lt;</b><b>&lt;</b>", Html.Join([inner, inner]).ToString());
    }

    [Fact]
    public void Numbers_have_points_and_all_digits() => Assert.Equal("0.1 1E-07", Html.Of($"{0.1} {1e-7}").ToString());
}
