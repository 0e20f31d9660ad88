using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Mdf.Imaging;

/// <summary>The segments of a JPEG file (ITU-T T.81, annex B): what a decoder's warnings cannot tell.</summary>
/// <remarks>
/// libjpeg warns of harmless oddities and of lost pixels alike, but only of the first that it meets in a file. So what is harmless is put right before it
/// decodes, in the way in which libjpeg itself passes over it, and then every warning means lost pixels.
/// </remarks>
internal sealed partial class JpegStructure
{
    private const byte StartOfImage = 0xd8;
    private const byte EndOfImage = 0xd9;
    private const byte StartOfScan = 0xda;
    private const byte HuffmanTable = 0xc4;
    private const byte RestartInterval = 0xdd;
    private const byte Temporary = 0x01; // TEM: the only marker without a segment beside RST, SOI and EOI
    private const byte Jfif = 0xe0; // APP0
    private const byte Adobe = 0xee; // APP14

    private readonly byte[] _file;
    private readonly CancellationToken _cancellation;
    private readonly List<Range> _strays = [];
    private readonly List<(int At, byte Value)> _corrections = [];
    private readonly HuffmanTables _tables = new();
    private readonly HashSet<int> _scanned = []; // components
    private Frame? _frame;
    private int _adobeTransform; // where that byte is, or 0
    private int _firstScan; // where its data starts, or 0
    private int _restartInterval;
    private JpegScan? _scan; // the last, where its codes can be passed
    private bool _hasOtherScans; // whose codes cannot
    private Range _lastData; // of the last scan
    private bool _lacksEnd;

    private JpegStructure(byte[] file, CancellationToken cancellation) => (_file, _cancellation) = (file, cancellation);

    /// <summary>
    /// Finds the segments, as far as there are some: damage there is left for the decoder to refuse. What it does not notice in the data of the pixels is looked
    /// at here: whether there is enough for the size, and in a sequential file of 8 bits with Huffman codes whether each scan has the codes of its pixels and
    /// no more. Progressive files are left to libjpeg, which reads them up to the end marker; those with arithmetic coding too, though it does not there.
    /// </summary>
    /// <param name="file">A whole file.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="InvalidDataException">Pixels were lost.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static JpegStructure Parse(byte[] file, CancellationToken cancellation = default)
    {
        var structure = new JpegStructure(file, cancellation);
        structure.Walk();
        return structure;
    }

    /// <summary>
    /// The file without what is harmless: bytes between two segments, a JFIF version that is not 1, an Adobe colour transform that does not exist, a
    /// choice of coefficients in a sequential scan, which has all, zeros that fill up a sequential scan or an interval of it, and the lack of an end marker
    /// behind the last pixel. Other bytes that are left over at the end of a scan stay, for libjpeg to report: mostly, pixels were lost there.
    /// </summary>
    /// <returns>The same array if there is nothing to put right.</returns>
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
    /// The file without zeros that fill up its last scan, where that is none of those whose end is known here. libjpeg says how many bytes it has not used.
    /// </summary>
    /// <param name="warning">What libjpeg refused the file for.</param>
    /// <returns>Null if it was for something else.</returns>
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

    /// <summary>Refuses a file whose data cannot hold as many pixels as it claims.</summary>
    /// <exception cref="InvalidDataException">Too few bytes.</exception>
    /// <remarks>
    /// No Huffman code is shorter than one bit (T.81, annex C). A sequential scan has two for a block of 8×8 samples, one for the DC coefficient and one
    /// that ends the block; a progressive file has at least the former. Arithmetic coding has no such bound.
    /// </remarks>
    private void RequireData()
    {
        if (_frame is not { } frame || _firstScan == 0)
            return;
        var least = (frame.Blocks * frame.BitsPerBlock + 7) / 8;
        if (_file.Length - _firstScan < least)
        {
            throw new InvalidDataException($"expected at least {least} bytes of pixels for {frame.Width}×{frame.Height}, found {_file.Length - _firstScan}: "
                + "the file is truncated or damaged");
        }
    }

    private void Walk()
    {
        var position = 2; // behind the first marker, by which the file was known
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
                throw new InvalidDataException($"the file is truncated or damaged: there is no scan of component {missing.Id}");
            _lacksEnd = isInScan;
        }

