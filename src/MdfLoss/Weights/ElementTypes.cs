using static TorchSharp.torch;

namespace Mdf.Weights;

/// <summary>The size of each <see cref="ElementType"/>, and its names in safetensors, PyTorch and TorchSharp.</summary>
internal static class ElementTypes
{
    /// <summary>The size of one element in bytes: 1, 2, 4 or 8.</summary>
    /// <param name="type">The type.</param>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.Bool or ElementType.UInt8 or ElementType.Int8 => 1,
        ElementType.Int16 or ElementType.Float16 or ElementType.BFloat16 => 2,
        ElementType.Int32 or ElementType.Float32 => 4,
        ElementType.Int64 or ElementType.Float64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>Whether the elements are floating-point numbers.</summary>
    /// <param name="type">The type.</param>
    public static bool IsFloatingPoint(this ElementType type) =>
        type is ElementType.Float16 or ElementType.BFloat16 or ElementType.Float32 or ElementType.Float64;

    /// <summary>The name of the type in a safetensors header, such as <c>F32</c>.</summary>
    /// <param name="type">The type.</param>
    public static string SafetensorsName(this ElementType type) => type switch
    {
        ElementType.Bool => "BOOL",
        ElementType.UInt8 => "U8",
        ElementType.Int8 => "I8",
        ElementType.Int16 => "I16",
        ElementType.Int32 => "I32",
        ElementType.Int64 => "I64",
        ElementType.Float16 => "F16",
        ElementType.BFloat16 => "BF16",
        ElementType.Float32 => "F32",
        ElementType.Float64 => "F64",
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>Finds the type that a safetensors header calls <paramref name="name"/>; null if it is not one of <see cref="ElementType"/>.</summary>
    /// <param name="name">A name such as <c>F32</c>.</param>
    public static ElementType? FromSafetensorsName(string name)
    {
        foreach (var type in Enum.GetValues<ElementType>())
        {
            if (type.SafetensorsName() == name)
                return type;
        }

        return null;
    }

    /// <summary>The name of PyTorch's storage class in a checkpoint, such as <c>FloatStorage</c>.</summary>
    internal static string StorageClass(this ElementType type) => type switch
    {
        ElementType.Bool => "BoolStorage",
        ElementType.UInt8 => "ByteStorage",
        ElementType.Int8 => "CharStorage",
        ElementType.Int16 => "ShortStorage",
        ElementType.Int32 => "IntStorage",
        ElementType.Int64 => "LongStorage",
        ElementType.Float16 => "HalfStorage",
        ElementType.BFloat16 => "BFloat16Storage",
        ElementType.Float32 => "FloatStorage",
        ElementType.Float64 => "DoubleStorage",
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    internal static ScalarType ScalarType(this ElementType type) => type switch
    {
        ElementType.Bool => TorchSharp.torch.ScalarType.Bool,
        ElementType.UInt8 => TorchSharp.torch.ScalarType.Byte,
        ElementType.Int8 => TorchSharp.torch.ScalarType.Int8,
        ElementType.Int16 => TorchSharp.torch.ScalarType.Int16,
        ElementType.Int32 => TorchSharp.torch.ScalarType.Int32,
        ElementType.Int64 => TorchSharp.torch.ScalarType.Int64,
        ElementType.Float16 => TorchSharp.torch.ScalarType.Float16,
        ElementType.BFloat16 => TorchSharp.torch.ScalarType.BFloat16,
        ElementType.Float32 => TorchSharp.torch.ScalarType.Float32,
        ElementType.Float64 => TorchSharp.torch.ScalarType.Float64,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    internal static ElementType? FromScalarType(ScalarType scalarType)
    {
        foreach (var type in Enum.GetValues<ElementType>())
        {
            if (type.ScalarType() == scalarType)
                return type;
        }

        return null;
    }
}
