using System.Buffers.Binary;
using Mdf.Imaging;
using Mdf.Runtime;
using NetVips;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

/// <summary>JPEGs that lost pixels are refused, odd ones are read, and a claimed size needs data.</summary>
public sealed class JpegStructureTests : IDisposable
{
    private const byte StartOfScan = 0xda;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    public static TheoryData<string> Kinds => ["baseline", "restarts", "progressive", "progressive restarts"];

    [Theory]
    [InlineData("baseline")]
    [InlineData("restarts")]
    public void A_jpeg_with_bytes_missing_is_refused(string kind)
    {
        var file = Make(kind, isSmooth: true);
        var data = Marker(file, StartOfScan) + 20;
        var refused = 0;
        for (var part = 0; part < 20; part++)
        {
            var start = data + (file.Length - data - 150) * part / 20;
            try
            {
                JpegCodec.Decode([.. file[..start], .. file[(start + 100)..]]);
            }
            catch (InputException e)
            {
                Assert.Contains("corrupt", e.Message);
                refused++;
            }
        }

        // What is left may have as many codes as before by chance: the format has no checksum.
        Assert.InRange(refused, 12, 20);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_jpeg_whose_last_bytes_are_missing_is_refused_though_it_has_an_end_marker(string kind)
    {
        var file = Make(kind);
        foreach (var missing in new[] { 20, 60, 200 })
            Assert.Contains(End(kind), Refusal([.. file[..^(missing + 2)], .. file[^2..]]));
    }

    [Fact]
    public void A_progressive_jpeg_with_bytes_of_its_first_scan_missing_is_refused()
    {
        var file = Make("progressive");
        var data = Marker(file, StartOfScan) + 20;
        Assert.Contains("Corrupt JPEG data", Refusal([.. file[..data], .. file[(data + 100)..]]));
    }

    [Theory]
    [InlineData("restarts")]
    [InlineData("progressive restarts")]
    public void Data_that_is_left_over_before_a_restart_marker_means_lost_pixels(string kind)
    {
        var file = Make(kind);
        var marker = Marker(file, 0xd2);
        Assert.Contains(
            kind.StartsWith('p') ? "extraneous bytes before marker 0xd2" : "4 bytes are left over after MCU 12 of 48",
            Refusal([.. file[..marker], 1, 2, 3, 4, .. file[marker..]]));
    }

    [Fact]
    public void A_missing_restart_marker_is_noticed()
    {
        var file = Make("restarts");
        var marker = Marker(file, 0xd2);
        Assert.Contains("after MCU 12 of 48", Refusal([.. file[..marker], .. file[(marker + 2)..]]));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Bytes_between_segments_are_passed_over(string kind)
    {
        var file = Make(kind);
        file = [.. file[..2], .. Jfif(1), .. file[2..]]; // a JPEG is known by the marker that follows the first
        var expected = JpegCodec.Decode(file);
        // 0xdb has the quantisation tables, 0xc4 those of Huffman.
        foreach (var code in new byte[] { 0xdb, kind.StartsWith('p') ? (byte)0xc2 : (byte)0xc0, 0xc4, StartOfScan })
        {
            var marker = Marker(file, code);
            Assert.True(expected.Equals(JpegCodec.Decode([.. file[..marker], 1, 2, 0xff, 0, 3, 0xff, .. file[marker..]])));
        }
    }

    [Fact]
    public void Bytes_between_the_tables_of_two_scans_are_passed_over()
    {
        var file = Make("progressive");
        var second = Marker(file, StartOfScan, Marker(file, StartOfScan) + 2);
        Assert.Equal(0xc4, file[Marker(file, 0xc4, Marker(file, StartOfScan)) + 1]); // tables come before it
        Assert.True(JpegCodec.Decode(file).Equals(JpegCodec.Decode([.. file[..second], 1, 2, 3, .. file[second..]])));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Padding_after_the_last_block_and_bytes_after_the_end_are_passed_over(string kind)
    {
        var file = Make(kind);
        var expected = JpegCodec.Decode(file);
        foreach (var zeros in new[] { 1, 4, 9, 64, 4000 })
            Assert.True(expected.Equals(JpegCodec.Decode([.. file[..^2], .. new byte[zeros], .. file[^2..]])));
        Assert.True(expected.Equals(JpegCodec.Decode([.. file[..^2], 0xff, 0xff, .. file[^2..]])));
        Assert.True(expected.Equals(JpegCodec.Decode([.. file, 0xff, 0xd8, 1, 2, 3])));
    }

    [Theory]
    [InlineData("progressive")]
    [InlineData("progressive restarts")]
    public void Other_bytes_after_the_last_block_of_a_progressive_file_mean_lost_pixels(string kind)
    {
        var file = Make(kind);
        Assert.Contains("extraneous bytes before marker 0xd9", Refusal([.. file[..^2], .. new byte[20], 1, .. file[^2..]]));
        Assert.Contains("extraneous bytes before marker 0xd9", Refusal([.. file[..^2], 1, .. Enumerable.Repeat((byte)9, 20), .. new byte[20], .. file[^2..]]));
        Assert.Contains("corrupt", Refusal(file[..^2])); // whose data nobody counts
    }

    [Fact]
    public void A_progressive_file_of_a_flat_picture_ends_with_zeros_and_may_be_padded()
    {
        using var black = NetVips.Image.Black(200, 200, bands: 3).Copy(interpretation: Enums.Interpretation.Srgb);
        var file = black.JpegsaveBuffer(interlace: true);
        var expected = JpegCodec.Decode(file);
        Assert.True(expected.Equals(JpegCodec.Decode([.. file[..^2], .. new byte[64], .. file[^2..]])));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_unknown_colour_transform_or_version_is_passed_over(string kind)
    {
        var file = Make(kind);
        var expected = JpegCodec.Decode(file);
        Assert.True(expected.Equals(JpegCodec.Decode([.. file[..2], .. Adobe(7), .. file[2..]])));
        Assert.True(expected.Equals(JpegCodec.Decode([.. file[..2], .. Jfif(3), .. file[2..]])));
        Assert.True(expected.Equals(JpegCodec.Decode([.. file[..2], .. Jfif(0), .. Adobe(255), .. file[2..]])));
    }

    [Fact]
    public void A_known_colour_transform_is_kept()
    {
        var file = Make("baseline");
        // 0 says that the three components are RGB already.
        Assert.False(JpegCodec.Decode(file).Equals(JpegCodec.Decode([.. file[..2], .. Adobe(0), .. file[2..]])));
    }

    [Fact]
    public void A_choice_of_coefficients_in_a_sequential_scan_is_passed_over()
    {
        var file = Make("baseline");
        var odd = file.ToArray();
        var end = Marker(odd, StartOfScan) + 2 + odd[Marker(odd, StartOfScan) + 3];
        (odd[end - 3], odd[end - 2], odd[end - 1]) = (1, 0, 0x10);
        Assert.True(JpegCodec.Decode(file).Equals(JpegCodec.Decode(odd)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_harmless_oddity_does_not_hide_lost_pixels(string kind)
    {
        // libjpeg reports only the first warning of a file.
        var file = Make(kind);
        byte[] damaged = [.. file[..^102], .. file[^2..]];
        var marker = Marker(damaged, 0xdb);
        Assert.Contains(End(kind), Refusal([.. damaged[..2], .. Jfif(9), .. Adobe(9), .. damaged[2..marker], 1, 2, .. damaged[marker..]]));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_claimed_size_that_the_data_cannot_hold_is_refused_before_it_is_decoded(string kind)
    {
        var file = Make(kind);
        var frame = Marker(file, kind.StartsWith('p') ? (byte)0xc2 : (byte)0xc0);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 5), 11_000);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 7), 11_000);
        // 1,375² blocks of Y and 688² of each chroma; two bits a block, or one.
        Assert.Contains($"at least {(kind.StartsWith('p') ? 354_665 : 709_329)} bytes of pixels for 11000×11000, found", Refusal(file));
    }

    [Theory]
    [InlineData(false, Enums.ForeignSubsample.On)]
    [InlineData(false, Enums.ForeignSubsample.Off)]
    [InlineData(true, Enums.ForeignSubsample.On)]
    [InlineData(true, Enums.ForeignSubsample.Off)]
    public void The_emptiest_picture_has_data_enough(bool isProgressive, Enums.ForeignSubsample subsampling)
    {
        // One colour, tables made for it: nothing can be smaller.
        using var black = NetVips.Image.Black(2001, 1003, bands: 3).Copy(interpretation: Enums.Interpretation.Srgb);
        var file = black.JpegsaveBuffer(q: 1, optimizeCoding: true, interlace: isProgressive, subsampleMode: subsampling);
        Assert.Equal([1, 3, 1003, 2001], JpegCodec.Decode(file).shape);
    }

    [Fact]
    public void A_file_without_oddities_is_not_copied()
    {
        foreach (var kind in Kinds)
        {
            var file = Make(kind.Data);
            Assert.Same(file, JpegStructure.Parse(file).Corrected());
        }
    }

    private static string Refusal(byte[] file) => Assert.Throws<InputException>(() => JpegCodec.Decode(file)).Message;

    private static string End(string kind) => kind.StartsWith('p') ? "Corrupt JPEG data: premature end" : "the data of its pixels ends in MCU";

    private static byte[] Adobe(byte transform) => [0xff, 0xee, 0, 14, .. "Adobe"u8, 0, 100, 0, 0, 0, 0, transform];

    private static byte[] Jfif(byte major) => [0xff, 0xe0, 0, 16, .. "JFIF\0"u8, major, 1, 0, 0, 1, 0, 1, 0, 0];

    private static int Marker(byte[] file, byte code, int from = 2)
    {
        var at = file.AsSpan(from).IndexOf([(byte)0xff, code]);
        return at >= 0 ? from + at : throw new ArgumentException($"no marker {code:x2}", nameof(code));
    }

    private static byte[] Make(string kind, bool isSmooth = false)
    {
        var pixels = new byte[128 * 96 * 3];
        var random = new Random(3);
        random.NextBytes(pixels);
        for (var i = 0; isSmooth && i < pixels.Length; i++)
            pixels[i] = (byte)(127 + 80 * Math.Sin(i / 3 % 128 / 9.0 + i % 3 + i / 384 / 17.0) + random.Next(-9, 10));
        using var rgb = NetVips.Image.NewFromMemory(pixels, 128, 96, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
        return rgb.JpegsaveBuffer(
            q: 75, interlace: kind.StartsWith('p'), restartInterval: kind.EndsWith("restarts", StringComparison.Ordinal) ? 4 : 0, keep: Enums.ForeignKeep.None);
    }
}
