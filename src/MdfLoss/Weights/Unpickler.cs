using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// Reads a PyTorch pickle (protocol 2) into inert values and executes nothing. A name in the pickle is
/// looked up in <see cref="PickleGlobals"/>; a file with any other name is refused.
/// </summary>
/// <remarks>Source of the opcodes: Python's <c>pickletools</c>. Only the opcodes that <c>torch.save</c> uses are supported.</remarks>
internal ref struct Unpickler(MappedFile file, TensorStorages storages, ReadOnlySpan<byte> bytes)
{
    private const int MaxDepth = 100_000; // of the stack; a large state dictionary needs a few thousand values
    private const int MaxNameLength = 256;

    // Upper bounds of the memory of one value of each kind, in bytes, including its place in a growing collection.
    private const int NumberCost = 24;
    private const int TextCost = 32;
    private const int SequenceCost = 64;
    private const int ItemCost = 40;
    private const int DictionaryCost = 160;
    private const int DictionaryItemCost = 224;
    private const int MemoCost = 128;
    private const int RecordCost = 256;

    private static readonly object?[] s_emptyTuple = [];

    // The default hash of an integer is the integer, so a file could choose indices that all collide. HashCode adds a random seed.
    private static readonly IEqualityComparer<uint> s_memoKeys =
        EqualityComparer<uint>.Create((one, other) => one == other, index => HashCode.Combine(index));

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<uint, object?> _memo = new(s_memoKeys);

    /// <summary>The position of the next pickle.</summary>
    public int Position { get; private set; }

    /// <summary>Reads one pickle to its end.</summary>
    /// <returns>The value of the pickle; see <see cref="PickleDictionary"/> and the other types in its file.</returns>
    /// <exception cref="InputException">The pickle is corrupt, or refers to an unknown name.</exception>
    public object? Load()
    {
        _stack.Clear();
        _marks.Clear();
        _memo.Clear();
        while (true)
        {
            var opcode = ReadByte();
            if (opcode == (byte)'.')
                return Result();
            Execute(opcode);
            if (_stack.Count > MaxDepth || _marks.Count > MaxDepth)
                throw file.Refuse("the pickle is nested too deeply");
        }
    }

    private readonly object? Result() =>
        _stack is [var result] && _marks.Count == 0 ? result : throw Damaged("the pickle ends with values left over");

    private void Execute(byte opcode)
    {
        switch ((char)opcode)
        {
            case '\u0080': // PROTO
                if (ReadByte() is not 2 and var protocol)
                    throw file.Refuse($"expected a pickle of protocol 2, found {protocol}", "save it with torch.save's default protocol");
                break;
            case '(': // MARK
                _marks.Add(_stack.Count);
                break;
            case 'N': // NONE
                _stack.Add(null);
                break;
            case '\u0088': // NEWTRUE
                _stack.Add(true);
                file.Charge(NumberCost);
                break;
            case '\u0089': // NEWFALSE
                _stack.Add(false);
                file.Charge(NumberCost);
                break;
            case 'K': // BININT1
                Push(ReadByte());
                break;
            case 'M': // BININT2
                Push(BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
                break;
            case 'J': // BININT
                Push(BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
                break;
            case '\u008a': // LONG1
                ReadLong();
                break;
            case 'G': // BINFLOAT
                file.Charge(NumberCost);
                _stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8)));
                break;
            case 'X': // BINUNICODE
                _stack.Add(ReadText(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
                break;
            case 'U': // SHORT_BINSTRING: a string of Python 2
                _stack.Add(ReadText(ReadByte()));
                break;
            case ')': // EMPTY_TUPLE
                _stack.Add(s_emptyTuple);
                break;
            case 't': // TUPLE
                _stack.Add(PopToMark());
                break;
            case '\u0085' or '\u0086' or '\u0087': // TUPLE1, TUPLE2, TUPLE3
                _stack.Add(Pop(opcode - 0x84));
                break;
            case ']': // EMPTY_LIST
                file.Charge(SequenceCost);
                _stack.Add(new List<object?>());
                break;
            case 'a': // APPEND
                Append(Pop(1));
                break;
            case 'e': // APPENDS
                Append(PopToMark());
                break;
            case '}': // EMPTY_DICT
                _stack.Add(NewDictionary());
                break;
            case 's': // SETITEM
                SetItems(Pop(2));
                break;
            case 'u': // SETITEMS
                SetItems(PopToMark());
                break;
            case 'q': // BINPUT
                Memorise(ReadByte());
                break;
            case 'r': // LONG_BINPUT
                Memorise(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)));
                break;
            case 'h': // BINGET
                _stack.Add(Recall(ReadByte()));
                break;
            case 'j': // LONG_BINGET
                _stack.Add(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
                break;
            case 'c': // GLOBAL
                _stack.Add(ReadGlobal());
                break;
            case 'Q': // BINPERSID
                _stack.Add(Resolve(Pop()));
                break;
            case 'R': // REDUCE
                var arguments = Pop();
                _stack.Add(Call(Pop(), arguments));
                break;
            case '\u0081': // NEWOBJ
                _stack.Add(Create(Pop(2)));
                break;
            case 'b': // BUILD
                SetState(Pop());
                break;
            default:
                throw file.Refuse($"the pickle has the opcode 0x{opcode:x2} at byte {Position - 1}, which checkpoints do not use");
        }
    }

    private byte ReadByte() => Take(1)[0];

    private ReadOnlySpan<byte> Take(uint length)
    {
        if (length > _bytes.Length - Position)
            throw Damaged("the pickle ends in the middle of a value");
        var taken = _bytes.Slice(Position, (int)length);
        Position += (int)length;
        return taken;
    }

    private readonly void Push(long number)
    {
        file.Charge(NumberCost);
        _stack.Add(number);
    }

    private void ReadLong()
    {
        var digits = Take(ReadByte());
        if (digits.Length > sizeof(long))
        {
            _stack.Add(PickleInert.Instance); // a random seed; no size or count is this large
            return;
        }

        Span<byte> extended = stackalloc byte[sizeof(long)];
        extended.Fill(digits is [.., >= 0x80] ? (byte)0xff : (byte)0);
        digits.CopyTo(extended);
        Push(BinaryPrimitives.ReadInt64LittleEndian(extended));
    }

    private string ReadText(uint length)
    {
        var text = Take(length);
        if (!Utf8.IsValid(text))
            throw Damaged("the pickle has text that is not valid UTF-8");
        file.Charge(TextCost + 2L * length);
        return Encoding.UTF8.GetString(text);
    }

    private readonly object? Pop()
    {
        if (_stack.Count <= Floor)
            throw Damaged("the pickle takes a value where there is none");
        var value = _stack[^1];
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private readonly object?[] Pop(int count)
    {
        if (_stack.Count - Floor < count)
            throw Damaged("the pickle takes values where there are none");
        file.Charge(SequenceCost + 8 * count);
        var values = _stack[^count..].ToArray();
        _stack.RemoveRange(_stack.Count - count, count);
        return values;
    }

    private readonly object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw Damaged("the pickle goes back to a mark that is not there");
        var values = Pop(_stack.Count - Floor);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    private readonly int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    private readonly object? Peek() =>
        _stack.Count > Floor ? _stack[^1] : throw Damaged("the pickle changes a value where there is none");

    private readonly void Append(object?[] values)
    {
        if (Peek() is not List<object?> list)
            throw Damaged("the pickle appends to something that is not a list");
        file.Charge(ItemCost * (long)values.Length);
        list.AddRange(values);
    }

    private readonly PickleDictionary NewDictionary()
    {
        file.Charge(DictionaryCost);
        return new PickleDictionary();
    }

    private readonly void SetItems(object?[] keysAndValues)
    {
        if (Peek() is not PickleDictionary dictionary || keysAndValues.Length % 2 != 0)
            throw Damaged("the pickle sets items of something that is not a dictionary");
        for (var i = 0; i < keysAndValues.Length; i += 2)
            SetItem(dictionary, keysAndValues[i], keysAndValues[i + 1]);
    }

    private readonly void SetItem(PickleDictionary dictionary, object? key, object? value)
    {
        // A shared key is stored once, but hashed each time it is used.
        file.Charge(DictionaryItemCost + 2L * ((key as string)?.Length ?? 0));
        if (key is not (string or long))
            throw file.Refuse("a dictionary has a key that is neither text nor a whole number", "save only the state_dict");
        if (!dictionary.Items.TryAdd(key, value))
            throw file.Refuse($"a dictionary has the key {Untrusted.Quote($"{key}")} twice");
    }

    private readonly void Memorise(uint index)
    {
        file.Charge(MemoCost);
        _memo[index] = Peek();
    }

    private readonly object? Recall(uint index) =>
        _memo.TryGetValue(index, out var value) ? value : throw Damaged("the pickle refers to a value that it does not have");

    private PickleGlobal ReadGlobal()
    {
        var name = $"{ReadLine()}.{ReadLine()}";
        file.Charge(RecordCost + 8 * name.Length);
        return PickleGlobals.Find(name) ?? throw file.Refuse(
            $"refused: the checkpoint refers to {Untrusted.Quote(name)}, which is not a known class of tensors; nothing was executed",
            "save only the state_dict, and only trust files whose origin you know");
    }

    private string ReadLine()
    {
        var rest = _bytes[Position..];
        var length = rest[..Math.Min(rest.Length, MaxNameLength)].IndexOf((byte)'\n');
        if (length < 0)
            throw Damaged("the pickle has a name without an end");
        Position += length + 1;
        return Encoding.Latin1.GetString(rest[..length]);
    }

    /// <summary>Resolves a reference to something outside the pickle: a storage, or the class of a module. The module's source code is ignored.</summary>
    private readonly object Resolve(object? identifier) => identifier switch
    {
        object?[] and ["module", PickleGlobal.ModuleClass module, string, string] => module,
        object?[] and ["storage", PickleGlobal.StorageClass storage, string key, string, long count] =>
            storages.Add(key, storage.Type, count),
        // The last item describes a view of a view. PyTorch has not written this since 0.4.
        object?[] and ["storage", PickleGlobal.StorageClass storage, string key, string, long count, null] =>
            storages.Add(key, storage.Type, count),
        _ => throw Damaged("the pickle refers to something that is neither a storage nor a module"),
    };

    private readonly object? Call(object? function, object? argument)
    {
        if (function is not PickleGlobal.Callable { Call: var call } || argument is not object?[] arguments)
            throw Damaged("the pickle calls something that is not a function");
        file.Charge(RecordCost);
        return (call, arguments) switch
        {
            // Since PyTorch 0.4, requires_grad and hooks follow; since 1.11, also metadata. None of these affects the values.
            (PickleCall.RebuildTensor, [TensorStorage storage, long offset, object?[] size, object?[] stride, .. var rest])
                when rest is [] or [bool, null or PickleDictionary] or [bool, null or PickleDictionary, null or PickleDictionary]
                => View(storage, offset, size, stride),
            (PickleCall.RebuildParameter, [TensorView tensor, bool, null or PickleDictionary]) => tensor,
            (PickleCall.Parameter, [TensorView tensor, .. [] or [bool]]) => tensor,
            (PickleCall.OrderedDict, []) => NewDictionary(),
            (PickleCall.OrderedDict, [List<object?> pairs]) => DictionaryOf(pairs),
            (PickleCall.Counter, [PickleDictionary counts]) => counts,
            (PickleCall.Set, [List<object?> items]) => new PickleSet(items),
            (PickleCall.Size, [object?[] size]) => size,
            (PickleCall.Device, [string] or [string, long]) => PickleInert.Instance,
            _ => throw Damaged($"the pickle calls {call} with arguments that it does not take"),
        };
    }

    private readonly PickleDictionary DictionaryOf(List<object?> pairs)
    {
        var dictionary = NewDictionary();
        foreach (var pair in pairs)
        {
            if (pair is not List<object?> and not object?[] || (IReadOnlyList<object?>)pair is not [var key, var value])
                throw Damaged("the pickle makes a dictionary of something that is not pairs");
            SetItem(dictionary, key, value);
        }

        return dictionary;
    }

    private readonly TensorView View(TensorStorage storage, long offset, object?[] size, object?[] stride)
    {
        if (size.Length != stride.Length || size.Length > StoredTensor.MaxDimensions)
        {
            throw file.Refuse($"a tensor has {size.Length} sizes and {stride.Length} strides, "
                + $"expected as many and at most {StoredTensor.MaxDimensions}");
        }

        file.Charge(32L * size.Length);
        var shape = new long[size.Length];
        var strides = new long[size.Length];
        Int128 last = offset;
        for (var i = 0; i < size.Length; i++)
        {
            if (size[i] is not (long and >= 0 and var length) || stride[i] is not (long and >= 0 and var step))
                throw file.Refuse("a tensor has a size or a stride that is not a whole number of at least 0");
            shape[i] = length;
            strides[i] = step;
            if (last <= storage.Count) // so the sum of products, each below 2^126, cannot overflow an Int128
                last += (Int128)Math.Max(0, length - 1) * step;
        }

        var isEmpty = size.Contains(0L);
        if (offset < 0 || (isEmpty ? offset > storage.Count : last >= storage.Count))
            throw file.Refuse($"a tensor reaches outside its storage {Untrusted.Quote(storage.Key)} of {storage.Count} elements");
        return new TensorView(storage, offset, shape, strides);
    }

    private readonly object? Create(object?[] classAndArguments)
    {
        file.Charge(RecordCost);
        return classAndArguments switch
        {
            [PickleGlobal.ModuleClass { Name: var name }, object?[] and []] => new PickleModule(name),
            [PickleGlobal.Callable { Call: PickleCall.Parameter } parameter, var arguments] => Call(parameter, arguments),
            _ => throw Damaged("the pickle makes an object of something that is not a module class"),
        };
    }

    private readonly void SetState(object? state)
    {
        switch (Peek(), state)
        {
            case (PickleModule { State: null } module, PickleDictionary attributes):
                module.State = attributes;
                break;
            case (PickleDictionary { Attributes: null } dictionary, PickleDictionary attributes):
                dictionary.Attributes = attributes;
                break;
            // A parameter of PyTorch before 0.4: (requires_grad, volatile, hooks). torchvision's oldest files have them.
            case (TensorView, object?[] and [bool, bool, null or PickleDictionary]):
                break;
            default:
                throw Damaged("the pickle gives attributes to something that has none");
        }
    }

    private readonly InputException Damaged(string found) => file.Refuse($"{found} (at byte {Position})");
}
