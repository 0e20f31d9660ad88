using System.Buffers.Binary;

namespace Mdf.Imaging;

/// <summary>Enumerates the segments of a JPEG file (ITU-T T.81, annex B) before its first scan. They contain the metadata.</summary>
/// <param name="file">A whole file. Segments after the first corrupt one are ignored.</param>
internal ref struct JpegSegments(ReadOnlySpan<byte> file)
{
    /// <summary>The codes of markers.</summary>
    public const byte App0 = 0xe0;
    public const byte App13 = 0xed;

    private const byte StartOfScan = 0xda;
    private const byte EndOfImage = 0xd9;

    private ReadOnlySpan<byte> _rest = file.Length > 2 ? file[2..] : [];

    /// <summary>The code of the current segment's marker.</summary>
    public byte Code { get; private set; }

    /// <summary>The current segment, without marker and length.</summary>
    public ReadOnlySpan<byte> Content { get; private set; }

    /// <summary>Moves to the next segment.</summary>
    /// <returns>Whether there is one.</returns>
    public bool MoveNext()
    {
        const int header = 4; // the marker, and the length of the segment without it
        while (_rest.Length >= header && _rest[0] == 0xff)
        {
            Code = _rest[1];
            if (Code == 0xff) // fill bytes before a marker
            {
                _rest = _rest[1..];
                continue;
            }

            var length = BinaryPrimitives.ReadUInt16BigEndian(_rest[2..]);
            if (Code is StartOfScan or EndOfImage || length < 2 || length > _rest.Length - 2)
                return false;
            Content = _rest[header..(2 + length)];
            _rest = _rest[(2 + length)..];
            return true;
        }

        return false;
    }
}
