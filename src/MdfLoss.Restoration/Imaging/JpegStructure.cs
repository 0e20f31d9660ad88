using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Mdf.Imaging;

/// <summary>Checks the segments of a JPEG file (ITU-T T.81, annex B) for errors that the warnings of a decoder do not show.</summary>
/// <remarks>
/// libjpeg warns of harmless oddities and of lost pixels in the same way, but only of the first problem in a file. So harmless oddities are corrected before
/// decoding, with the same result as libjpeg's own handling. Then every warning means lost pixels.
/// </remarks>
internal sealed partial class JpegStructure
{
    private const byte StartOfImage = 0xd8;
    private const byte EndOfImage = 0xd9;
    private const byte StartOfScan = 0xda;
    private const byte HuffmanTable = 0xc4;
    private const byte RestartInterval = 0xdd;
    private const byte Temporary = 0x01; // TEM: the only marker without a segment, apart from RST, SOI and EOI
    private const byte Jfif = 0xe0; // APP0
    private const byte Adobe = 0xee; // APP14

    private readonly byte[] _file;
    private readonly CancellationToken _cancellation;
    private readonly List<Range> _strays = [];
    private readonly List<(int At, byte Value)> _corrections = [];
    private readonly HuffmanTables _tables = new();
    private readonly HashSet<int> _scanned = []; // components
    private Frame? _frame;
    private int _adobeTransform; // the position of that byte, or 0
    private int _firstScan; // the position of its data, or 0
    private int _restartInterval;
    private JpegScan? _scan; // the last scan, if its codes can be skipped
    private bool _hasOtherScans; // scans whose codes cannot be skipped
    private Range _lastData; // of the last scan
    private bool _lacksEnd;

    private JpegStructure(byte[] file, CancellationToken cancellationToken) => (_file, _cancellation) = (file, cancellationToken);

    /// <summary>
    /// Finds the segments. The decoder detects corrupt segments itself. This method checks the pixel data for errors that the decoder does not detect: whether there is
    /// enough data for the size and, in a sequential 8-bit file with Huffman codes, whether each scan has exactly the codes of its pixels. Progressive files are left
    /// to libjpeg, which reads them up to the end marker. Files with arithmetic coding are also left to libjpeg, although it does not read those to the end.
    /// </summary>
    /// <param name="file">A whole file.</param>
    /// <param name="cancellationToken">Cancels the check.</param>
    /// <exception cref="InvalidDataException">Pixels were lost.</exception>
    /// <exception cref="OperationCanceledException">The check was cancelled.</exception>
    public static JpegStructure Parse(byte[] file, CancellationToken cancellationToken = default)
    {
        var structure = new JpegStructure(file, cancellationToken);
        structure.Walk();
        return structure;
    }

    /// <summary>
    /// Corrects harmless oddities: bytes between two segments; a JFIF version that is not 1; an Adobe colour transform that does not exist; a
    /// selection of coefficients in a sequential scan, which always has all; zeros that pad a sequential scan or an interval of it; and a missing end marker
    /// after the last pixel. Other bytes that are left over at the end of a scan stay, so that libjpeg reports them: in most cases, pixels were lost there.
    /// </summary>
    /// <returns>The corrected file; the same array if there is nothing to correct.</returns>
    public byte[] Corrected()
    {
        if (_strays.Count == 0 && _corrections.Count == 0 && !_lacksEnd)
            return _file;
        byte[] corrected = _lacksEnd ? [.. _file, 0xff, EndOfImage] : [.. _file];
        foreach (var (at, value) in _corrections)
            corrected[at] = value;
        var (end, source) = (0, 0);
        foreach (var stray in _strays)
        {
            Array.Copy(corrected, source, corrected, end, stray.Start.Value - source);
            end += stray.Start.Value - source;
            source = stray.End.Value;
        }

        Array.Copy(corrected, source, corrected, end, corrected.Length - source);
        return corrected[..(end + corrected.Length - source)];
    }

