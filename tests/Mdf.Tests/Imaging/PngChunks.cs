using System.Buffers.Binary;
using System.Text;
using Mdf.Weights;

namespace Mdf.Tests.Imaging;

/// <summary>Makes chunks of PNG files.</summary>
internal static class PngChunks
{
    /// <summary>Where the first chunk after IHDR starts.</summary>
    public const int AfterHeader = 8 + 12 + 13;

    public static byte[] Make(string type, byte[] data)
    {
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. data];
        var chunk = new byte[body.Length + 8];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        body.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(4 + body.Length), Crc32.Of(body));
        return chunk;
    }

    /// <summary>A PNG with one more chunk, before its pixels.</summary>
    public static byte[] Insert(byte[] png, string type, byte[] data) => [.. png[..AfterHeader], .. Make(type, data), .. png[AfterHeader..]];
}
