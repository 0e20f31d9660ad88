using System.Buffers.Binary;
using System.Text;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

/// <summary>Writes pickles as Python's pickler does, memo included, and any others that a test wants to see refused.</summary>
internal sealed class PickleBuilder
{
    private readonly List<byte> _bytes = [0x80, 2];
    private readonly Dictionary<string, uint> _memo = [];
    private uint _memorised;

    /// <summary>The storages that tensors have asked for so far.</summary>
    public List<(string Key, long Count, byte[] Bytes)> Storages { get; } = [];

    public byte[] End() => [.. _bytes, (byte)'.'];

    public PickleBuilder Raw(params ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PickleBuilder Op(char opcode) => Raw((byte)opcode);

    public PickleBuilder Text(string text) => Once(text, () =>
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        Op('X').Raw(length).Raw(bytes);
    });

    public PickleBuilder Global(string module, string name) =>
        Once($"c{module}\n{name}\n", () => Raw(Encoding.ASCII.GetBytes($"c{module}\n{name}\n")));

    public PickleBuilder Number(long number)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        return number switch
        {
            >= 0 and < 256 => Op('K').Raw(bytes[..1]),
            >= 0 and < 65536 => Op('M').Raw(bytes[..2]),
            >= int.MinValue and <= int.MaxValue => Op('J').Raw(bytes[..4]),
            _ => Raw(0x8a, 8).Raw(bytes),
        };
    }

    public PickleBuilder Numbers(params IReadOnlyList<long> numbers)
    {
        Op('(');
        foreach (var number in numbers)
            Number(number);
        return Op('t').Memo();
    }

    public PickleBuilder Dictionary(params (string Key, Action Value)[] items)
    {
        Op('}').Memo();
        return Items(items);
    }

    public PickleBuilder OrderedDictionary(params (string Key, Action Value)[] items)
    {
        Global("collections", "OrderedDict").Op(')').Op('R').Memo();
        return Items(items);
    }

    public PickleBuilder List(params Action[] items)
    {
        Op(']').Memo().Op('(');
        foreach (var item in items)
            item();
        return Op('e');
    }

    /// <summary>A tensor with a storage of its own.</summary>
    public PickleBuilder Tensor(ElementType type, long[] shape, byte[] bytes)
    {
        var key = $"{94780611306560 + 96 * Storages.Count}";
        Storages.Add((key, bytes.Length / type.Size(), bytes));
        var strides = new long[shape.Length];
        for (var (i, stride) = (shape.Length - 1, 1L); i >= 0; stride *= shape[i--])
            strides[i] = stride;
        return View(key, type, bytes.Length / type.Size(), 0, shape, strides);
    }

    /// <summary>A tensor on a storage that is described elsewhere, true or not.</summary>
    public PickleBuilder View(string key, ElementType type, long count, long offset, long[] shape, long[] strides) =>
        Global("torch._utils", "_rebuild_tensor_v2").Op('(')
            .Op('(').Text("storage").Global("torch", type.StorageClass()).Text(key).Text("cuda:0").Number(count).Op('N').Op('t').Memo().Op('Q')
            .Number(offset).Numbers(shape).Numbers(strides).Raw(0x89).OrderedDictionary().Op('t').Memo().Op('R').Memo();

    public PickleBuilder Parameter(ElementType type, long[] shape, byte[] bytes) =>
        Global("torch._utils", "_rebuild_parameter").Op('(').Tensor(type, shape, bytes).Raw(0x89).OrderedDictionary().Op('t').Op('R').Memo();

    /// <summary>A module as PyTorch before 1.6 wrote it: class with source code, attributes, parameters, buffers, modules.</summary>
    public PickleBuilder Module(string module, string name, Action? parameters, Action? buffers, Action? modules, params (string Key, Action Value)[] attributes)
    {
        Op('(').Text("module").Global(module, name).Text($"/home/{module}.py").Text($"class {name}(Module):\n    pass\n").Op('t').Memo()
            .Op('Q').Op(')').Raw(0x81).Memo();
        (string, Action)[] state =
        [
            ("training", () => Raw(0x89)),
            ("_parameters", parameters ?? Empty),
            ("_buffers", buffers ?? Empty),
            ("_backward_hooks", Empty),
            ("_modules", modules ?? Empty),
            .. attributes,
        ];
        return Dictionary(state).Op('b');

        void Empty() => OrderedDictionary();
    }

    public PickleBuilder Memo()
    {
        if (_memorised < 256)
            return Op('q').Raw((byte)_memorised++);
        Span<byte> index = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(index, _memorised++);
        return Op('r').Raw(index);
    }

    private PickleBuilder Items((string Key, Action Value)[] items)
    {
        if (items.Length == 0)
            return this;
        Op('(');
        foreach (var (key, value) in items)
        {
            Text(key);
            value();
        }

        return Op('u');
    }

    /// <summary>Writes a value the first time and refers to it afterwards.</summary>
    private PickleBuilder Once(string key, Action write)
    {
        if (_memo.TryGetValue(key, out var index))
        {
            if (index < 256)
                return Op('h').Raw((byte)index);
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, index);
            return Op('j').Raw(bytes);
        }

        write();
        _memo[key] = _memorised;
        return Memo();
    }
}