    /// <summary>
    /// Removes zeros that pad the last scan, if this class does not know the end of the scan. The warning of libjpeg gives the number of unused bytes.
    /// </summary>
    /// <param name="warning">The warning with which libjpeg refused the file.</param>
    /// <returns>The file without the zeros; null if the warning has another reason.</returns>
    public byte[]? Unpadded(string warning)
    {
        var match = UnusedBeforeEnd().Match(warning);
        if (!match.Success || !int.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out var count) || count > _lastData.End.Value - _lastData.Start.Value)
            return null;
        var unused = (_lastData.End.Value - count).._lastData.End.Value;
        return _file.AsSpan(unused).ContainsAnyExcept((byte)0) ? null : [.. _file[..unused.Start], .. _file[unused.End..]];
    }

    [GeneratedRegex("([0-9]+) extraneous bytes before marker 0xd9")]
    private static partial Regex UnusedBeforeEnd();

    /// <summary>Throws if the file has too little data for the number of pixels in its header.</summary>
    /// <exception cref="InvalidDataException">The file has too few bytes.</exception>
    /// <remarks>
    /// A Huffman code has at least one bit (T.81, annex C). A sequential scan has at least two codes per block of 8×8 samples: one for the DC coefficient and one
    /// for the end of the block. A progressive file has at least the first. Arithmetic coding has no such lower bound.
    /// </remarks>
    private void RequireData()
    {
        if (_frame is not { } frame || _firstScan == 0)
            return;
        var least = (frame.Blocks * frame.BitsPerBlock + 7) / 8;
        if (_file.Length - _firstScan < least)
        {
            throw new InvalidDataException($"expected at least {least} bytes of pixels for {frame.Width}×{frame.Height}, found {_file.Length - _firstScan}: "
                + "the file is truncated or corrupt");
        }
    }

    private void Walk()
    {
        var position = 2; // after the first marker, by which the format was detected
        var isInScan = false;
        while (JpegMarkers.Find(_file, position, isInScan) is { } marker)
        {
            if (isInScan)
                RequireScan(position, marker);
            else if (marker > position)
                _strays.Add(position..marker);
            isInScan = false;
            var code = _file[marker + 1];
            position = marker + 2;
            if (code == EndOfImage)
                break;
            if (code is Temporary or StartOfImage || JpegMarkers.IsRestart(code))
                continue;
            if (position + 2 > _file.Length)
                break;
            var length = BinaryPrimitives.ReadUInt16BigEndian(_file.AsSpan(position));
            if (length < 2 || length > _file.Length - position)
                break;
            Take(code, position + 2, _file.AsSpan(position + 2, length - 2));
            position += length;
            isInScan = code == StartOfScan;
            if (isInScan && _firstScan == 0)
            {
                _firstScan = position;
                RequireData();
            }
        }

        if (isInScan)
            RequireScan(position, _file.Length);
        if (_frame is { HasPassableCodes: true } frame && _firstScan > 0 && !_hasOtherScans)
        {
            if (frame.Components.FirstOrDefault(component => !_scanned.Contains(component.Id)) is { } missing)
                throw new InvalidDataException($"the file is truncated or corrupt: there is no scan of component {missing.Id}");
            _lacksEnd = isInScan;
        }

        // For an unknown transform, libjpeg assumes YCbCr with three components, and YCCK with four.
        byte assumed = _frame?.Components.Length == 4 ? (byte)2 : (byte)1;
        if (_adobeTransform > 0 && _file[_adobeTransform] != 0)
            Correct(_adobeTransform, assumed);
    }

    private void Correct(int at, byte value)
    {
        if (_file[at] != value)
            _corrections.Add((at, value));
    }

    private void Take(byte code, int start, ReadOnlySpan<byte> segment)
    {
        switch (code)
        {
            case Jfif when segment.Length >= 14 && segment.StartsWith("JFIF\0"u8):
                Correct(start + 5, 1); // the major version
                break;
            case Adobe when segment.Length >= 12 && segment.StartsWith("Adobe"u8):
                _adobeTransform = start + 11;
                break;
            case StartOfScan when _frame is { IsSequential: true } && segment.Length >= 4 && segment.Length == 4 + 2 * segment[0]:
                var end = start + segment.Length;
                Correct(end - 3, 0); // the first coefficient
                Correct(end - 2, 63); // the last
                Correct(end - 1, 0); // no approximation
                _scan = _frame.HasPassableCodes ? ScanOf(_frame, segment) : null;
                break;
            case HuffmanTable:
                _tables.Define(start, segment);
                break;
            case RestartInterval when segment.Length == 2:
                _restartInterval = BinaryPrimitives.ReadUInt16BigEndian(segment);
                break;
            // SOF0 to SOF15, except the codes of DHT, JPG and DAC.
            case >= 0xc0 and <= 0xcf and not (0xc4 or 0xc8 or 0xcc):
                _frame ??= Frame.Parse(code, segment);
                break;
        }
    }

    /// <summary>Checks the scan whose header was read last.</summary>
    private void RequireScan(int start, int end)
    {
        if (_scan is null)
            _hasOtherScans = true;
        else
            _scan.RequireWhole(_file.AsSpan(0, end), start, _strays, _cancellation);
        _scan = null;
        _lastData = start..end;
    }

    /// <returns>The scan; null if libjpeg does not accept it.</returns>
    private JpegScan? ScanOf(Frame frame, ReadOnlySpan<byte> segment)
    {
        const int MostBlocks = 10; // per MCU: T.81, B.2.3
        var blocks = new List<(JpegHuffmanTable, JpegHuffmanTable)>(MostBlocks);
        var mcus = frame.Mcus;
        for (var i = 0; i < segment[0]; i++)
        {
            var (id, dc, ac) = (segment[1 + 2 * i], segment[2 + 2 * i] >> 4, segment[2 + 2 * i] & 15);
            if (frame.Components.FirstOrDefault(component => component.Id == id) is not { } component
                || _tables.Get(_file, dc, isDc: true) is not { } dcTable || _tables.Get(_file, ac, isDc: false) is not { } acTable)
            {
                return null;
            }

            // A scan of one component stores its blocks row by row, and each block is an MCU.
            var count = segment[0] == 1 ? 1 : component.Horizontal * component.Vertical;
            if (segment[0] == 1)
                mcus = frame.BlocksOf(component);
            if (blocks.Count + count > MostBlocks)
                return null;
            blocks.AddRange(Enumerable.Repeat((dcTable, acTable), count));
            _scanned.Add(id);
        }

        return blocks.Count > 0 ? new JpegScan([.. blocks], mcus, _restartInterval) : null;
    }

    /// <summary>The Huffman tables that are defined up to a position in the file. They are created when a scan needs them.</summary>
    private sealed class HuffmanTables
    {
        private const int Indices = 4;
        private const int Lengths = 16; // one byte gives the number of codes of each length

        private readonly (Range Definition, JpegHuffmanTable? Made)[] _dc = new (Range, JpegHuffmanTable?)[Indices];
        private readonly (Range Definition, JpegHuffmanTable? Made)[] _ac = new (Range, JpegHuffmanTable?)[Indices];

        /// <summary>Adds the tables of a segment.</summary>
        /// <param name="start">The position of the segment in the file.</param>
        /// <param name="segment">For each table, a byte with the class and the index, then the definition.</param>
        public void Define(int start, ReadOnlySpan<byte> segment)
        {
            for (var at = 0; at + 1 + Lengths <= segment.Length;)
            {
                var (kind, index) = (segment[at] >> 4, segment[at] & 15);
                var size = Lengths;
                foreach (var count in segment.Slice(at + 1, Lengths))
                    size += count;
                if (kind > 1 || index >= Indices || at + 1 + size > segment.Length)
                    return;
                (kind == 0 ? _dc : _ac)[index] = ((start + at + 1)..(start + at + 1 + size), null);
                at += 1 + size;
            }
        }

        /// <returns>The table; null if there is none that libjpeg accepts.</returns>
        public JpegHuffmanTable? Get(ReadOnlySpan<byte> file, int index, bool isDc)
        {
            if (index >= Indices)
                return null;
            ref var table = ref (isDc ? _dc : _ac)[index];
            return table.Made ??= table.Definition.End.Value > 0 ? JpegHuffmanTable.Make(file[table.Definition], isDc) : JpegHuffmanTable.Standard(index, isDc);
        }
    }

    /// <summary>A component in a frame header.</summary>
    /// <param name="Id">The identifier of the component in scan headers.</param>
    /// <param name="Horizontal">The horizontal sampling factor, from 1 to 4.</param>
    /// <param name="Vertical">The vertical sampling factor, from 1 to 4.</param>
    private sealed record Component(byte Id, int Horizontal, int Vertical);

    /// <summary>A frame header.</summary>
    /// <param name="Code">The code of the marker.</param>
    /// <param name="Precision">Bits per sample.</param>
    /// <param name="Width">Samples per row.</param>
    /// <param name="Height">The number of rows.</param>
    /// <param name="Components">The components; at least one.</param>
    private sealed record Frame(byte Code, int Precision, int Width, int Height, Component[] Components)
    {
        private readonly (int Horizontal, int Vertical) _largest =
            (Components.Max(component => component.Horizontal), Components.Max(component => component.Vertical));

        /// <summary>Whether a scan has all coefficients: the processes SOF0, SOF1, SOF9.</summary>
        public bool IsSequential => Code is 0xc0 or 0xc1 or 0xc9;

        /// <summary>Whether <see cref="JpegScan"/> can skip the codes, and the decoder accepts this number of pixels.</summary>
        public bool HasPassableCodes { get; } = Code is 0xc0 or 0xc1 && Precision == 8 && Width > 0 && Height > 0
            && (long)Width * Height <= ImageFile.MaximumPixels && Components.DistinctBy(component => component.Id).Count() == Components.Length;

        /// <summary>The smallest number of bits of a block.</summary>
        public int BitsPerBlock => Code switch { 0xc0 or 0xc1 => 2, 0xc2 => 1, _ => 0 };

        /// <summary>The number of blocks of 8×8 samples in all components, without padding blocks.</summary>
        public long Blocks => Components.Sum(BlocksOf);

        /// <summary>The number of MCUs in a scan of more than one component.</summary>
        public long Mcus => Count(Width, 1, _largest.Horizontal) * Count(Height, 1, _largest.Vertical);

        /// <summary>The number of blocks of 8×8 samples in a component, without padding blocks.</summary>
        public long BlocksOf(Component component) =>
            Count(Width, component.Horizontal, _largest.Horizontal) * Count(Height, component.Vertical, _largest.Vertical);

        /// <returns>The frame header; null if no decoder accepts it.</returns>
        public static Frame? Parse(byte code, ReadOnlySpan<byte> segment)
        {
            if (segment.Length < 6 || segment[5] == 0 || segment.Length < 6 + 3 * segment[5])
                return null;
            var components = new Component[segment[5]];
            for (var i = 0; i < components.Length; i++)
                components[i] = new Component(segment[6 + 3 * i], segment[7 + 3 * i] >> 4, segment[7 + 3 * i] & 15);
            return components.All(component => component is { Horizontal: >= 1 and <= 4, Vertical: >= 1 and <= 4 })
                ? new Frame(
                    code, segment[0], BinaryPrimitives.ReadUInt16BigEndian(segment[3..]), BinaryPrimitives.ReadUInt16BigEndian(segment[1..]), components)
                : null;
        }

        private static long Count(long size, int factor, int largest) => (size * factor + 8 * largest - 1) / (8 * largest);
    }
}
