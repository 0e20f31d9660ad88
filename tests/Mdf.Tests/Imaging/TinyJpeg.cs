using System.Buffers.Binary;

namespace Mdf.Tests.Imaging;

/// <summary>Writes sequential JPEGs of random coefficients in every way that T.81 allows: any sampling, any division into scans, restart intervals, own Huffman tables.</summary>
internal sealed class TinyJpeg
{
    private readonly Random _random = new(7);
    private readonly List<byte> _file = [0xff, 0xd8];
    private (int Code, int Length)[] _dc = new (int, int)[256];
    private (int Code, int Length)[] _ac = new (int, int)[256];
    private ulong _bits;
    private int _count;

    /// <summary>Writes a file.</summary>
    /// <param name="sampling">The factors of each component.</param>
    /// <param name="scans">The components of each scan.</param>
    /// <param name="restartInterval">In MCUs; 0 for none.</param>
    /// <param name="width">Of the picture.</param>
    /// <param name="height">Likewise.</param>
    public static byte[] Make((int Horizontal, int Vertical)[] sampling, int[][] scans, int restartInterval = 0, int width = 93, int height = 61)
    {
        var tiny = new TinyJpeg();
        var size = new byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(size, (ushort)height);
        BinaryPrimitives.WriteUInt16BigEndian(size.AsSpan(2), (ushort)width);
        tiny.Segment(0xdb, [0, .. Enumerable.Repeat((byte)2, 64)]);
        tiny.Segment(0xc1, [8, .. size, (byte)sampling.Length, .. sampling.SelectMany((factors, i) =>
            new[] { (byte)(i + 1), (byte)(factors.Horizontal << 4 | factors.Vertical), (byte)0 })]);
        if (restartInterval > 0)
            tiny.Segment(0xdd, [(byte)(restartInterval >> 8), (byte)restartInterval]);
        var (widest, highest) = (sampling.Max(factors => factors.Horizontal), sampling.Max(factors => factors.Vertical));
        foreach (var scan in scans)
        {
            // Other codes for each scan; most AC codes have 16 bits.
            tiny._dc = tiny.Table(0x00, [0, 0, 0, 6, 12], [.. Enumerable.Range(0, 12)]);
            tiny._ac = tiny.Table(0x10, [0, 0, 2, 3, 4, 8, 0, 12, 0, 8, 0, 0, 0, 0, 0, 132],
                [0, .. Enumerable.Range(0, 16).SelectMany(run => Enumerable.Range(1, 10).Select(bits => run << 4 | bits)), 0xf0]);
            tiny.Segment(StartOfScan, [(byte)scan.Length, .. scan.SelectMany(i => new[] { (byte)(i + 1), (byte)0 }), 0, 63, 0]);
            var (across, down) = scan.Length > 1 ? (Ceiling(width, 8 * widest), Ceiling(height, 8 * highest))
                : (Ceiling(width * sampling[scan[0]].Horizontal, 8 * widest), Ceiling(height * sampling[scan[0]].Vertical, 8 * highest));
            var blocks = scan.Length > 1 ? scan.Sum(i => sampling[i].Horizontal * sampling[i].Vertical) : 1;
            for (var mcu = 0; mcu < across * down; mcu++)
            {
                if (restartInterval > 0 && mcu > 0 && mcu % restartInterval == 0)
                {
                    tiny.Flush();
                    tiny._file.AddRange([0xff, (byte)(0xd0 + (mcu / restartInterval - 1) % 8)]);
                }

                for (var block = 0; block < blocks; block++)
                    tiny.Block();
            }

            tiny.Flush();
        }

        return [.. tiny._file, 0xff, 0xd9];
    }

    private const byte StartOfScan = 0xda;

    private static int Ceiling(int size, int part) => (size + part - 1) / part;

    private void Segment(byte code, byte[] data) => _file.AddRange([0xff, code, (byte)((data.Length + 2) >> 8), (byte)(data.Length + 2), .. data]);

    private (int Code, int Length)[] Table(byte kind, byte[] counts, int[] symbols)
    {
        Array.Resize(ref counts, 16);
        _random.Shuffle(symbols);
        var codes = new (int, int)[256];
        var (code, number) = (0, 0);
        for (var length = 1; length <= 16; length++, code <<= 1)
        {
            for (var i = 0; i < counts[length - 1] && number < symbols.Length; i++)
                codes[symbols[number++]] = (code++, length);
        }

        // As many of the longest as there are symbols.
        Assert.Equal(symbols.Length, number);
        var left = symbols.Length;
        for (var length = 0; length < 16; length++)
            left -= counts[length] = (byte)Math.Min(counts[length], left);
        Segment(0xc4, [kind, .. counts, .. symbols.Select(symbol => (byte)symbol)]);
        return codes;
    }

    private void Block()
    {
        var size = _random.Next(5);
        Put(_dc[size]);
        Put((_random.Next(1 << size), size));
        var place = 1;
        while (place < 64 && _random.Next(9) > 0)
        {
            var run = _random.Next(4) > 0 ? _random.Next(3) : _random.Next(40);
            if (place + run > 63)
                break;
            for (; run >= 16; run -= 16, place += 16)
                Put(_ac[0xf0]);
            size = _random.Next(1, _random.Next(2, 8));
            Put(_ac[run << 4 | size]);
            Put((_random.Next(1 << size), size));
            place += run + 1;
        }

        if (place < 64)
            Put(_ac[0]);
    }

    private void Put((int Code, int Length) code)
    {
        (_bits, _count) = (_bits << code.Length | (uint)code.Code, _count + code.Length);
        for (; _count >= 8; _count -= 8)
        {
            var value = (byte)(_bits >> (_count - 8));
            _file.Add(value);
            if (value == 0xff)
                _file.Add(0);
        }
    }

    private void Flush()
    {
        if (_count > 0)
            Put(((1 << (8 - _count)) - 1, 8 - _count));
    }
}
