using System.Buffers.Binary;

namespace Mdf.Imaging;

/// <summary>Checks that the data of one scan of a sequential JPEG with Huffman codes (ITU-T T.81, annex F.2) contains all its pixels.</summary>
/// <remarks>
/// libjpeg stops at the last MCU of the last scan, so it does not detect data that is left over there (bytes that were inserted or repeated). And data that it reads
/// out of step looks like pixels. So this class skips the codes one by one, without computing values and pixels: their number must match the data.
/// </remarks>
/// <param name="blocks">The tables of DC and AC coefficients for each block of an MCU.</param>
/// <param name="mcus">The number of MCUs of the scan.</param>
/// <param name="restartInterval">The number of MCUs between restart markers; 0 for none.</param>
internal sealed class JpegScan((JpegHuffmanTable Dc, JpegHuffmanTable Ac)[] blocks, long mcus, int restartInterval)
{
    private const long McusBetweenLooks = 1 << 14;

    /// <summary>
    /// Zeros count as padding, unless they are an MCU with fewer bits per block than this. MCUs of flat blocks can have so few bits: two codes of 1 to 3 bits. With the
    /// standard tables, zeros would be 63 coefficients of luminance, which no picture has.
    /// </summary>
    private const int FewBits = 8;

    /// <summary>The largest number of bytes that pad a word of four bytes.</summary>
    private const int MostStrays = 3;

    /// <summary>Throws if the data of a scan does not match its MCUs exactly.</summary>
    /// <param name="file">The file, up to the first marker after the scan that is not a restart marker.</param>
    /// <param name="start">The position of the first byte of the data.</param>
    /// <param name="padding">Receives the ranges of bytes that are left over without loss of pixels, and that libjpeg would report.</param>
    /// <param name="cancellationToken">Checked at intervals.</param>
    /// <exception cref="InvalidDataException">Pixels were lost.</exception>
    public void RequireWhole(ReadOnlySpan<byte> file, int start, List<Range> padding, CancellationToken cancellationToken)
    {
        var (done, next) = (0L, 0);
        while (true)
        {
            var last = restartInterval > 0 ? Math.Min(done + restartInterval, mcus) : mcus;
            var bits = new BitReader(file, start);
            for (; done < last; done++)
            {
                if (done % McusBetweenLooks == 0)
                    cancellationToken.ThrowIfCancellationRequested();
                var isValid = PassMcu(ref bits);
                if (bits.IsOverrun)
                    throw new InvalidDataException($"the file is truncated or corrupt: the data of its pixels ends in MCU {done + 1} of {mcus}");
                if (!isValid)
                    throw new InvalidDataException($"the file is corrupt: MCU {done + 1} of {mcus} has a code that does not exist");
            }

            start = bits.Position;
            var end = (done < mcus ? JpegMarkers.Find(file, start, isInScan: false) : null) ?? file.Length;
            var left = file[start..end];
            var isPadding = IsPadding(left) && !(left.Contains((byte)0) && HoldsMcu(bits, FewBits * blocks.Length));
            // Some encoders leave a few bytes after the last MCU, which libjpeg does not read unless another scan follows. No pixels are lost if there are
            // too few bytes for an MCU. At the end of an interval, where libjpeg would report them, such bytes are probably a sign of corruption.
            if (!isPadding && (done < mcus || left.Length > MostStrays || HoldsMcu(bits, int.MaxValue)))
                throw new InvalidDataException($"the file is corrupt: {left.Length} bytes are left over after MCU {done} of {mcus}");
            if (isPadding && left.IndexOfAnyExcept((byte)0xff) >= 0)
                padding.Add(start..end);
            if (done == mcus)
                return;
            if (end == file.Length)
                throw new InvalidDataException($"the file is truncated or corrupt: the data of its pixels ends after MCU {done} of {mcus}");
            if (file[end + 1] != 0xd0 + next)
                throw new InvalidDataException($"the file is corrupt: RST{next} should follow MCU {done} of {mcus}, but RST{file[end + 1] - 0xd0} does");
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

    /// <summary>Whether the next bits can be an MCU.</summary>
    private bool HoldsMcu(BitReader bits, int fewerThan)
    {
        var before = bits.Passed;
        return PassMcu(ref bits) && !bits.IsOverrun && bits.Passed - before < fewerThan;
    }

    /// <summary>Whether bytes are padding: zeros, fill bytes, and restart markers without data.</summary>
    private static bool IsPadding(ReadOnlySpan<byte> left)
    {
        for (var i = 0; i < left.Length; i++)
        {
            if (left[i] is not (0 or 0xff) && !(left[i] is >= 0xd0 and <= 0xd7 && i > 0 && left[i - 1] == 0xff))
                return false;
        }

        return true;
    }

    /// <summary>Skips codes up to the next marker of any kind.</summary>
    private ref struct BitReader(ReadOnlySpan<byte> file, int start)
    {
        private const int MostBits = 31; // the largest number of bits of a code and its value

        private readonly ReadOnlySpan<byte> _file = file;
        private int _at = start;
        private ulong _bits; // from the highest bit; the bits after the first _count are zero, or as in the file
        private int _count; // negative after more bits were taken than exist
        private bool _isAtEnd;

        /// <summary>The position of the next bit, relative to an arbitrary origin.</summary>
        public readonly long Passed => 8L * _at - _count;

        /// <summary>Whether more bits were skipped than exist.</summary>
        public readonly bool IsOverrun => _count < 0;

        /// <summary>The first byte of which no bit was skipped.</summary>
        public readonly int Position
        {
            get
            {
                var at = _at;
                for (var unread = _count / 8; unread > 0; unread--)
                {
                    // A zero follows a data byte of 0xff. More bytes of 0xff before it are fill bytes and are ignored.
                    var isStuffed = _file[at - 1] == 0 && _file[at - 2] == 0xff;
                    for (at--; isStuffed && _file[at - 1] == 0xff; at--)
                    {
                    }
                }

                return at;
            }
        }

        /// <returns>Whether all codes exist and the block does not have too many coefficients.</returns>
        public bool PassBlock(JpegHuffmanTable dc, JpegHuffmanTable ac)
        {
            var place = 1;
            var table = dc;
            var (bits, count) = (_bits, _count); // local copies, so that they stay in registers
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
                // Tests that no byte is 0xff: then no byte of the complement is zero.
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
