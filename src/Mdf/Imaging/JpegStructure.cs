using System.Buffers.Binary;

namespace Mdf.Imaging;

/// <summary>The segments of a JPEG file (ITU-T T.81, annex B): what a decoder's warnings cannot tell.</summary>
/// <remarks>
/// libjpeg warns of harmless oddities and of lost pixels alike, but only of the first that it meets in a file. So what is harmless is put right before it
/// decodes, in the way in which libjpeg itself passes over it, and then every warning means lost pixels.
/// </remarks>
internal sealed class JpegStructure
{
    private const byte StartOfImage = 0xd8;
    private const byte EndOfImage = 0xd9;
    private const byte StartOfScan = 0xda;
    private const byte Temporary = 0x01; // TEM: the only marker without a segment beside RST, SOI and EOI
    private const byte Jfif = 0xe0; // APP0
    private const byte Adobe = 0xee; // APP14

    private readonly byte[] _file;
    private readonly List<Range> _strays = [];
    private readonly List<(int At, byte Value)> _corrections = [];
    private Frame? _frame;
    private int _adobeTransform; // where that byte is, or 0
    private int _firstScan; // where its data starts, or 0

    private JpegStructure(byte[] file) => _file = file;

    /// <summary>Finds the segments, as far as there are some: what is damaged is left for the decoder to refuse.</summary>
    /// <param name="file">A whole file.</param>
    public static JpegStructure Parse(byte[] file)
    {
        var structure = new JpegStructure(file);
        structure.Walk();
        return structure;
    }

    /// <summary>
    /// The file without what is harmless: bytes between two segments, a JFIF version that is not 1, an Adobe colour transform that does not exist, and a
    /// choice of coefficients in a sequential scan, which has all. The bytes that were left over at the end of a scan stay: pixels were lost there.
    /// </summary>
    /// <returns>The same array if there is nothing to put right.</returns>
    public byte[] Corrected()
    {
        if (_strays.Count == 0 && _corrections.Count == 0)
            return _file;
        var corrected = _file.ToArray();
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

    /// <summary>Refuses a file whose data cannot hold as many pixels as it claims.</summary>
    /// <exception cref="InvalidDataException">Too few bytes.</exception>
    /// <remarks>
    /// No Huffman code is shorter than one bit (T.81, annex C). A sequential scan has two for a block of 8×8 samples, one for the DC coefficient and one
    /// that ends the block; a progressive file has at least the former. Arithmetic coding has no such bound.
    /// </remarks>
    public void RequireData()
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
        while (FindMarker(position, isInScan) is { } marker)
        {
            if (!isInScan && marker > position)
                _strays.Add(position..marker);
            isInScan = false;
            var code = _file[marker + 1];
            position = marker + 2;
            if (code == EndOfImage)
                break;
            if (code is Temporary or StartOfImage || IsRestart(code))
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
                _firstScan = position;
        }

        // What libjpeg assumes of an unknown transform: YCbCr of three components, YCCK of four.
        byte assumed = _frame?.Sampling.Length == 4 ? (byte)2 : (byte)1;
        if (_adobeTransform > 0 && _file[_adobeTransform] != 0)
            Correct(_adobeTransform, assumed);
    }

    /// <returns>Where the next marker starts, or null.</returns>
    private int? FindMarker(int from, bool isInScan)
    {
        for (var at = from; at < _file.Length; at++)
        {
            var step = _file.AsSpan(at).IndexOf((byte)0xff);
            at += step;
            if (step < 0 || at + 1 >= _file.Length)
                return null;
            // A byte of 0 tells that 0xff was data, another 0xff fills.
            if (_file[at + 1] is not (0 or 0xff) && !(isInScan && IsRestart(_file[at + 1])))
                return at;
        }

        return null;
    }

    private void Correct(int at, byte value)
    {
        if (_file[at] != value)
            _corrections.Add((at, value));
    }

    private static bool IsRestart(byte code) => code is >= 0xd0 and <= 0xd7;

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
                break;
            // SOF0 to SOF15 but for the codes of DHT, JPG and DAC.
            case >= 0xc0 and <= 0xcf and not (0xc4 or 0xc8 or 0xcc):
                _frame ??= Frame.Parse(code, segment);
                break;
        }
    }

    /// <summary>What a frame header says.</summary>
    /// <param name="Code">The marker's.</param>
    /// <param name="Width">Samples of a row.</param>
    /// <param name="Height">Rows.</param>
    /// <param name="Sampling">The sampling factors of every component, each from 1 to 4.</param>
    private sealed record Frame(byte Code, int Width, int Height, (int Horizontal, int Vertical)[] Sampling)
    {
        /// <summary>Whether a scan has all coefficients: the processes SOF0, SOF1, SOF9.</summary>
        public bool IsSequential => Code is 0xc0 or 0xc1 or 0xc9;

        /// <summary>The fewest bits that a block may take.</summary>
        public int BitsPerBlock => Code switch { 0xc0 or 0xc1 => 2, 0xc2 => 1, _ => 0 };

        /// <summary>Blocks of 8×8 samples in all components, without those that only fill up.</summary>
        public long Blocks
        {
            get
            {
                var (widest, highest) = (Sampling.Max(sampling => sampling.Horizontal), Sampling.Max(sampling => sampling.Vertical));
                return Sampling.Sum(sampling => Count(Width, sampling.Horizontal, widest) * Count(Height, sampling.Vertical, highest));
            }
        }

        /// <returns>Null where it is not one that any decoder takes.</returns>
        public static Frame? Parse(byte code, ReadOnlySpan<byte> segment)
        {
            if (segment.Length < 6 || segment[5] == 0 || segment.Length < 6 + 3 * segment[5])
                return null;
            var sampling = new (int Horizontal, int Vertical)[segment[5]];
            for (var i = 0; i < sampling.Length; i++)
                sampling[i] = (segment[7 + 3 * i] >> 4, segment[7 + 3 * i] & 15);
            return sampling.All(factors => factors is ( >= 1 and <= 4, >= 1 and <= 4))
                ? new Frame(code, BinaryPrimitives.ReadUInt16BigEndian(segment[3..]), BinaryPrimitives.ReadUInt16BigEndian(segment[1..]), sampling)
                : null;
        }

        private static long Count(long size, int factor, int largest) => (size * factor + 8 * largest - 1) / (8 * largest);
    }
}
