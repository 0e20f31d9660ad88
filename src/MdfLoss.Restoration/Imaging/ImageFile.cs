using Mdf.Runtime;
using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Image files to tensors and back.</summary>
/// <remarks>
/// <para>Reading accepts PNG, JPEG, TIFF, WebP and BMP, told apart by content, with 8 or 16 bits per channel, grey,
/// palette, RGB or CMYK. Orientation (EXIF, TIFF) is applied, also that of ImageMagick's text chunks in a PNG, and not that of XMP; an embedded colour profile is converted to sRGB; without
/// one that can be used, pixels are taken to be sRGB and kept as they are. Of an animation or a multi-page file the first page is read.
/// A PNG's gAMA and cHRM chunks are ignored, as most programs do.</para>
/// <para>Writing is deterministic: the same tensor gives the same bytes, and no metadata or time goes into the file. Only a <see cref="Picture"/> that
/// was read from a file takes its metadata along.</para>
/// </remarks>
public static class ImageFile
{
    /// <summary>
    /// The largest image that is read, in pixels (2²⁷); checked before any pixel is decoded. As a tensor that is 1.5 GiB,
    /// and decoding holds no more beside it than strips and the file, except for files that cannot be read from top to
    /// bottom (interlaced, WebP, BMP): those are decoded whole first, at most 1 GiB more. Of a JPEG that is progressive or has more
    /// than one scan, libjpeg holds all coefficients, two bytes for each sample: at most 1 GiB more with four channels, 0.75 with three.
    /// A PNG or JPEG of so few bytes that they cannot hold the pixels is refused before that; WebP and TIFF have no such bound.
    /// </summary>
    public const long MaximumPixels = 1L << 27;

    /// <summary>The usual extensions of the formats that are read, in lower case: what is taken for an image in a folder.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"];

