using Mdf.Runtime;
using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Reads image files into tensors and writes tensors to image files.</summary>
/// <remarks>
/// <para>Reading accepts PNG, JPEG, TIFF, WebP and BMP, with 8 or 16 bits per channel, in grey, palette, RGB or CMYK. The content of the file decides its
/// format. Orientation is applied if it comes from EXIF, from TIFF, or from ImageMagick's text chunks in a PNG; orientation from XMP is ignored. Pixels with an
/// embedded colour profile are converted to sRGB. Without a usable profile, pixels are assumed to be sRGB and are not changed. Of an animation or a multi-page
/// file, only the first page is read. The gAMA and cHRM chunks of a PNG are ignored, as in most programs.</para>
/// <para>Writing is deterministic: the same tensor gives the same bytes, and the file contains no metadata and no time. Only a <see cref="Picture"/> that
/// was read from a file keeps its metadata.</para>
/// </remarks>
public static class ImageFile
{
    /// <summary>
    /// The largest number of pixels of an image that is read: 2²⁷. It is checked before any pixel is decoded. As a tensor, such an image takes 1.5 GiB.
    /// Decoding needs only strips and the file in addition, with two exceptions. Files that cannot be read from top to bottom (interlaced, WebP, BMP) are
    /// decoded as a whole first, which takes at most 1 GiB more. For a JPEG that is progressive or has more than one scan, libjpeg keeps all coefficients, with
    /// two bytes per sample: at most 1 GiB more with four channels, 0.75 GiB with three.
    /// A PNG or JPEG with too few bytes for its pixels is refused before decoding. WebP and TIFF have no such check.
    /// </summary>
    public const long MaximumPixels = 1L << 27;

    /// <summary>The usual extensions of the formats that are read, in lower case. In a folder, files with these extensions are images.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"];

    /// <summary>Reads an image file.</summary>
    /// <param name="path">The file. Its content decides the format, not its name.</param>
    /// <param name="options">The options for reading. Default: <see cref="ImageReadOptions"/> with its default values.</param>
    /// <param name="cancellationToken">
    /// Cancels between two parts of the image. An interlaced PNG, a progressive JPEG and a WebP are decoded as one part, which takes seconds for the largest images.
    /// </param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="InputException">
    /// The file does not exist; it is not a complete, valid image of a supported kind; it has more than
    /// <see cref="MaximumPixels"/> pixels; or its transparency is refused.
    /// </exception>
    /// <exception cref="OperationCanceledException">The operation was cancelled.</exception>
    public static Tensor Read(string path, ImageReadOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Decode(ReadContent(path), path, options, cancellationToken);
    }

    /// <summary>Reads an image file with all its channels. The result keeps transparency, and records whether the file is grey and its bit depth.</summary>
    /// <param name="path">The file. Its content decides the format, not its name.</param>
    /// <param name="cancellationToken">As for <see cref="Read"/>.</param>
    /// <returns>A picture on the CPU, float32.</returns>
    /// <exception cref="InputException">As for <see cref="Read"/>.</exception>
    /// <exception cref="OperationCanceledException">The operation was cancelled.</exception>
    public static Picture ReadPicture(string path, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Decode(ReadContent(path), path, content => ImageDecoder.DecodePicture(content, cancellationToken));
    }

