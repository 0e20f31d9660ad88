using ScottPlot;
using SkiaSharp;

namespace Mdf.Reports;

/// <summary>The common style of all figures: the font, which is the same on every machine, and the colours.</summary>
internal static class FigureStyle
{
    /// <summary>The name of <see cref="Typeface"/> in ScottPlot. No system font has this name.</summary>
    public static string Font { get; } = "mdf: DejaVu Sans";

    // The palette of Okabe and Ito (2008), which colour-blind people can distinguish. A brown replaces its yellow, which is too pale for lines.
    private static readonly Color[] s_palette =
    [
        new("#0072B2"), new("#D55E00"), new("#009E73"), new("#CC79A7"), new("#E69F00"), new("#56B4E9"), new("#404040"), new("#8A5A44"),
    ];

    /// <summary>Registers the font in ScottPlot, at the start of its list, because ScottPlot searches the list from the start.</summary>
    static FigureStyle()
    {
        using var file = typeof(FigureStyle).Assembly.GetManifestResourceStream("DejaVuSans.ttf")
            ?? throw new InvalidOperationException("the library was built without its font");
        using var content = SKData.Create(file);
        Typeface = SKTypeface.FromData(content) ?? throw new InvalidOperationException("the library's font cannot be read");
        Fonts.FontResolvers.Insert(0, new Resolver());
    }

    /// <summary>The font of all text. It is part of the library, because a machine may have no font.</summary>
    public static SKTypeface Typeface { get; }

    public static Color Text { get; } = new("#303030");

    public static Color Axis { get; } = new("#909090");

    public static Color Grid { get; } = new("#E6E6E6");

    /// <summary>A diverging colour: the palette's blue at −1, white at 0, the palette's orange at 1.</summary>
    public static Color Diverging(double place)
    {
        var end = place < 0 ? s_palette[0] : s_palette[1];
        return Colors.White.MixedWith(end, Math.Min(1, Math.Abs(place)));
    }

    /// <summary>The number of different colours for series.</summary>
    public static int ColorCount => s_palette.Length;

    /// <summary>The colour of the series with this index. Colours repeat after <see cref="ColorCount"/>.</summary>
    public static Color ColorOf(int index) => s_palette[index % s_palette.Length];

    private sealed class Resolver : IFontResolver
    {
        // One typeface for all weights: figures show importance by size.
        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing width) =>
            fontName == Font ? Typeface : null;

        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == Font ? Typeface : null;
    }
}
