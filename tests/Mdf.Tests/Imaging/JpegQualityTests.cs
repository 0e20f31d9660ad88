using Mdf.Imaging;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

public sealed class JpegQualityTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(ChromaSubsampling.Half)]
    [InlineData(ChromaSubsampling.Full)]
    public void Every_quality_is_read_from_our_own_files(ChromaSubsampling subsampling)
    {
        var image = rand(1, 3, 16, 24, generator: Draws);
        foreach (var quality in Enumerable.Range(1, 100))
            Assert.Equal(quality, JpegQuality.Estimate(JpegCodec.Encode(image, quality, subsampling)));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(50)]
    [InlineData(98)]
    public void The_quality_of_grey_progressive_and_tagged_files_is_read(int quality)
    {
        using var pixels = Pixels.FromTensor(rand(1, 3, 40, 40, generator: Draws), 8);
        using var grey = pixels.ExtractBand(0).Copy(interpretation: NetVips.Enums.Interpretation.Bw);
        using var tagged = pixels.Mutate(image => image.Set(NetVips.GValue.BlobType, "icc-profile-data", NetVips.Image.ProfileLoad("srgb")));
        Assert.Equal(quality, JpegQuality.Estimate(grey.JpegsaveBuffer(q: quality)));
        Assert.Equal(quality, JpegQuality.Estimate(pixels.JpegsaveBuffer(q: quality, interlace: true)));
        Assert.Equal(quality, JpegQuality.Estimate(tagged.JpegsaveBuffer(q: quality)));
    }

    [Fact]
    public void Tables_that_are_not_the_standards_have_no_quality_and_near_ones_have_the_nearest()
    {
        var file = JpegCodec.Encode(rand(1, 3, 16, 16, generator: Draws), 60);
        var tables = TablesIn(file);
        void Fill(Func<byte, byte> change)
        {
            foreach (var table in tables)
            {
                for (var i = 0; i < 64; i++)
                    file[table + i] = change(file[table + i]);
            }
        }

        Fill(step => (byte)(step + step % 2)); // as if rounded to even numbers
        Assert.InRange(JpegQuality.Estimate(file)!.Value, 57, 60);
        Fill(_ => 16); // all coefficients alike, as in some encoders' flat tables
        Assert.Null(JpegQuality.Estimate(file));
    }

    [Fact]
    public void The_quality_of_files_with_wide_tables_is_read()
    {
        // libjpeg writes steps above 255 in two bytes unless it is asked for a baseline file, and bounds them to 32,767 then (jpeg_add_quant_table).
        byte[] Tables(int quality)
        {
            var standard = JpegCodec.Encode(rand(1, 3, 16, 16, generator: Draws), 50); // where the standard's tables are as they are
            List<byte> file = [0xff, 0xd8];
            foreach (var table in TablesIn(standard))
            {
                var steps = Enumerable.Range(table, 64).Select(i => (standard[i] * JpegQuality.Scale(quality) + 50) / 100).ToArray();
                var isWide = steps.Max() > 255;
                var index = standard[table - 1];
                file.AddRange([0xff, 0xdb, 0, (byte)(isWide ? 131 : 67), (byte)(isWide ? 0x10 | index : index)]);
                file.AddRange(steps.SelectMany(step => isWide ? [(byte)(step >> 8), (byte)step] : new[] { (byte)Math.Max(1, step) }));
            }

            return [.. file, 0xff, 0xc1, 0, 17, 8, 0, 16, 0, 16, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1, 0xff, 0xda];
        }

        foreach (var quality in Enumerable.Range(1, 100))
            Assert.Equal(quality, JpegQuality.Estimate(Tables(quality)));
    }

    [Fact]
    public void Damaged_files_and_other_formats_have_no_quality()
    {
        var file = JpegCodec.Encode(rand(1, 3, 16, 16, generator: Draws), 60);
        for (var length = 0; length < file.Length; length++)
            Assert.True(JpegQuality.Estimate(file.AsSpan(0, length)) is null or 60);
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var damaged = file.ToArray();
            damaged[random.Next(Math.Min(damaged.Length, 400))] = (byte)random.Next(256);
            Assert.True(JpegQuality.Estimate(damaged) is null or (>= 1 and <= 100));
        }

        Assert.Null(JpegQuality.Estimate([]));
        Assert.Null(JpegQuality.Estimate("\x89PNG\r\n\x1a\n no JPEG"u8));
    }

    /// <summary>Where the 64 bytes of each table begin.</summary>
    private static int[] TablesIn(byte[] file)
    {
        var places = new List<int>();
        for (var at = 2; file[at + 1] != 0xda; at += 2 + 256 * file[at + 2] + file[at + 3])
        {
            for (var table = at + 5; file[at + 1] == 0xdb && table < at + 2 + 256 * file[at + 2] + file[at + 3]; table += 65)
                places.Add(table);
        }

        return [.. places];
    }
}
