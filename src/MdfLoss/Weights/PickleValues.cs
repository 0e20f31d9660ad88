using System.Runtime.InteropServices;

namespace Mdf.Weights;

// What a pickle's values become here: text, long, double, bool and null as they are; List<object?> for a list, object?[] for a
// tuple, and the records below. None of them can do anything.

/// <summary>A dictionary, ordinary or ordered; keys are text or whole numbers.</summary>
internal sealed class PickleDictionary
{
    // The hash of a long is one half against the other: a file could choose keys that all collide. That of text is keyed.
    private static readonly IEqualityComparer<object> s_keys = EqualityComparer<object>.Create(Equals, key => key is long number
        ? string.GetHashCode(MemoryMarshal.Cast<long, char>(new ReadOnlySpan<long>(in number)))
        : key.GetHashCode());

    public OrderedDictionary<object, object?> Items { get; } = new(s_keys);

    /// <summary>What a state dictionary carries beside its items: PyTorch's <c>_metadata</c>.</summary>
    public PickleDictionary? Attributes { get; set; }

    public object? this[string key] => Items.TryGetValue(key, out var value) ? value : null;
}

/// <summary>A set; tensors are never looked for in one.</summary>
internal sealed record PickleSet(List<object?> Items);

/// <summary>A device, or anything else that is known and holds no tensors.</summary>
internal sealed record PickleInert
{
    public static PickleInert Instance { get; } = new();
}

/// <summary>An object of a module class: its name and its attributes, and no behaviour.</summary>
internal sealed class PickleModule(string @class)
{
    public string Class { get; } = @class;

    public PickleDictionary? State { get; set; }
}

/// <summary>One block of elements that tensors are views of.</summary>
internal sealed class TensorStorage(string key, ElementType type, long count)
{
    public string Key { get; } = key;

    public ElementType Type { get; } = type;

    public long Count { get; } = count;

    /// <summary>Where its bytes begin in the file; known once the pickle is read.</summary>
    public long Offset { get; set; }

    public long ByteLength => Count * Type.Size();
}

/// <summary>A view of a storage, checked to lie inside it. Offset and strides are in elements.</summary>
internal sealed record TensorView(TensorStorage Storage, long Offset, long[] Shape, long[] Strides)
{
    public bool IsEmpty => Shape.Contains(0);

    /// <summary>The number of elements from the first to behind the last, gaps included.</summary>
    public long Extent => IsEmpty ? 0 : 1 + Shape.Zip(Strides, (size, stride) => (size - 1) * stride).Sum();

    /// <summary>Whether the elements lie row-major without gaps. The stride of a dimension of size 1 means nothing.</summary>
    public bool IsContiguous
    {
        get
        {
            var expected = 1L;
            for (var i = Shape.Length - 1; i >= 0; i--)
            {
                if (Shape[i] != 1 && Strides[i] != expected)
                    return IsEmpty;
                expected *= Shape[i];
            }

            return true;
        }
    }
}