        // What libjpeg assumes of an unknown transform: YCbCr of three components, YCCK of four.
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
            // SOF0 to SOF15 but for the codes of DHT, JPG and DAC.
            case >= 0xc0 and <= 0xcf and not (0xc4 or 0xc8 or 0xcc):
                _frame ??= Frame.Parse(code, segment);
                break;
        }
    }

    /// <summary>Looks at the scan whose header was taken last.</summary>
    private void RequireScan(int start, int end)
    {
        if (_scan is null)
            _hasOtherScans = true;
        else
            _scan.RequireWhole(_file.AsSpan(0, end), start, _strays, _cancellation);
        _scan = null;
        _lastData = start..end;
    }

    /// <returns>Null where it is none that libjpeg takes.</returns>
    private JpegScan? ScanOf(Frame frame, ReadOnlySpan<byte> segment)
    {
        const int MostBlocks = 10; // of an MCU: T.81, B.2.3
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

            // A scan of one component has its blocks row by row, each an MCU.
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

    /// <summary>The Huffman tables that are defined at a place in the file. They are made when a scan needs them.</summary>
    private sealed class HuffmanTables
    {
        private const int Indices = 4;
        private const int Lengths = 16; // a byte says how many codes there are of each

        private readonly (Range Definition, JpegHuffmanTable? Made)[] _dc = new (Range, JpegHuffmanTable?)[Indices];
        private readonly (Range Definition, JpegHuffmanTable? Made)[] _ac = new (Range, JpegHuffmanTable?)[Indices];

        /// <summary>Takes the tables of a segment.</summary>
        /// <param name="start">Where it starts in the file.</param>
        /// <param name="segment">A byte for class and index, and the definition, of each.</param>
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

        /// <returns>Null where there is none that libjpeg takes.</returns>
        public JpegHuffmanTable? Get(ReadOnlySpan<byte> file, int index, bool isDc)
        {
            if (index >= Indices)
                return null;
            ref var table = ref (isDc ? _dc : _ac)[index];
            return table.Made ??= table.Definition.End.Value > 0 ? JpegHuffmanTable.Make(file[table.Definition], isDc) : JpegHuffmanTable.Standard(index, isDc);
        }
    }

    /// <summary>What a frame header says of a component.</summary>
    /// <param name="Id">Its name in scan headers.</param>
    /// <param name="Horizontal">Its sampling factor, from 1 to 4.</param>
    /// <param name="Vertical">Likewise.</param>
    private sealed record Component(byte Id, int Horizontal, int Vertical);

    /// <summary>What a frame header says.</summary>
    /// <param name="Code">The marker's.</param>
    /// <param name="Precision">Bits of a sample.</param>
    /// <param name="Width">Samples of a row.</param>
    /// <param name="Height">Rows.</param>
    /// <param name="Components">At least one.</param>
    private sealed record Frame(byte Code, int Precision, int Width, int Height, Component[] Components)
    {
        private readonly (int Horizontal, int Vertical) _largest =
            (Components.Max(component => component.Horizontal), Components.Max(component => component.Vertical));

        /// <summary>Whether a scan has all coefficients: the processes SOF0, SOF1, SOF9.</summary>
        public bool IsSequential => Code is 0xc0 or 0xc1 or 0xc9;

        /// <summary>Whether <see cref="JpegScan"/> knows its codes, and the decoder reads that many pixels.</summary>
        public bool HasPassableCodes { get; } = Code is 0xc0 or 0xc1 && Precision == 8 && Width > 0 && Height > 0
            && (long)Width * Height <= ImageFile.MaximumPixels && Components.DistinctBy(component => component.Id).Count() == Components.Length;

        /// <summary>The fewest bits that a block may take.</summary>
        public int BitsPerBlock => Code switch { 0xc0 or 0xc1 => 2, 0xc2 => 1, _ => 0 };

        /// <summary>Blocks of 8×8 samples in all components, without those that only fill up.</summary>
        public long Blocks => Components.Sum(BlocksOf);

        /// <summary>The MCUs of a scan of more than one component.</summary>
        public long Mcus => Count(Width, 1, _largest.Horizontal) * Count(Height, 1, _largest.Vertical);

        /// <summary>Blocks of 8×8 samples in a component, without those that only fill up.</summary>
        public long BlocksOf(Component component) =>
            Count(Width, component.Horizontal, _largest.Horizontal) * Count(Height, component.Vertical, _largest.Vertical);

        /// <returns>Null where it is not one that any decoder takes.</returns>
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
