using System.Buffers.Binary;
using Mdf.Imaging;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.TensorIndex;

namespace Mdf.Tests.Imaging;

public sealed class BmpReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(12)]
    [InlineData(40)]
    [InlineData(52)]
    [InlineData(56)]
    [InlineData(108)]
    [InlineData(124)]
    public void Every_header_is_read(int headerSize)
    {
        // Two rows of three pixels (blue, green, red), bottom row first, each row filled to twelve bytes.
        byte[] rows = [3, 2, 1, 6, 5, 4, 9, 8, 7, 0, 0, 0, 13, 12, 11, 16, 15, 14, 19, 18, 17, 0, 0, 0];
        Assert.Equal([11, 12, 13, 14, 15, 16, 17, 18, 19, 1, 2, 3, 4, 5, 6, 7, 8, 9], Read(Bmp(3, 2, 24, rows, headerSize)));
    }

    [Fact]
    public void Top_down_rows_are_read_in_their_order()
    {
        byte[] rows = [3, 2, 1, 0, 13, 12, 11, 0];
        Assert.Equal([1, 2, 3, 11, 12, 13], Read(Bmp(1, -2, 24, rows)));
        Assert.Equal([11, 12, 13, 1, 2, 3], Read(Bmp(1, 2, 24, rows)));
    }

    [Theory]
    [InlineData(1, new byte[] { 0b0110_0000, 0, 0, 0 }, new[] { 0, 1, 1 })]
    [InlineData(4, new byte[] { 0x21, 0x30, 0, 0 }, new[] { 2, 1, 3 })]
    [InlineData(8, new byte[] { 3, 0, 2, 0 }, new[] { 3, 0, 2 })]
    public void Palettes_are_looked_up(int bits, byte[] row, int[] expected)
    {
        byte[] palette = [30, 20, 10, 0, 31, 21, 11, 0, 32, 22, 12, 0, 33, 23, 13, 0];
        var file = Bmp(3, 1, bits, row, colors: bits == 1 ? palette[..8] : palette);
        Assert.Equal(expected.SelectMany(index => new[] { 10 + index, 20 + index, 30 + index }), Read(file));
    }

    [Fact]
    public void A_pixel_outside_the_palette_is_refused() =>
        Assert.Contains("a pixel has colour 2 of a palette of 2",
            Refusal(Bmp(1, 1, 8, [2, 0, 0, 0], colors: [1, 2, 3, 0, 4, 5, 6, 0])));

    [Fact]
    public void Sixteen_bits_are_five_for_each_colour()
    {
        // 31, 0, 16 of 31: 255, 0, 16 · 255 / 31 = 131.6.
        Assert.Equal([255, 0, 132], Read(Bmp(1, 1, 16, Words(0x7c10))));
        Assert.Equal([0, 130, 0], Read(Bmp(1, 1, 16, Words(32 << 5), masks: [0xf800, 0x07e0, 0x001f])));
    }

    [Fact]
    public void Thirty_two_bits_have_alpha_only_with_a_mask()
    {
        Assert.Equal([3, 2, 1], Read(Bmp(1, 1, 32, [1, 2, 3, 0])));
        // Alpha 51 of 255 leaves four fifths of white.
        uint[] masks = [0xff, 0xff00, 0xff0000, 0xff000000];
        Assert.Equal([204, 204, 255], Read(Bmp(1, 1, 32, [0, 0, 255, 51], 124, masks: masks)));
        Assert.Equal([0, 0, 255], Read(Bmp(1, 1, 32, [0, 0, 255, 51], 40, masks: masks[..3])));
        Assert.Equal([0, 0, 255], Read(Bmp(1, 1, 32, [0, 0, 255, 51], 124, masks: [.. masks[..3], 0])));
    }

    [Fact]
    public void Masks_of_ten_bits_are_rounded() =>
        Assert.Equal([255, 128, 0], Read(Bmp(1, 1, 32, [.. BitConverter.GetBytes(1023u << 20 | 512u << 10)],
            masks: [0x3ff00000, 0xffc00, 0x3ff])));

    [Fact]
    public void An_embedded_profile_is_converted()
    {
        var profile = NetVips.Image.ProfileLoad("p3");
        var file = Bmp(1, 1, 24, [50, 200, 100, 0], 124);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(14 + 56), 0x4d424544);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(14 + 112), file.Length - 14);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(14 + 116), profile.Length);
        Assert.NotEqual([100, 200, 50], Read([.. file, .. profile]));
        Assert.Contains("expected its colour profile at bytes", Refusal([.. file, .. profile[..^1]]));
    }

    [Fact]
    public void What_is_damaged_or_not_supported_is_refused()
    {
        var file = Bmp(3, 2, 24, new byte[24]);
        for (var length = 2; length < file.Length; length++)
            Refusal(file[..length]);
        Assert.Contains("expected a BMP header", Refusal(With(file, 14, 64)));
        Assert.Contains("expected 1 to", Refusal(With(file, 18, 0)));
        Assert.Contains("expected 1 to", Refusal(With(file, 18, -3)));
        Assert.Contains("expected 1 to", Refusal(With(With(file, 18, int.MaxValue), 22, int.MinValue)));
        Assert.Contains("expected its pixels", Refusal(With(With(file, 18, 10_000), 22, 10_000)));
        Assert.Contains("expected its pixels", Refusal(With(file, 10, int.MaxValue)));
        Assert.Contains("expected pixels after the header", Refusal(With(file, 10, 20)));
        Assert.Contains("compression 1", Refusal(With(file, 30, 1)));
        Assert.Contains("found 5 bits", Refusal(With(file, 28, 5)));
        Assert.Contains("neighbouring bits", Refusal(Bmp(1, 1, 16, Words(0), masks: [0xf0f0, 1, 2])));
        Assert.Contains("found 2", Refusal(With(file, 26, 2 | 24 << 16)));
        Assert.Contains("without common bits", Refusal(Bmp(1, 1, 16, Words(0), masks: [0x7c00, 0x07e0, 0x001f])));
        Assert.Contains("after the masks", Refusal(With(Bmp(1, 1, 16, Words(0), masks: [0x7c00, 0x03e0, 0x001f]), 10, 65)));
        Assert.Contains("after the palette", Refusal(With(Bmp(1, 1, 8, new byte[4], colors: new byte[1024]), 10, 1077)));
        Assert.Contains("at most 256 colours", Refusal(With(Bmp(1, 1, 8, new byte[4], colors: new byte[1024]), 46, 257)));
    }

    [Theory]
    [InlineData("Classic5", 5)]
    [InlineData("LIVE1", 29)]
    [InlineData("T91", 91)]
    public void The_benchmark_bitmaps_are_read(string set, int count)
    {
        var files = Directory.GetFiles(Shared.Path("data", set), "*.bmp");
        Assert.Equal(count, files.Length);
        foreach (var path in files)
        {
            using var scope = NewDisposeScope();
            var image = ImageFile.Read(path);
            // All of these sets are plain: 24 bits, or 8 with an even grey palette, and bottom-up.
            var file = File.ReadAllBytes(path);
            var (offset, bits) = (BitConverter.ToInt32(file, 10), file[28]);
            var (width, height) = (BitConverter.ToInt32(file, 18), BitConverter.ToInt32(file, 22));
            var stride = (width * bits / 8 + 3) / 4 * 4;
            var rows = tensor(file[offset..(offset + stride * height)], [height, stride])[Colon, ..(width * bits / 8)].flip(0);
            var expected = bits == 8
                ? rows.unsqueeze(0).expand(3, height, width)
                : rows.reshape(height, width, 3).flip(2).permute(2, 0, 1);
            Assert.True(expected.to(ScalarType.Float32).Div(255).unsqueeze(0).Equals(image), path);
        }
    }

    private int[] Read(byte[] file) =>
        [.. ImageFile.Read(_folder.File("image", file))[0].permute(1, 2, 0).reshape(-1).Mul(255).round().data<float>().ToArray().Select(level => (int)level)];

    private string Refusal(byte[] file) =>
        Assert.Throws<InputException>(() => ImageFile.Read(_folder.File("image", file))).Message;

    private static byte[] Words(params ushort[] words) => [.. words.SelectMany(BitConverter.GetBytes), 0, 0];

    private static byte[] With(byte[] file, int offset, int value)
    {
        var copy = file.ToArray();
        if (offset == 28)
            copy[offset] = (byte)value;
        else
            BinaryPrimitives.WriteInt32LittleEndian(copy.AsSpan(offset), value);
        return copy;
    }

    private static byte[] Bmp(int width, int height, int bits, byte[] rows, int headerSize = 40, byte[]? colors = null, uint[]? masks = null)
    {
        var header = new byte[headerSize];
        BitConverter.TryWriteBytes(header, headerSize);
        if (headerSize == 12)
        {
            BitConverter.TryWriteBytes(header.AsSpan(4), (ushort)width);
            BitConverter.TryWriteBytes(header.AsSpan(6), (ushort)height);
            BitConverter.TryWriteBytes(header.AsSpan(8), (ushort)1);
            BitConverter.TryWriteBytes(header.AsSpan(10), (ushort)bits);
        }
        else
        {
            BitConverter.TryWriteBytes(header.AsSpan(4), width);
            BitConverter.TryWriteBytes(header.AsSpan(8), height);
            BitConverter.TryWriteBytes(header.AsSpan(12), (ushort)1);
            BitConverter.TryWriteBytes(header.AsSpan(14), (ushort)bits);
            BitConverter.TryWriteBytes(header.AsSpan(16), masks is null ? 0 : 3);
            BitConverter.TryWriteBytes(header.AsSpan(32), (colors?.Length ?? 0) / 4);
        }

        var maskBytes = (masks ?? []).SelectMany(BitConverter.GetBytes).ToArray();
        if (headerSize > 40)
            maskBytes.CopyTo(header, 40);
        byte[] body = [.. header, .. headerSize == 40 ? maskBytes : [], .. colors ?? []];
        return [(byte)'B', (byte)'M', .. BitConverter.GetBytes(14 + body.Length + rows.Length), 0, 0, 0, 0,
            .. BitConverter.GetBytes(14 + body.Length), .. body, .. rows];
    }
}
