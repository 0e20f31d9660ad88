using System.Buffers.Binary;
using System.IO.Compression;
using Mdf.Imaging;
using Mdf.Runtime;
using NetVips;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

/// <summary>Tall, wide and tiled files are read in parts of a bounded size, files that claim too much are refused, and reading can be ended.</summary>
public sealed class ImageCostTests : IDisposable
{
    private const int Long = 1_000_000;

    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    // As one strip the tall one takes minutes, and so do the tests that hold it.
    [Theory]
    [InlineData(1, Long)]
    [InlineData(Long, 1)]
    [InlineData(3, Long / 3)]
    public void A_png_of_any_shape_is_read(int width, int height)
    {
        var read = ImageFile.Decode(Png(width, height), "png");
        Assert.Equal([1, 3, height, width], read.shape);
        Assert.True(Ramp(width, height).expand(1, 3, height, width).Equals(read));
    }

    [Theory]
    [InlineData("tiff")]
    [InlineData("tiff tiled")]
    [InlineData("jpeg")]
    [InlineData("png interlaced")]
    public void A_tall_file_of_any_format_is_read(string kind)
    {
        var height = kind == "jpeg" ? 65_000 : Long;
        using var tall = NetVips.Image.NewFromMemory(new byte[height], 1, height, 1, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Bw);
        var file = kind switch
        {
            "tiff" => tall.TiffsaveBuffer(Enums.ForeignTiffCompression.Deflate),
            "tiff tiled" => tall.TiffsaveBuffer(Enums.ForeignTiffCompression.Deflate, tile: true, tileWidth: 16, tileHeight: 16),
            "jpeg" => tall.JpegsaveBuffer(),
            _ => tall.PngsaveBuffer(interlace: true),
        };
        Assert.Equal([1, 3, height, 1], ImageFile.Decode(file, kind).shape);
    }

