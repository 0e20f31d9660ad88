namespace Mdf.Imaging;

/// <summary>
/// A Huffman table of a sequential JPEG (ITU-T T.81, annexes C and F.2.2.3) for a reader that does not need the values. It gives the number of bits and of coefficients that each code skips.
/// </summary>
internal sealed class JpegHuffmanTable
{
    /// <summary>The number of coefficients of a block, which is also the index after the last coefficient.</summary>
    public const int BlockSize = 64;

    /// <summary>The number that an end-of-block code adds to the index of the next coefficient. From indices 1 to 63, the result is above the results of all other codes.</summary>
    public const int EndOfBlock = 128;

    /// <summary>The number that a code that does not exist adds. From indices 1 to 63, the result is 66 to 128, which neither a full block nor an end of block gives.</summary>
    private const int Invalid = 65;

    private const int LongestCode = 16;
    private const int LookupBits = 9;

    private readonly ushort[] _steps = new ushort[1 << LookupBits]; // by the first bits; 0 if the code is longer
    private readonly ushort[] _longSteps; // by the index of a code
    private readonly int[] _firstCodes = new int[LongestCode + 1]; // by length
    private readonly int[] _counts = new int[LongestCode + 1];
    private readonly int[] _firstNumbers = new int[LongestCode + 1];

    private JpegHuffmanTable(int codes) => _longSteps = new ushort[codes];

    /// <summary>The tables K.3 to K.6 of ITU-T T.81. libjpeg uses them if a file defines no tables, as in frames of Motion JPEG.</summary>
    /// <param name="index">0 for luminance, 1 for chrominance.</param>
    /// <param name="isDc">Whether the table is for DC coefficients.</param>
    /// <returns>The table; null for other indices.</returns>
    public static JpegHuffmanTable? Standard(int index, bool isDc) => (index, isDc) switch
    {
        (0, true) => Make([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, .. StandardDc], isDc),
        (1, true) => Make([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, .. StandardDc], isDc),
        (0, false) => Make([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125, .. StandardLuminance], isDc),
        (1, false) => Make([0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119, .. StandardChrominance], isDc),
        _ => null,
    };

    /// <summary>Creates the codes of a table.</summary>
    /// <param name="definition">The number of codes of each length (16 bytes), then the symbols of the codes.</param>
    /// <param name="isDc">Whether the table is for DC coefficients.</param>
    /// <returns>The table; null if libjpeg does not accept it.</returns>
    public static JpegHuffmanTable? Make(ReadOnlySpan<byte> definition, bool isDc)
    {
        var symbols = definition[LongestCode..];
        var table = new JpegHuffmanTable(symbols.Length);
        var (code, number) = (0, 0);
        for (var length = 1; length <= LongestCode; length++, code <<= 1)
        {
            table._firstCodes[length] = code;
            table._firstNumbers[length] = number;
            var count = table._counts[length] = definition[length - 1];
            // A code must not consist of only ones.
            if (number + count > symbols.Length || count > 0 && code + count >= 1 << length)
                return null;
            for (; count > 0; count--, code++, number++)
            {
                if (isDc && symbols[number] > 15)
                    return null;
                var step = table._longSteps[number] = Step(length, symbols[number], isDc);
                if (length <= LookupBits)
                    table._steps.AsSpan(code << (LookupBits - length), 1 << (LookupBits - length)).Fill(step);
            }
        }

        return table;
    }

    /// <summary>Looks up a code.</summary>
    /// <param name="bits">The next bits, from the highest bit; zeros after the last.</param>
    /// <returns>
    /// In bits 0 to 7, the number of bits to skip: the bits of the code and of the value after it, at most 31. In bits 8 to 15, the number of coefficients: the run
    /// of zeros plus one; 0 for a DC coefficient.
    /// </returns>
    public int Look(ulong bits)
    {
        var step = _steps[(int)(bits >> (64 - LookupBits))];
        return step != 0 ? step : LookLong((int)(bits >> (64 - LongestCode)));
    }

    private int LookLong(int bits)
    {
        for (var length = LookupBits + 1; length <= LongestCode; length++)
        {
            var place = (bits >> (LongestCode - length)) - _firstCodes[length];
            if (place < _counts[length])
                return _longSteps[_firstNumbers[length] + place];
        }

        return LongestCode | Invalid << 8;
    }

    private static ushort Step(int length, byte symbol, bool isDc)
    {
        var (run, size) = (symbol >> 4, symbol & 15);
        // A run without a value is either 16 zeros, or 0 for the end of the block.
        var passed = isDc ? 0 : size > 0 || run == 15 ? run + 1 : run == 0 ? EndOfBlock : Invalid;
        return (ushort)(length + size | passed << 8);
    }

    private static ReadOnlySpan<byte> StandardDc => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

    private static ReadOnlySpan<byte> StandardLuminance =>
    [
        0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08,
        0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
        0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
        0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
        0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6,
        0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
        0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    ];

    private static ReadOnlySpan<byte> StandardChrominance =>
    [
        0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91,
        0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
        0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
        0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
        0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4,
        0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
        0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    ];
}
