using System.Buffers.Binary;

namespace Mdf.Imaging;

/// <summary>The data of one scan of a sequential JPEG with Huffman codes (ITU-T T.81, annex F.2): whether all its pixels are there.</summary>
/// <remarks>
/// libjpeg stops at the last MCU of the last scan, so it never sees that data is left over there: bytes that were put in or repeated. And what it reads out of
/// step looks like pixels. So the codes are passed one by one, and values and pixels are not made: their number must fit the data.
/// </remarks>
/// <param name="blocks">The tables of DC and AC coefficients for each block of an MCU.</param>
/// <param name="mcus">How many MCUs the scan has.</param>
/// <param name="restartInterval">After how many of them a restart marker follows; 0 for none.</param>
internal sealed class JpegScan((JpegHuffmanTable Dc, JpegHuffmanTable Ac)[] blocks, long mcus, int restartInterval)
{
    private const long McusBetweenLooks = 1 << 14;

    /// <summary>
    /// Zeros are padding unless they are an MCU of fewer bits a block. Those of flat blocks may be: two codes of 1 to 3 bits. With the standard's tables, zeros
    /// are 63 coefficients of luminance, which no picture has.
    /// </summary>
    private const int FewBits = 8;

    /// <summary>The most bytes that fill up a word of four.</summary>
    private const int MostStrays = 3;

    /// <summary>Refuses a scan whose data is not that of all its MCUs and no more.</summary>
    /// <param name="file">The file, up to the first marker behind the scan that is no restart marker.</param>
    /// <param name="start">Where the data starts.</param>
    /// <param name="padding">Takes the places where bytes that lost no pixels are left over, which libjpeg would report.</param>
    /// <param name="cancellation">Looked at now and then.</param>
    /// <exception cref="InvalidDataException">Pixels were lost.</exception>
    public void RequireWhole(ReadOnlySpan<byte> file, int start, List<Range> padding, CancellationToken cancellation)
    {
        var (done, next) = (0L, 0);
        while (true)
        {
            var last = restartInterval > 0 ? Math.Min(done + restartInterval, mcus) : mcus;
            var bits = new BitReader(file, start);
            for (; done < last; done++)
            {
                if (done % McusBetweenLooks == 0)
                    cancellation.ThrowIfCancellationRequested();
                var isValid = PassMcu(ref bits);
                if (bits.IsOverrun)
                    throw new InvalidDataException($"the file is truncated or damaged: the data of its pixels ends in MCU {done + 1} of {mcus}");
                if (!isValid)
                    throw new InvalidDataException($"the file is damaged: MCU {done + 1} of {mcus} has a code that does not exist");
            }

            start = bits.Position;
            var end = (done < mcus ? JpegMarkers.Find(file, start, isInScan: false) : null) ?? file.Length;
            var left = file[start..end];
            var isPadding = IsPadding(left) && !(left.Contains((byte)0) && HoldsMcu(bits, FewBits * blocks.Length));
            // Behind the last MCU, where libjpeg does not look unless another scan follows, some encoders leave a few bytes. They lose no pixels if they are
            // too few for an MCU. At the end of an interval, where libjpeg would report them, they may well be what damage left.
            if (!isPadding && (done < mcus || left.Length > MostStrays || HoldsMcu(bits, int.MaxValue)))
                throw new InvalidDataException($"the file is damaged: {left.Length} bytes are left over behind MCU {done} of {mcus}");
            if (isPadding && left.IndexOfAnyExcept((byte)0xff) >= 0)
                padding.Add(start..end);
            if (done == mcus)
                return;
            if (end == file.Length)
                throw new InvalidDataException($"the file is truncated or damaged: the data of its pixels ends behind MCU {done} of {mcus}");
            if (file[end + 1] != 0xd0 + next)
                throw new InvalidDataException($"the file is damaged: RST{next} should follow MCU {done} of {mcus}, and RST{file[end + 1] - 0xd0} does");
            next = (next + 1) % 8;
            start = end + 2;
        }
    }

