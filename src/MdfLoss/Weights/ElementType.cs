#pragma warning disable CA1720 // The members have type names on purpose: PyTorch, safetensors and TorchSharp use these names.

namespace Mdf.Weights;

/// <summary>The type of one element of a stored tensor. These are the types that safetensors, PyTorch and TorchSharp have in common.</summary>
internal enum ElementType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,

    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8,

    /// <summary>Signed 8-bit integer.</summary>
    Int8,

    /// <summary>Signed 16-bit integer.</summary>
    Int16,

    /// <summary>Signed 32-bit integer.</summary>
    Int32,

    /// <summary>Signed 64-bit integer.</summary>
    Int64,

    /// <summary>16-bit float: IEEE 754 half precision.</summary>
    Float16,

    /// <summary>bfloat16: the upper 16 bits of a <see cref="Float32"/>.</summary>
    BFloat16,

    /// <summary>32-bit float: IEEE 754 single precision.</summary>
    Float32,

    /// <summary>64-bit float: IEEE 754 double precision.</summary>
    Float64,
}
