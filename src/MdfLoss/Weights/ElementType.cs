#pragma warning disable CA1720 // These are types: PyTorch's and safetensors' names for them, which TorchSharp uses too.

namespace Mdf.Weights;

/// <summary>What one element of a stored tensor is: the types that safetensors, PyTorch and TorchSharp share.</summary>
public enum ElementType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,

    /// <summary>Unsigned 8-bit whole number.</summary>
    UInt8,

    /// <summary>Signed 8-bit whole number.</summary>
    Int8,

    /// <summary>Signed 16-bit whole number.</summary>
    Int16,

    /// <summary>Signed 32-bit whole number.</summary>
    Int32,

    /// <summary>Signed 64-bit whole number.</summary>
    Int64,

    /// <summary>IEEE 754 half precision.</summary>
    Float16,

    /// <summary>The upper half of a <see cref="Float32"/>.</summary>
    BFloat16,

    /// <summary>IEEE 754 single precision.</summary>
    Float32,

    /// <summary>IEEE 754 double precision.</summary>
    Float64,
}
