using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Mdf.Weights;

/// <summary>Writes the opcodes of pickle protocol 2 that a dictionary of tensors needs.</summary>
internal sealed class PickleWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public void Begin() => Add(0x80, 2, (byte)'}', (byte)'(');

    public void Mark() => Add((byte)'(');

    public void Tuple() => Add((byte)'t');

    public void EmptyTuple() => Add((byte)')');

    public void Call() => Add((byte)'R');

    public void PersistentId() => Add((byte)'Q');

    public void False() => Add(0x89);

    public void Global(string module, string name) => _bytes.Write(Encoding.ASCII.GetBytes($"c{module}\n{name}\n"));

    public void Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Add((byte)'X');
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        _bytes.Write(length);
        _bytes.Write(bytes);
    }

    public void Number(long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        Add(number switch
        {
            >= 0 and <= byte.MaxValue => [(byte)'K', .. bytes[..1]],
            >= int.MinValue and <= int.MaxValue => [(byte)'J', .. bytes[..4]],
            _ => [0x8a, sizeof(long), .. bytes],
        });
    }

    public void Numbers(IReadOnlyList<long> numbers)
    {
        Mark();
        foreach (var number in numbers)
            Number(number);
        Tuple();
    }

    public byte[] End()
    {
        _bytes.Write("u."u8);
        return _bytes.WrittenSpan.ToArray();
    }

    private void Add(params ReadOnlySpan<byte> bytes) => _bytes.Write(bytes);
}
