using System.Buffers.Binary;
using Mdf.Imaging;
using Mdf.Runtime;
using NetVips;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

/// <summary>A sequential JPEG has the codes of all its pixels and no more, or is refused: libjpeg does not notice what is left over.</summary>
public sealed class JpegScanTests : IDisposable
{
    private const int Damages = 60;
    private const byte StartOfScan = 0xda;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    public static TheoryData<string> Kinds => ["plain", "optimized", "restarts", "full", "grey", "cmyk"];

    /// <summary>Sampling factors of components, and components of scans.</summary>
    public static TheoryData<string, string> Divisions => new()
    {
        { "11", "0" }, { "22", "0" }, { "11 11 11", "012" }, { "21 11 11", "012" }, { "12 11 11", "012" }, { "22 11 11", "012" }, { "41 11 11", "012" },
        { "42 11 11", "012" }, { "11 22 22", "012" }, { "22 12 21", "012" }, { "22 11 11", "0 1 2" }, { "22 11 11", "2 1 0" }, { "22 11 11", "0 12" },
        { "21 12 11", "02 1" }, { "11 11 11 11", "0123" }, { "22 11 11 22", "0123" }, { "22 11 11 22", "3 012" }, { "22 11 11 22", "0 1 2 3" },
    };

    [Theory]
    [MemberData(nameof(Divisions))]
    public void A_whole_file_of_any_sampling_scans_and_restart_interval_is_read(string sampling, string scans)
    {
        foreach (var restartInterval in new[] { 0, 1, 3, 1000 })
        {
            foreach (var (width, height) in new[] { (93, 61), (1, 1), (64, 64) })
            {
                var file = Divided(sampling, scans, restartInterval, width, height);
                Assert.Same(file, JpegStructure.Parse(file).Corrected());
                Assert.Equal([1, 3, height, width], JpegCodec.Decode(file).shape);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Divisions))]
    public void A_file_of_any_division_that_has_too_little_or_too_much_is_refused(string sampling, string scans)
    {
        foreach (var restartInterval in new[] { 0, 3 })
        {
            var file = Divided(sampling, scans, restartInterval);
            Assert.Contains("the data of its pixels ends", Refusal([.. file[..^6], .. file[^2..]]));
            Assert.Contains("the data of its pixels ends", Refusal(file[..^6]));
            Assert.Contains("left over", Refusal([.. file[..^2], .. file[^202..]]));
            // The last scan is missing, with its tables.
            var last = file.AsSpan().LastIndexOf([(byte)0xff, StartOfScan]);
            if (scans.Contains(' '))
                Assert.Contains($"there is no scan of component {scans.Split(' ')[^1][0] - '0' + 1}", Refusal([.. file[..last], 0xff, 0xd9]));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_file_of_libjpeg_is_read_and_not_copied(string kind)
    {
        var file = Make(kind);
        Assert.Same(file, JpegStructure.Parse(file).Corrected());
        Assert.Equal([1, 3, 64, 96], JpegCodec.Decode(file).shape);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Bytes_that_were_put_in_or_repeated_are_noticed(string kind)
    {
        var file = Make(kind);
        Assert.InRange(Refused(file, (at, random) => [.. file[..at], .. Noise(random, 60), .. file[at..]]), Damages - 3, Damages);
        Assert.InRange(Refused(file, (at, _) => [.. file[..at], .. file[(at - 120)..]]), Damages - 3, Damages);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Changed_bytes_are_often_noticed(string kind)
    {
        // Codes fall into step again soon, mostly with as many blocks as before: that does not show.
        var file = Make(kind);
        var refused = Refused(file, (at, random) =>
        {
            var damaged = file.ToArray();
            Noise(random, 20).CopyTo(damaged, at);
            return damaged;
        });
        Assert.InRange(refused, Damages / 3, Damages);
    }

    [Fact]
    public void A_whole_interval_too_many_is_noticed()
    {
        var file = Make("restarts");
        var (first, second) = (Marker(file, 0xd0), Marker(file, 0xd1));
        Assert.Contains("RST0 should follow MCU 4 of 24, but RST1 does", Refusal([.. file[..first], .. file[second..]]));
        Assert.Contains("RST1 should follow MCU 8 of 24, but RST0 does", Refusal([.. file[..second], .. file[first..]]));
        Assert.Contains("left over after MCU 24 of 24", Refusal([.. file[..^2], .. file[first..second], .. file[^2..]]));
        Assert.Equal([1, 3, 64, 96], JpegCodec.Decode([.. file[..^2], 0xff, 0xd5, .. file[^2..]]).shape); // a marker and no interval
    }

    [Fact]
    public void What_is_left_over_and_too_short_for_pixels_is_passed_over()
    {
        var file = Make("plain");
        var expected = JpegCodec.Decode(file);
        foreach (byte[] stray in new byte[][] { [1], [0x5a], [0x12, 0x34], [0xab, 0xcd], [0x9a, 0xff, 0] })
            Assert.True(expected.Equals(JpegCodec.Decode([.. file[..^2], .. stray, .. file[^2..]])));
    }

    [Fact]
    public void Zeros_that_may_be_flat_pixels_are_no_padding()
    {
        // The codes of a flat block are zeros in a file with its own tables: a picture that goes on, unless fill bits end it.
        for (var height = 80; height < 144; height += 8)
        {
            using var black = NetVips.Image.Black(8, height).Copy(interpretation: Enums.Interpretation.Bw);
            var file = black.JpegsaveBuffer(optimizeCoding: true, keep: Enums.ForeignKeep.None);
            byte[] padded = [.. file[..^2], 0, 0, 0, 0, .. file[^2..]];
            if (file[^3] == 0)
                Assert.Contains($"4 bytes are left over after MCU {height / 8}", Refusal(padded));
            else
                Assert.Equal([1, 3, height, 8], JpegCodec.Decode(padded).shape);
        }
    }

    [Theory]
    [InlineData("0 1 2")]
    [InlineData("012")]
    public void Zeros_and_fill_bytes_before_any_marker_are_passed_over(string scans)
    {
        var file = Divided("22 11 11", scans, 3);
        var expected = JpegCodec.Decode(file);
        foreach (byte[] padding in new byte[][] { [0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0xff, 0xff], [0, 0xff], [0xff, 0, 0] })
        {
            foreach (var code in scans.Length > 3 ? new byte[] { 0xd0, 0xd3, 0xc4, 0xd9 } : [0xd0, 0xd3, 0xd9])
            {
                var marker = Marker(file, code, Marker(file, StartOfScan));
                Assert.True(expected.Equals(JpegCodec.Decode([.. file[..marker], .. padding, .. file[marker..]])));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_file_that_lacks_only_its_end_marker_is_read(string kind)
    {
        var file = Make(kind);
        var expected = JpegCodec.Decode(file);
        Assert.True(expected.Equals(JpegCodec.Decode(file[..^2])));
        Assert.True(expected.Equals(JpegCodec.Decode(file[..^1])));
        Assert.True(expected.Equals(JpegCodec.Decode([.. file[..^2], 0, 0, 0])));
        Assert.Contains("truncated or corrupt", Refusal(file[..^4]));
    }

    [Fact]
    public void A_file_of_many_scans_may_lack_its_end_marker_and_no_scan()
    {
        var file = Divided("22 11 11", "0 1 2", 0);
        Assert.True(JpegCodec.Decode(file).Equals(JpegCodec.Decode(file[..^2])));
        Assert.Contains("no scan of component 3", Refusal(file[..file.AsSpan().LastIndexOf([(byte)0xff, StartOfScan])]));
    }

    [Fact]
    public void A_file_without_huffman_tables_has_the_standards()
    {
        // As frames of Motion JPEG.
        var file = Make("plain");
        var expected = JpegCodec.Decode(file);
        for (var at = 2; file[at + 1] != StartOfScan;)
        {
            var length = 2 + BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(at + 2));
            if (file[at + 1] == 0xc4)
                file = [.. file[..at], .. file[(at + length)..]];
            else
                at += length;
        }

        Assert.True(expected.Equals(JpegCodec.Decode(file)));
        Assert.InRange(Refused(file, (at, random) => [.. file[..at], .. Noise(random, 60), .. file[at..]]), Damages - 3, Damages);
    }

    [Fact]
    public void Hostile_bytes_are_refused_or_left_to_the_decoder()
    {
        var random = new Random(11);
        foreach (var whole in new[] { Make("plain"), Make("restarts"), Divided("22 11 11", "0 12", 2), Divided("42 11 11", "0 1 2", 0) })
        {
            for (var i = 0; i < 3000; i++)
            {
                var damaged = whole.ToArray();
                for (var count = random.Next(1, 9); count > 0; count--)
                    damaged[random.Next(2, random.Next(2) == 0 ? 700 : damaged.Length)] = random.Next(3) switch { 0 => 0, 1 => 255, _ => (byte)random.Next(256) };
                if (random.Next(3) == 0)
                    damaged = damaged[..random.Next(3, damaged.Length)];
                try
                {
                    Assert.NotEmpty(JpegStructure.Parse(damaged).Corrected());
                }
                catch (InvalidDataException e)
                {
                    Assert.DoesNotContain('\n', e.Message);
                }
            }
        }
    }

    [Fact]
    public void It_can_be_cancelled()
    {
        var file = Make("plain");
        Assert.Throws<OperationCanceledException>(() => JpegStructure.Parse(file, new CancellationToken(canceled: true)));
    }

    [Theory]
    [InlineData("error_buffer_leak", "a_ok.jpg", null)]
    [InlineData("corrupt_jpeg_accepted", "c_hole.jpg", "the data of its pixels ends in MCU")]
    [InlineData("corrupt_jpeg_accepted", "jpeg11000x11000.jpg", "bytes of pixels for 11000×11000, found")]
    public void The_reported_files_are_read_or_refused(string folder, string name, string? refusal)
    {
        var file = File.ReadAllBytes(Shared.Path("cases", folder, name));
        if (refusal is null)
            Assert.Equal(3, JpegCodec.Decode(file).shape[1]);
        else
            Assert.Contains(refusal, Refusal(file));
    }

    private static string Refusal(byte[] file) => Assert.Throws<InputException>(() => JpegCodec.Decode(file)).Message;

    /// <summary>How many of some damages in the data of the first scan are refused.</summary>
    private static int Refused(byte[] file, Func<int, Random, byte[]> damage)
    {
        var random = new Random(5);
        var first = Marker(file, StartOfScan) + 14 + 120;
        return Enumerable.Range(0, Damages).Count(_ =>
        {
            using var scope = NewDisposeScope();
            try
            {
                JpegCodec.Decode(damage(random.Next(first, file.Length - 200), random));
                return false;
            }
            catch (InputException)
            {
                return true;
            }
        });
    }

    /// <summary>Bytes that are no markers.</summary>
    private static byte[] Noise(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => (byte)random.Next(255))];

    private static int Marker(byte[] file, byte code, int from = 2)
    {
        var at = file.AsSpan(from).IndexOf([(byte)0xff, code]);
        return at >= 0 ? from + at : throw new ArgumentException($"no marker {code:x2}", nameof(code));
    }

    private static byte[] Divided(string sampling, string scans, int restartInterval, int width = 93, int height = 61) => TinyJpeg.Make(
        [.. sampling.Split(' ').Select(factors => (factors[0] - '0', factors[1] - '0'))],
        [.. scans.Split(' ').Select(scan => scan.Select(component => component - '0').ToArray())],
        restartInterval, width, height);

    /// <summary>96×64 pixels of slow waves with a little noise.</summary>
    private static byte[] Make(string kind)
    {
        var random = new Random(3);
        var bands = kind switch { "grey" => 1, "cmyk" => 4, _ => 3 };
        var pixels = new byte[96 * 64 * bands];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(127 + 80 * Math.Sin(i / bands % 96 / 9.0 + i % bands + i / bands / 96 / 7.0) + random.Next(-9, 10));
        using var image = NetVips.Image.NewFromMemory(pixels, 96, 64, bands, Enums.BandFormat.Uchar)
            .Copy(interpretation: bands switch { 1 => Enums.Interpretation.Bw, 4 => Enums.Interpretation.Cmyk, _ => Enums.Interpretation.Srgb });
        return image.JpegsaveBuffer(
            q: 80, optimizeCoding: kind == "optimized", restartInterval: kind == "restarts" ? 4 : 0, keep: Enums.ForeignKeep.None,
            subsampleMode: kind == "full" ? Enums.ForeignSubsample.Off : Enums.ForeignSubsample.On);
    }
}
