using Mdf.Reports;
using ScottPlot;

namespace Mdf.Tests.Reports;

public sealed class FigureStyleTests
{
    [Fact]
    public void The_font_is_the_one_inside_the_library_whatever_the_machine_has()
    {
        Assert.Equal("DejaVu Sans", FigureStyle.Typeface.FamilyName);
        foreach (var isBold in new[] { false, true })
            Assert.Same(FigureStyle.Typeface, Fonts.GetTypeface(FigureStyle.Font, isBold, italic: false));
    }

    [Fact]
    public void The_font_has_what_labels_are_written_with() =>
        Assert.True(FigureStyle.Typeface.ContainsGlyphs(
            "ABCXYZabcxyz0123456789.,:;!?()[]{}<>=+-*/%&#@'\"_|~^ ÄäÖöÜüßéèñçłŠ αβγσλμπΣΔ Жя ‘’“”–—…·×÷±²³₁₂¹⁰⁻ ←→↑↓ ∞≈≤≥≠−√∑∂∇ €"));

    [Fact]
    public void Plots_leave_the_default_font_of_ScottPlot_alone()
    {
        var before = Fonts.Default;
        Plots.Render(new BarPlot("title", "y", ["a"], [new("s", [1])], ValueFormat: "F2"));
        Assert.Equal(before, Fonts.Default);
    }
}
