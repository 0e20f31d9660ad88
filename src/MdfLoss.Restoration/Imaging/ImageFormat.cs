using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>The file formats that are read. No other decoder is reachable, for any file name.</summary>
internal enum ImageFormat
{
    Png,
    Jpeg,
    Tiff,
    WebP,
    Bmp,
}

/// <summary>Detects image formats: by content for reading, by extension for writing.</summary>
internal static class ImageFormats
{
    /// <summary>Whether files of a format may have 16 bits per channel.</summary>
    public static bool Has16Bits(this ImageFormat format) => format is ImageFormat.Png or ImageFormat.Tiff;

    /// <summary>Whether files of a format may have an alpha channel.</summary>
    public static bool HasAlpha(this ImageFormat format) => format is not ImageFormat.Jpeg;

    /// <summary>The formats that are read, for messages.</summary>
    public const string Readable = "PNG, JPEG, TIFF, WebP or BMP";

    // Written byte by byte, because \x89 in a UTF-8 literal would be two bytes.
    private static ReadOnlySpan<byte> Png => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    private static ReadOnlySpan<byte> Jpeg => [0xff, 0xd8, 0xff];

    /// <summary>Detects the format from the first bytes; null if it is not supported.</summary>
    /// <param name="content">A whole file, or its first 12 bytes.</param>
    public static ImageFormat? Detect(ReadOnlySpan<byte> content)
    {
        if (content.StartsWith(Png))
            return ImageFormat.Png;
        if (content.StartsWith(Jpeg))
            return ImageFormat.Jpeg;
        // Byte order, then 42, or 43 for BigTIFF.
        if (content.StartsWith("II*\0"u8) || content.StartsWith("MM\0*"u8)
            || content.StartsWith("II+\0"u8) || content.StartsWith("MM\0+"u8))
            return ImageFormat.Tiff;
        if (content.Length >= 12 && content.StartsWith("RIFF"u8) && content[8..].StartsWith("WEBP"u8))
            return ImageFormat.WebP;
        if (content.StartsWith("BM"u8))
            return ImageFormat.Bmp;
        return null;
    }

    /// <summary>Returns the format in which a file of this name is written.</summary>
    /// <param name="path">The name of the file. Only its extension matters.</param>
    /// <exception cref="InputException">Files with this extension cannot be written.</exception>
    public static ImageFormat FromExtension(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".png" => ImageFormat.Png,
        ".jpg" or ".jpeg" => ImageFormat.Jpeg,
        ".tif" or ".tiff" => ImageFormat.Tiff,
        ".webp" => ImageFormat.WebP,
        var other => throw new InputException(
            $"cannot write '{path}': expected one of .png, .jpg, .jpeg, .tif, .tiff, .webp, found "
            + (other.Length == 0 ? "no extension" : $"'{other}'")),
    };
}