    /// <summary>Reads the bytes of an image file, for callers that need both the bytes and the image. <see cref="Decode"/> decodes them.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The whole file. Only its first bytes have been checked.</returns>
    /// <exception cref="InputException">The file does not exist, or does not begin like an image of a supported kind.</exception>
    internal static byte[] ReadContent(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        RegularFile.Require(path, "an image file");
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            Span<byte> head = stackalloc byte[12];
            head = head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
            if (ImageFormats.Detect(head) is null)
                throw new InputException($"cannot read '{path}': {ImageDecoder.NoImage(head)}");
            if (stream.Length > Array.MaxLength)
                throw new InputException($"cannot read '{path}': expected at most {Array.MaxLength} bytes, found {stream.Length}");
            stream.Position = 0;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            return content;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new InputException($"cannot read '{path}': {e.Message}", e);
        }
    }

    /// <summary>Decodes an image file in memory, like <see cref="Read"/>.</summary>
    /// <param name="content">The bytes of an image file.</param>
    /// <param name="name">The name of the image in messages.</param>
    /// <param name="options">The options for reading. Default: <see cref="ImageReadOptions"/> with its default values.</param>
    /// <param name="cancellationToken">As for <see cref="Read"/>.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="InputException">As for <see cref="Read"/>.</exception>
    /// <exception cref="OperationCanceledException">The operation was cancelled.</exception>
    public static Tensor Decode(byte[] content, string name, ImageReadOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentNullException.ThrowIfNull(name);
        return Decode(content, name, bytes => ImageDecoder.Decode(bytes, options ?? new ImageReadOptions(), cancellationToken));
    }

    private static T Decode<T>(byte[] content, string name, Func<byte[], T> decode)
    {
        try
        {
            return decode(content);
        }
        catch (InvalidDataException e)
        {
            throw new InputException($"cannot read '{name}': {e.Message}", e);
        }
    }

    /// <summary>Writes an image file. The extension decides the format: PNG, JPEG, TIFF or WebP.</summary>
    /// <param name="path">The file to write; see <see cref="AtomicFile"/>.</param>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c> or <c>(3, H, W)</c>, on any device; values are clamped to [0, 1] and rounded half up.</param>
    /// <param name="options">The options for writing. Default: <see cref="ImageWriteOptions"/> with its default values. Lossless formats keep 8-bit images bit for bit.</param>
    /// <exception cref="InputException">The extension is unknown, an option does not fit the format, or the path cannot be written.</exception>
    /// <exception cref="ArgumentException">The tensor is not one RGB image, or contains NaN.</exception>
    public static void Write(string path, Tensor image, ImageWriteOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(image);
        Write(path, options, metadata: null, (_, bitDepth) => Pixels.FromTensor(image, bitDepth ?? 8));
    }

    /// <summary>
    /// Writes a picture with all its channels: grey as one channel (in WebP, which has no grey, as three equal channels), alpha as alpha. JPEG has no
    /// alpha, so transparent pixels are composited on white, like <see cref="AlphaHandling.OnWhite"/> and viewers do.
    /// </summary>
    /// <param name="path">The file to write; see <see cref="AtomicFile"/>. Its extension decides the format: PNG, JPEG, TIFF or WebP.</param>
    /// <param name="picture">The picture, on any device; values are clamped to [0, 1] and rounded half up.</param>
    /// <param name="options">The options for writing. Default: <see cref="ImageWriteOptions"/> with its default values.</param>
    /// <returns>The metadata of the picture that the file does not contain.</returns>
    /// <exception cref="InputException">The extension is unknown, an option does not fit the format, or the path cannot be written.</exception>
    /// <exception cref="ArgumentException">The picture's tensors do not match the description of <see cref="Picture"/>, or contain NaN.</exception>
    /// <remarks>
    /// <para>Of the <see cref="Picture.Metadata"/>, EXIF (without its thumbnail, and not in TIFF), XMP and the resolution are kept. Their entries for orientation,
    /// size and colour space are corrected, and entries of XMP about gain maps, videos and depth maps in the old file are removed. If the old file had no
    /// resolution, the new file has none. A colour picture that had a colour profile gets the sRGB profile, because its pixels were converted to sRGB. Other
    /// pictures get no profile.</para>
    /// <para>Grey is the mean of the three channels. A network makes the channels differ a little. Each is an equally good estimate of the same grey, so
    /// the mean has the smallest error. Luma weights would count the error of green about five times as much as the error of blue.</para>
    /// </remarks>
    public static IReadOnlyList<UnkeptMetadata> Write(string path, Picture picture, ImageWriteOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(picture);
        return Write(path, options, picture.Metadata, (format, bitDepth) =>
            Pixels.FromPicture(picture, bitDepth ?? (format.Has16Bits() ? picture.BitDepth : 8), format.HasAlpha()));
    }

    /// <param name="path">The file.</param>
    /// <param name="options">The options for writing.</param>
    /// <param name="metadata">The metadata for the file; null for none.</param>
    /// <param name="round">Creates the pixels for a format, with the requested bit depth, if there is one.</param>
    private static IReadOnlyList<UnkeptMetadata> Write(
        string path, ImageWriteOptions? options, PictureMetadata? metadata, Func<ImageFormat, int?, Image> round)
    {
        options ??= new ImageWriteOptions();
        var format = ImageFormats.FromExtension(path);
        Refuse(path, options, format);
        try
        {
            var (file, unkept) = Libvips.Run(() =>
            {
                using var pixels = round(format, options.BitDepth);
                return metadata is null
                    ? (PixelDensity.Write(Encode(pixels, format, options, Enums.ForeignKeep.None), format, resolution: null, exif: null), [])
                    : MetadataWriter.Encode(pixels, metadata, format, (tagged, keep) => Encode(tagged, format, options, keep));
            });
            AtomicFile.Write(path, file);
            return unkept;
        }
        catch (VipsException e)
        {
            // The remaining cause is a limit of the format: 16,383 pixels per side for WebP, 65,535 for JPEG.
            throw new InputException($"cannot write '{path}': {Libvips.Reason(e)}; try another format", e);
        }
    }

    /// <summary>
    /// Checks that <see cref="Write(string, Tensor, ImageWriteOptions?)"/> accepts a file name, and that the options fit its format. Call it before long
    /// work, so that the work does not fail at its end.
    /// </summary>
    /// <param name="path">The file to write later. Only its extension matters.</param>
    /// <param name="options">The options for writing. Default: <see cref="ImageWriteOptions"/> with its default values.</param>
    /// <exception cref="InputException">The extension is unknown, or an option does not fit the format.</exception>
    internal static void RequireWritable(string path, ImageWriteOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        Refuse(path, options ?? new ImageWriteOptions(), ImageFormats.FromExtension(path));
    }

    private static byte[] Encode(Image pixels, ImageFormat format, ImageWriteOptions options, Enums.ForeignKeep keep) => format switch
    {
        ImageFormat.Jpeg => JpegCodec.Encode(
            pixels, options.Quality ?? ImageWriteOptions.DefaultJpegQuality, options.Subsampling ?? ChromaSubsampling.Half, keep),
        ImageFormat.Png => pixels.PngsaveBuffer(filter: Enums.ForeignPngFilter.All, keep: keep),
        ImageFormat.Tiff => pixels.TiffsaveBuffer(Enums.ForeignTiffCompression.Deflate,
            predictor: Enums.ForeignTiffPredictor.Horizontal, keep: keep),
        ImageFormat.WebP when options.Quality is { } quality => pixels.WebpsaveBuffer(q: quality, keep: keep),
        // Exact, because otherwise the colours of transparent pixels are lost.
        ImageFormat.WebP => pixels.WebpsaveBuffer(lossless: true, exact: true, keep: keep),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "a format that is not written"),
    };

    private static void Refuse(string path, ImageWriteOptions options, ImageFormat format)
    {
        if (options.BitDepth == 16 && !format.Has16Bits())
            throw new InputException($"cannot write '{path}' with 16 bits: {format} has 8; write .png or .tiff");
        if (options.Quality is not null && format is not (ImageFormat.Jpeg or ImageFormat.WebP))
            throw new InputException($"cannot write '{path}' with a quality: {format} is lossless; write .jpg or .webp, or give no quality");
        if (options.Subsampling is not null && format is not ImageFormat.Jpeg)
            throw new InputException($"cannot write '{path}' with chroma subsampling: only JPEG has it; write .jpg, or give no chroma subsampling");
    }
}
