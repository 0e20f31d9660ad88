using System.Runtime.InteropServices;

namespace Mdf.Weights;

// The values of a pickle: string, long, double, bool and null stay as they are; a list is a List<object?>, a tuple is an object?[],
// and other values are the types below. None of them has behaviour.

/// <summary>A dictionary, ordinary or ordered. Its keys are strings or integers.</summary>
internal sealed class PickleDictionary
{
    // The default hash of a long is the XOR of its halves, so a file could choose keys that all collide. The hash of a string is randomised.
    private static readonly IEqualityComparer<object> s_keys = EqualityComparer<object>.Create(Equals, key => key is long number
        ? string.GetHashCode(MemoryMarshal.Cast<long, char>(new ReadOnlySpan<long>(in number)))
        : key.GetHashCode());

    public OrderedDictionary<object, object?> Items { get; } = new(s_keys);

    /// <summary>The attributes of a state dictionary, in addition to its items: PyTorch's <c>_metadata</c>.</summary>
    public PickleDictionary? Attributes { get; set; }

    public object? this[string key] => Items.TryGetValue(key, out var value) ? value : null;
}

/// <summary>A set. It is never searched for tensors.</summary>
internal sealed record PickleSet(List<object?> Items);

/// <summary>A device, or another known value that contains no tensors.</summary>
internal sealed record PickleInert
{
    public static PickleInert Instance { get; } = new();
}

/// <summary>An object of a module class: the name of the class and the attributes of the object, without behaviour.</summary>
internal sealed class PickleModule(string @class)
{
    public string Class { get; } = @class;

    public PickleDictionary? State { get; set; }
}

/// <summary>A contiguous block of elements. Tensors are views of storages.</summary>
internal sealed class TensorStorage(string key, ElementType type, long count)
{
    public string Key { get; } = key;

    public ElementType Type { get; } = type;

    public long Count { get; } = count;

    /// <summary>The position of its first byte in the file; known after the pickle is read.</summary>
    public long Offset { get; set; }

    public long ByteLength => Count * Type.Size();
}

/// <summary>A view of a storage; it is verified to lie inside the storage. Offset and strides are in elements.</summary>
internal sealed record TensorView(TensorStorage Storage, long Offset, long[] Shape, long[] Strides)
{
    public bool IsEmpty => Shape.Contains(0);

    /// <summary>The number of elements from the first to the last, both included, with the gaps.</summary>
    public long Extent => IsEmpty ? 0 : 1 + Shape.Zip(Strides, (size, stride) => (size - 1) * stride).Sum();

    /// <summary>Whether the elements are row-major without gaps. The stride of a dimension of size 1 is ignored.</summary>
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
