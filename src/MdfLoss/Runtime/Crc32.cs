using Checksum = ICSharpCode.SharpZipLib.Checksum.Crc32;

namespace Mdf.Runtime;

/// <summary>The checksum of zip and PNG files: CRC-32 (ISO 3309), computed by SharpZipLib, which TorchSharp brings.</summary>
internal static class Crc32
{
    private const int Part = 1 << 16;

    /// <summary>Computes the checksum.</summary>
    /// <param name="bytes">The bytes. The checksum of no bytes is 0. SharpZipLib accepts only arrays, so the bytes are copied in parts.</param>
    public static uint Compute(ReadOnlySpan<byte> bytes)
    {
        var checksum = new Checksum();
        var buffer = new byte[Math.Min(bytes.Length, Part)];
        for (; !bytes.IsEmpty; bytes = bytes[Math.Min(bytes.Length, Part)..])
        {
            var count = Math.Min(bytes.Length, Part);
            bytes[..count].CopyTo(buffer);
            checksum.Update(new ArraySegment<byte>(buffer, 0, count));
        }

        return (uint)checksum.Value;
    }
}