    [Fact]
    public void A_tall_picture_is_written()
    {
        foreach (var name in new[] { "a.png", "a.tiff" })
        {
            ImageFile.Write(_folder.File(name), zeros(1, 3, 200_000, 1));
            Assert.Equal([1, 3, 200_000, 1], ImageFile.Read(_folder.File(name)).shape);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(6)]
    [InlineData(8)]
    public void A_picture_of_many_tiles_is_read_whole(int orientation)
    {
        // More than two blocks of 32×32 tiles each way.
        var image = randint(0, 256, [1, 3, 1100, 1150], generator: Draws).to(ScalarType.Float32).Div(255);
        using var pixels = Pixels.FromTensor(image, 8);
        using var turned = pixels.Mutate(mutable => mutable.Set(GValue.GIntType, "orientation", orientation));
        var file = turned.TiffsaveBuffer(Enums.ForeignTiffCompression.Lzw, tile: true, tileWidth: 16, tileHeight: 16);
        var expected = orientation switch
        {
            3 => image.flip(2, 3),
            6 => image.flip(2).transpose(2, 3),
            8 => image.flip(3).transpose(2, 3),
            _ => image,
        };
        Assert.True(expected.Equals(ImageFile.Decode(file, "tiles")));
    }

    [Fact]
    public void Tiles_larger_than_the_picture_are_read()
    {
        var image = randint(0, 256, [1, 3, 40, 50], generator: Draws).to(ScalarType.Float32).Div(255);
        using var pixels = Pixels.FromTensor(image, 8);
        Assert.True(image.Equals(ImageFile.Decode(pixels.TiffsaveBuffer(tile: true, tileWidth: 64, tileHeight: 128), "tiles")));
    }

    [Fact]
    public void Too_many_tiles_in_a_row_are_refused()
    {
        byte[] Tiled(int width)
        {
            using var wide = NetVips.Image.Black(width, 1);
            return wide.TiffsaveBuffer(Enums.ForeignTiffCompression.Deflate, tile: true, tileWidth: 16, tileHeight: 16);
        }

        const int Most = 16 * ImageDecoder.MaximumTilesAcross;
        Assert.Equal([1, 3, 1, Most], ImageFile.Decode(Tiled(Most), "tiles").shape);
        Assert.Contains("expected at most 4096 tiles in a row, found 65537 columns in tiles of 16", Refusal(Tiled(Most + 1)));
    }

    [Theory]
    [InlineData(false, 1, 16_711_712)]
    [InlineData(true, 1, 16_711_712)]
    [InlineData(false, 11_000, 11_000)]
    [InlineData(true, 11_000, 11_000)]
    public void A_png_that_claims_more_than_its_data_can_hold_is_refused_before_it_is_decoded(bool isInterlaced, int width, int height)
    {
        // A byte of deflate becomes 1,032 at most.
        var least = ((long)width * height + 1031) / 1032;
        var file = Png(200, 200, isInterlaced, claimed: (width, height));
        Assert.Contains($"expected at least {least} bytes of compressed pixels for {width}×{height}, found", Refusal(file));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(8, false)]
    [InlineData(16, false)]
    [InlineData(1, true)]
    [InlineData(8, true)]
    public void The_emptiest_png_has_data_enough(int bitDepth, bool isInterlaced)
    {
        using var black = NetVips.Image.Black(4000, 3001);
        using var deep = bitDepth == 16 ? black.Cast(Enums.BandFormat.Ushort) : black.Copy();
        using var grey = deep.Copy(interpretation: bitDepth == 16 ? Enums.Interpretation.Grey16 : Enums.Interpretation.Bw);
        var file = grey.PngsaveBuffer(compression: 9, interlace: isInterlaced, bitdepth: bitDepth, filter: Enums.ForeignPngFilter.None);
        Assert.Equal([1, 3, 3001, 4000], ImageFile.Decode(file, "black").shape);
    }

    [Theory]
    [InlineData(Enums.ForeignTiffCompression.None)]
    [InlineData(Enums.ForeignTiffCompression.Deflate)]
    public void A_tiff_that_claims_more_rows_than_it_has_is_refused(Enums.ForeignTiffCompression compression)
    {
        using var small = NetVips.Image.Black(40, 32);
        var file = small.TiffsaveBuffer(compression);
        SetTag(file, 256, 11_000);
        SetTag(file, 257, 11_000);
        Refusal(file);
    }

    [Theory]
    [InlineData(Enums.ForeignTiffCompression.Packbits)]
    [InlineData(Enums.ForeignTiffCompression.Jpeg)]
    [InlineData(Enums.ForeignTiffCompression.Lzw)]
    public void A_tiff_whose_pixels_libtiff_warns_of_is_refused(Enums.ForeignTiffCompression compression)
    {
        var pixels = new byte[200 * 200 * 3];
        new Random(3).NextBytes(pixels);
        using var rgb = NetVips.Image.NewFromMemory(pixels, 200, 200, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
        var file = rgb.TiffsaveBuffer(compression);
        Assert.Equal([1, 3, 200, 200], ImageFile.Decode(file, "tiff").shape);
        Array.Clear(file, file.Length / 2, 100);
        Refusal(file);
    }

    [Fact]
    public void Libtiffs_warnings_of_tags_are_passed_over()
    {
        using var grey = NetVips.Image.Black(40, 32);
        var file = grey.TiffsaveBuffer(Enums.ForeignTiffCompression.Packbits);
        SetTagId(file, 296, 65_000); // an unknown one, before one with a smaller number
        Assert.Equal([1, 3, 32, 40], ImageFile.Decode(file, "tiff").shape);
    }

    [Fact]
    public void A_png_with_a_wrong_checksum_or_a_webp_with_bytes_missing_is_refused()
    {
        var png = Png(200, 200);
        png[^20] ^= 1; // the checksum of the data
        Refusal(png);
        var pixels = new byte[64 * 64 * 3];
        new Random(3).NextBytes(pixels);
        using var rgb = NetVips.Image.NewFromMemory(pixels, 64, 64, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
        foreach (var isLossless in new[] { false, true })
        {
            var webp = rgb.WebpsaveBuffer(lossless: isLossless);
            Refusal([.. webp[..(webp.Length / 2)], .. webp[(webp.Length / 2 + 200)..]]);
        }
    }

    [Theory]
    [InlineData("a.png")]
    [InlineData("a.jpg")]
    [InlineData("a.tiff")]
    [InlineData("a.webp")]
    public void A_cancelled_reading_of_any_format_ends(string name)
    {
        ImageFile.Write(_folder.File(name), rand(1, 3, 16, 16, generator: Draws));
        using var source = new CancellationTokenSource();
        Assert.Equal([1, 3, 16, 16], ImageFile.Read(_folder.File(name), cancellationToken: source.Token).shape);
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => ImageFile.Read(_folder.File(name), cancellationToken: source.Token));
        Assert.Throws<OperationCanceledException>(() => ImageFile.ReadPicture(_folder.File(name), source.Token));
    }

    [Fact]
    public void A_cancellation_ends_a_decode_between_two_blocks()
    {
        var pixels = new byte[64 * 20_000];
        new Random(3).NextBytes(pixels);
        using var noise = NetVips.Image.NewFromMemory(pixels, 64, 20_000, 1, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Bw);
        using var file = new MemoryStream(noise.PngsaveBuffer());
        using var cancellation = new CancellationTokenSource();
        using var source = new SourceCustom();
        source.OnRead += (buffer, length) =>
        {
            if (file.Position > file.Length / 2)
                cancellation.Cancel();
            return file.Read(buffer, 0, length);
        };
        source.OnSeek += file.Seek;
        using var image = NetVips.Image.NewFromSource(source, access: Enums.Access.Sequential);
        Assert.Throws<OperationCanceledException>(() => Pixels.ToRgb(image, default, AlphaHandling.OnWhite, cancellation.Token));
        Assert.InRange(file.Position, 0, file.Length - 1);
    }

    private static string Refusal(byte[] file) => Assert.Throws<InputException>(() => ImageFile.Decode(file, "file")).Message;

    /// <summary>Sets a number in the first directory of a little-endian TIFF.</summary>
    private static void SetTag(byte[] file, int tag, int value) => BitConverter.TryWriteBytes(file.AsSpan(Entry(file, tag) + 8), value);

    private static void SetTagId(byte[] file, int tag, ushort id) => BitConverter.TryWriteBytes(file.AsSpan(Entry(file, tag)), id);

    private static int Entry(byte[] file, int tag)
    {
        var directory = BitConverter.ToInt32(file, 4);
        return Enumerable.Range(0, BitConverter.ToUInt16(file, directory)).Select(i => directory + 2 + 12 * i)
            .First(entry => BitConverter.ToUInt16(file, entry) == tag);
    }

    /// <summary>Level i mod 251 at pixel i.</summary>
    private static Tensor Ramp(int width, int height) =>
        Arange((long)width * height, ScalarType.Int64).remainder(tensor(251L)).to(ScalarType.Float32).Div(255).reshape(1, 1, height, width);

    /// <summary>A grey PNG of 8 bits, whose header may claim another size than its data has.</summary>
    private static byte[] Png(int width, int height, bool isInterlaced = false, (int Width, int Height)? claimed = null)
    {
        using var compressed = new MemoryStream();
        using (var deflate = new ZLibStream(compressed, CompressionLevel.Fastest))
        {
            var row = new byte[width + 1]; // the filter's byte, then the pixels
            for (var y = 0; y < height; y++)
            {
                for (var x = 0; x < width; x++)
                    row[x + 1] = (byte)(((long)y * width + x) % 251);
                deflate.Write(row);
            }
        }

        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, claimed?.Width ?? width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), claimed?.Height ?? height);
        header[8] = 8;
        header[12] = isInterlaced ? (byte)1 : (byte)0;
        return [0x89, .. "PNG\r\n\u001a\n"u8, .. PngChunks.Make("IHDR", header), .. PngChunks.Make("IDAT", compressed.ToArray()), .. PngChunks.Make("IEND", [])];
    }
}
