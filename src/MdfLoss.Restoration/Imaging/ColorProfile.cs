using System.Text;
using NetVips;

namespace Mdf.Imaging;

/// <summary>Converts an image with an embedded ICC profile, or in CMYK, to sRGB.</summary>
internal static class ColorProfile
{
    /// <summary>The name of an image's profile in libvips.</summary>
    internal const string Metadata = "icc-profile-data";

    /// <summary>The position of the device's colour space in an ICC header (ICC.1:2022, 7.2).</summary>
    private const int ColorSpaceOffset = 16;

    /// <summary>
    /// The largest change of a colour, in 8-bit levels, by a profile that still counts as sRGB. Published sRGB profiles differ
    /// from each other in the last digits of their tables.
    /// </summary>
    private const int Tolerance = 1;

    /// <summary>Converts to sRGB. Pixels with an sRGB profile or without a profile are already sRGB and stay unchanged, bit for bit.</summary>
    /// <param name="image">Grey, RGB or CMYK, 8 or 16 bits, with or without alpha.</param>
    /// <returns>Grey or RGB, with the bit depth and the alpha of the input. The caller must dispose it.</returns>
    /// <remarks>A profile that is corrupt, or made for another kind of pixels, is ignored, as in browsers.</remarks>
    public static Image ToSrgb(Image image)
    {
        var isCmyk = image.Interpretation == Enums.Interpretation.Cmyk;
        var isGrey = image.Bands <= 2;
        var profile = image.Contains(Metadata) ? (byte[])image.Get(Metadata) : [];
        switch (ColorSpace(profile))
        {
            case "RGB " when isGrey:
                // This is common: a grey picture that was saved by a program that works in RGB.
                using (var color = Expand(image))
                    return ToSrgb(color);
            case "RGB " when !isCmyk:
            case "GRAY" when isGrey:
                return IsSrgb(profile, isGrey ? 1 : 3) ? image.Copy() : Transform(image);
            default:
                // CMYK has no meaning without a profile. If it is missing, the profile of libvips is used.
                return isCmyk ? Transform(image) : image.Copy();
        }
    }

    private static Image Transform(Image image) => image.IccTransform("srgb", embedded: true, inputProfile: "cmyk",
        intent: Enums.Intent.Relative, depth: image.Format == Enums.BandFormat.Ushort ? 16 : 8);

    private static string ColorSpace(byte[] profile) => profile.Length >= ColorSpaceOffset + 4
        ? Encoding.ASCII.GetString(profile, ColorSpaceOffset, 4)
        : "";

    private static Image Expand(Image image)
    {
        using var grey = image.ExtractBand(0);
        using var rest = image.ExtractBand(0, n: image.Bands); // the grey channel, and alpha if there is one
        using var rgb = grey.Bandjoin(grey, rest);
        return rgb.Copy(interpretation: image.Format == Enums.BandFormat.Ushort
            ? Enums.Interpretation.Rgb16
            : Enums.Interpretation.Srgb);
    }

    /// <summary>Whether a profile leaves colours unchanged. It is tested on a grid of colours, because the name of a profile can be wrong.</summary>
    private static bool IsSrgb(byte[] profile, int channels)
    {
        // For colour: 0, 15 … 255 on each axis of the cube. For grey: every level.
        byte[] grid = channels == 1
            ? [.. Enumerable.Range(0, 256).Select(level => (byte)level)]
            : [.. from red in Enumerable.Range(0, 18)
                  from green in Enumerable.Range(0, 18)
                  from blue in Enumerable.Range(0, 18)
                  from level in new[] { red, green, blue }
                  select (byte)(15 * level)];
        using var memory = Image.NewFromMemory(grid, grid.Length / channels, 1, channels, Enums.BandFormat.Uchar);
        using var colors = memory.Copy(interpretation: channels == 1 ? Enums.Interpretation.Bw : Enums.Interpretation.Srgb);
        using var tagged = colors.Mutate(image => image.Set(GValue.BlobType, Metadata, profile));
        using var converted = Transform(tagged);
        var result = converted.WriteToMemory<byte>();
        var copies = result.Length / grid.Length; // grey becomes three channels
        return result.Select((level, i) => Math.Abs(level - grid[i / copies])).Max() <= Tolerance;
    }
}
