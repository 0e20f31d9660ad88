using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests;

/// <summary>TorchSharp's operations that take numbers and that only tests need, under its names in Pascal case. Like <see cref="Mdf.Runtime.TensorArithmetic"/>, they hold the numbers for as long as libtorch reads them.</summary>
internal static class TestTensors
{
    /// <summary>A tensor of one value.</summary>
    public static Tensor Full(long[] size, double value, ScalarType dtype = ScalarType.Float32)
    {
        using var held = value.ToScalar();
        return full(size, held, dtype);
    }

    /// <summary>0, 1, … up to <paramref name="count"/> − 1.</summary>
    public static Tensor Arange(long count, ScalarType dtype)
    {
        using var first = 0L.ToScalar();
        using var end = count.ToScalar();
        using var step = 1L.ToScalar();
        return arange(first, end, step, dtype);
    }

    /// <summary>x + y, in place.</summary>
    public static Tensor Add_(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        using var factor = 1.0.ToScalar();
        return x.add_(held, factor);
    }
}
