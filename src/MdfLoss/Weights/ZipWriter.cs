using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Writes a zip file as PyTorch does: entries without compression and with aligned bytes, then the directory.</summary>
internal sealed class ZipWriter(Stream stream, string folder)
{
    private const int StorageAlignment = 64; // PyTorch's value: it aligns a mapped storage for vector instructions
    private const ushort PaddingId = 0x4246; // "FB": PyTorch's identifier of the padding before an entry
    private const ushort Utf8Flag = 0x800;
    private const ushort MinimumVersion = 10; // zip 1.0: stored entries
    private const uint FixedDate = 0x00210000; // 1 January 1980, 0:00: the same tensors give the same bytes

    private readonly ArrayBufferWriter<byte> _directory = new();
    private ushort _count;

    public void Add(string name, ReadOnlySpan<byte> content)
    {
        var path = Encoding.UTF8.GetBytes($"{folder}/{name}");
        var start = stream.Position;
        var unpadded = start + ZipEntries.LocalSize + path.Length + 2 * sizeof(ushort);
        var padding = (int)(-unpadded & StorageAlignment - 1);

        // The two headers are identical from the version to the length of the name.
        var common = new ArrayBufferWriter<byte>();
        Write16(common, MinimumVersion);
        Write16(common, Utf8Flag);
        Write16(common, 0); // stored
        Write32(common, FixedDate);
        Write32(common, Crc32.Compute(content));
        Write32(common, (uint)content.Length);
        Write32(common, (uint)content.Length);
        Write16(common, (ushort)path.Length);

        var local = new ArrayBufferWriter<byte>();
        Write32(local, ZipEntries.LocalSignature);
        local.Write(common.WrittenSpan);
        Write16(local, (ushort)(2 * sizeof(ushort) + padding));
        local.Write(path);
        Write16(local, PaddingId);
        Write16(local, (ushort)padding);
        local.Write(new byte[padding]);
        stream.Write(local.WrittenSpan);
        stream.Write(content);

        Write32(_directory, ZipEntries.CentralSignature);
        Write16(_directory, MinimumVersion);
        _directory.Write(common.WrittenSpan);
        _directory.Write(new byte[12]); // no extra field, comment, part or attributes
        Write32(_directory, (uint)start);
        _directory.Write(path);
        _count++;
    }

    public void Finish()
    {
        var start = (uint)stream.Position;
        var end = new ArrayBufferWriter<byte>();
        Write32(end, ZipEntries.EndSignature);
        Write32(end, 0); // one part only
        Write16(end, _count);
        Write16(end, _count);
        Write32(end, (uint)_directory.WrittenCount);
        Write32(end, start);
        Write16(end, 0); // no comment
        stream.Write(_directory.WrittenSpan);
        stream.Write(end.WrittenSpan);
    }

    private static void Write16(ArrayBufferWriter<byte> writer, ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(writer.GetSpan(sizeof(ushort)), value);
        writer.Advance(sizeof(ushort));
    }

    private static void Write32(ArrayBufferWriter<byte> writer, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(writer.GetSpan(sizeof(uint)), value);
        writer.Advance(sizeof(uint));
    }
}
