using System.Buffers.Binary;
using System.Text;
using Mdf.Runtime;

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
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(4 + body.Length), Crc32.Compute(body));
        return chunk;
    }

    /// <summary>A PNG with one more chunk, before its pixels.</summary>
    public static byte[] Insert(byte[] png, string type, byte[] data) => [.. png[..AfterHeader], .. Make(type, data), .. png[AfterHeader..]];

    /// <summary>A PNG with metadata in a text chunk.</summary>
    public static byte[] InsertRawProfile(byte[] png, string name, byte[] content) =>
        Insert(png, "tEXt", [.. Encoding.Latin1.GetBytes($"Raw profile type {name}"), 0, .. Encoding.Latin1.GetBytes(RawProfile(name, content))]);

    /// <summary>As ImageMagick writes it: a name, the number of bytes, and lines of 72 digits.</summary>
    public static string RawProfile(string name, byte[] content) =>
        $"\n{name}\n{content.Length,8}\n{string.Concat(Convert.ToHexStringLower(content).Chunk(72).Select(line => new string(line) + "\n"))}";

    /// <summary>A PNG without its chunks of one type.</summary>
    public static byte[] Remove(byte[] png, string type)
    {
        var kept = new List<byte>(png[..8]);
        for (var at = 8; at < png.Length;)
        {
            var size = 12 + BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            if (Encoding.ASCII.GetString(png, at + 4, 4) != type)
                kept.AddRange(png.AsSpan(at, size));
            at += size;
        }

        return [.. kept];
    }
}
