using System.Buffers.Binary;

namespace Mdf.Runtime;

/// <summary>The checksum of zip and PNG files: CRC-32 (ISO 3309), reflected polynomial 0xEDB88320.</summary>
internal static class Crc32
{
    private const uint Polynomial = 0xEDB88320;
    private const int Slices = 8; // bytes in one step: s_tables[k] carries a byte over k more

    private static readonly uint[][] s_tables = MakeTables();

    public static uint Of(ReadOnlySpan<byte> bytes) => ~Continue(uint.MaxValue, bytes);

    private static uint Continue(uint state, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= Slices; bytes = bytes[Slices..])
        {
            var low = state ^ BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            var high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            state = s_tables[7][low & 0xff] ^ s_tables[6][low >> 8 & 0xff] ^ s_tables[5][low >> 16 & 0xff] ^ s_tables[4][low >> 24]
                ^ s_tables[3][high & 0xff] ^ s_tables[2][high >> 8 & 0xff] ^ s_tables[1][high >> 16 & 0xff] ^ s_tables[0][high >> 24];
        }

        foreach (var value in bytes)
            state = state >> 8 ^ s_tables[0][(byte)(state ^ value)];
        return state;
    }

    private static uint[][] MakeTables()
    {
        var tables = new uint[Slices][];
        for (var k = 0; k < Slices; k++)
        {
            tables[k] = new uint[256];
            for (uint i = 0; i < 256; i++)
            {
                var value = k == 0 ? i : tables[k - 1][i];
                for (var bit = 0; bit < 8; bit++)
                    value = value >> 1 ^ ((value & 1) != 0 ? Polynomial : 0);
                tables[k][i] = value;
            }
        }

        return tables;
    }
}