    private bool PassMcu(ref BitReader bits)
    {
        foreach (var (dc, ac) in blocks)
        {
            if (!bits.PassBlock(dc, ac))
                return false;
        }

        return true;
    }

    /// <summary>Whether what follows may be an MCU.</summary>
    private bool HoldsMcu(BitReader bits, int fewerThan)
    {
        var before = bits.Passed;
        return PassMcu(ref bits) && !bits.IsOverrun && bits.Passed - before < fewerThan;
    }

    /// <summary>Zeros, fill bytes, and restart markers without data.</summary>
    private static bool IsPadding(ReadOnlySpan<byte> left)
    {
        for (var i = 0; i < left.Length; i++)
        {
            if (left[i] is not (0 or 0xff) && !(left[i] is >= 0xd0 and <= 0xd7 && i > 0 && left[i - 1] == 0xff))
                return false;
        }

        return true;
    }

    /// <summary>Passes codes up to the next marker of any kind.</summary>
    private ref struct BitReader(ReadOnlySpan<byte> file, int start)
    {
        private const int MostBits = 31; // of a code and its value

        private readonly ReadOnlySpan<byte> _file = file;
        private int _at = start;
        private ulong _bits; // from the highest; what is below the first _count is zero, or as it is in the file
        private int _count; // negative once more was taken than there is
        private bool _isAtEnd;

        /// <summary>How many bits lie before the next, from any beginning.</summary>
        public readonly long Passed => 8L * _at - _count;

        /// <summary>Whether more bits were passed than there are.</summary>
        public readonly bool IsOverrun => _count < 0;

        /// <summary>The first byte of which no bit was passed.</summary>
        public readonly int Position
        {
            get
            {
                var at = _at;
                for (var unread = _count / 8; unread > 0; unread--)
                {
                    // A byte of 0xff has a zero behind it, and may have others of 0xff before it that count for nothing.
                    var isStuffed = _file[at - 1] == 0 && _file[at - 2] == 0xff;
                    for (at--; isStuffed && _file[at - 1] == 0xff; at--)
                    {
                    }
                }

                return at;
            }
        }

        /// <returns>Whether all codes exist and the block has no more coefficients than it may.</returns>
        public bool PassBlock(JpegHuffmanTable dc, JpegHuffmanTable ac)
        {
            var place = 1;
            var table = dc;
            var (bits, count) = (_bits, _count); // in registers
            do
            {
                if (count < MostBits && !_isAtEnd)
                {
                    (_bits, _count) = (bits, count);
                    Fill();
                    (bits, count) = (_bits, _count);
                }

                var step = table.Look(bits);
                bits <<= step & 0xff;
                count -= step & 0xff;
                place += step >> 8;
                table = ac;
            }
            while (place < JpegHuffmanTable.BlockSize);
            (_bits, _count) = (bits, count);
            return place is JpegHuffmanTable.BlockSize or > JpegHuffmanTable.EndOfBlock;
        }

        private void Fill()
        {
            if (_file.Length - _at >= sizeof(ulong))
            {
                var next = BinaryPrimitives.ReadUInt64BigEndian(_file[_at..]);
                // Whether no byte is 0xff: none of the complement is zero.
                if (((~next - 0x0101010101010101) & next & 0x8080808080808080) == 0)
                {
                    _bits |= next >> _count;
                    var bytes = (64 - _count) / 8;
                    _at += bytes;
                    _count += 8 * bytes;
                    return;
                }
            }

            for (; _count <= 56; _count += 8)
            {
                var value = _at < _file.Length ? _file[_at] : (byte)0;
                var behind = _at + 1;
                if (value == 0xff)
                {
                    while (behind < _file.Length && _file[behind] == 0xff)
                        behind++;
                    behind++;
                }

                if (_at >= _file.Length || behind > _file.Length || value == 0xff && _file[behind - 1] != 0)
                {
                    _isAtEnd = true;
                    return;
                }

                _bits |= (ulong)value << (56 - _count);
                _at = behind;
            }
        }
    }
}