    /// <summary>Reads an image file.</summary>
    /// <param name="path">The file. Its content decides the format, not its name.</param>
    /// <param name="options">How to read it; the defaults when null.</param>
    /// <param name="cancellation">
    /// Ends it between two parts of the image. An interlaced PNG, a progressive JPEG and a WebP are decoded in one part, which takes seconds for the largest.
    /// </param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="InputException">
    /// There is no such file, or it is not a whole, undamaged image of a supported kind, or it has more than
    /// <see cref="MaximumPixels"/> pixels, or its transparency is refused.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Tensor Read(string path, ImageReadOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Decode(ReadContent(path), path, options, cancellation);
    }

    /// <summary>Reads an image file with all its channels: transparency is kept, and grey and the bit depth are remembered.</summary>
    /// <param name="path">The file. Its content decides the format, not its name.</param>
    /// <param name="cancellation">As for <see cref="Read"/>.</param>
    /// <returns>A picture on the CPU, float32.</returns>
    /// <exception cref="InputException">As for <see cref="Read"/>.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Picture ReadPicture(string path, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Decode(ReadContent(path), path, content => ImageDecoder.DecodePicture(content, cancellation));
    }

    /// <summary>Reads the bytes of an image file, for whoever needs them beside the image: <see cref="Decode"/> takes them.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The whole file; only its first bytes have been looked at.</returns>
    /// <exception cref="InputException">There is no such file, or it does not begin as an image of a supported kind.</exception>
    public static byte[] ReadContent(string path)
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

    /// <summary>Reads an image that is in memory already; otherwise as <see cref="Read"/>.</summary>
    /// <param name="content">The bytes of an image file.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="options">How to read it; the defaults when null.</param>
    /// <param name="cancellation">As for <see cref="Read"/>.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="InputException">As for <see cref="Read"/>.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Tensor Decode(byte[] content, string name, ImageReadOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        return Decode(content, name, bytes => ImageDecoder.Decode(bytes, options ?? new ImageReadOptions(), cancellation));
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

    /// <summary>Writes an image file whose format follows from its extension: PNG, JPEG, TIFF or WebP.</summary>
    /// <param name="path">The file to write; see <see cref="AtomicFile"/>.</param>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c> or <c>(3, H, W)</c>, on any device; values are clamped to [0, 1] and rounded half up.</param>
    /// <param name="options">How to write it; the defaults when null. Lossless formats return 8-bit images bit for bit.</param>
    /// <exception cref="InputException">The extension is unknown, an option does not fit the format, or the path cannot be written.</exception>
    /// <exception cref="ArgumentException">The tensor is not one RGB image, or holds NaN.</exception>
    public static void Write(string path, Tensor image, ImageWriteOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(image);
        Write(path, options, metadata: null, (_, bitDepth) => Pixels.FromTensor(image, bitDepth ?? 8));
    }

    /// <summary>
    /// Writes a picture with all its channels: grey as one channel (WebP, which has no grey, as three equal ones), alpha as alpha. A JPEG has no
    /// alpha: transparency is composited on white there, as <see cref="AlphaHandling.OnWhite"/> does and viewers show it.
    /// </summary>
    /// <param name="path">The file to write; see <see cref="AtomicFile"/>. Its extension decides the format: PNG, JPEG, TIFF or WebP.</param>
    /// <param name="picture">The picture, on any device; values are clamped to [0, 1] and rounded half up.</param>
    /// <param name="options">How to write it; the defaults when null.</param>
    /// <returns>What the file does not hold of the picture's metadata.</returns>
    /// <exception cref="InputException">The extension is unknown, an option does not fit the format, or the path cannot be written.</exception>
    /// <exception cref="ArgumentException">The picture's tensors are not as <see cref="Picture"/> says, or hold NaN.</exception>
    /// <remarks>
    /// <para>Of the <see cref="Picture.Metadata"/> EXIF (without its thumbnail, and not into TIFF), XMP and the resolution are kept. What they say of orientation,
    /// size and colour space is mended, and XMP says no more of gain maps, videos and depth maps that lay beside the picture. A file that said no resolution gets
    /// none. A colour picture that had a colour profile gets sRGB's, since its pixels were converted to that; others stay without one.</para>
    /// <para>Grey is the mean of the three channels. A network makes them differ a little; each is as good an estimate of the same grey as the others, so
    /// the mean has the least error. The weights of a luma would count green's error four times as much as blue's.</para>
    /// </remarks>
    public static IReadOnlyList<UnkeptMetadata> Write(string path, Picture picture, ImageWriteOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(picture);
        return Write(path, options, picture.Metadata, (format, bitDepth) =>
            Pixels.FromPicture(picture, bitDepth ?? (format.Has16Bits() ? picture.BitDepth : 8), format.HasAlpha()));
    }

    /// <param name="path">The file.</param>
    /// <param name="options">How to write it.</param>
    /// <param name="metadata">What goes into the file besides the pixels; null for nothing.</param>
    /// <param name="round">Makes the pixels for a format, with the bit depth that was asked for, if any.</param>
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
            // What remains is a limit of the format: 16,383 pixels a side for WebP, 65,535 for JPEG.
            throw new InputException($"cannot write '{path}': {Libvips.Reason(e)}; try another format", e);
        }
    }

    /// <summary>
    /// Checks that a file's name is one that <see cref="Write(string, Tensor, ImageWriteOptions?)"/> takes, and that the options fit its format, so that
    /// long work need not fail at its end.
    /// </summary>
    /// <param name="path">The file that is to be written later; only its extension counts.</param>
    /// <param name="options">How it is to be written; the defaults when null.</param>
    /// <exception cref="InputException">The extension is unknown, or an option does not fit the format.</exception>
    public static void RequireWritable(string path, ImageWriteOptions? options = null)
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
        // Exact: or the colours of transparent pixels are lost.
        ImageFormat.WebP => pixels.WebpsaveBuffer(lossless: true, exact: true, keep: keep),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "a format that is not written"),
    };

    private static void Refuse(string path, ImageWriteOptions options, ImageFormat format)
    {
        if (options.BitDepth == 16 && !format.Has16Bits())
            throw new InputException($"cannot write '{path}' with 16 bits: {format} has 8; write .png or .tiff");
        if (options.Quality is not null && format is not (ImageFormat.Jpeg or ImageFormat.WebP))
            throw new InputException($"cannot write '{path}' with a quality: {format} is lossless; write .jpg or .webp, or give none");
        if (options.Subsampling is not null && format is not ImageFormat.Jpeg)
            throw new InputException($"cannot write '{path}' with chroma subsampling: only JPEG has it; write .jpg, or give none");
    }
}
