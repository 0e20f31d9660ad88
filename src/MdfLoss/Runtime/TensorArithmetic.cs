using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>TorchSharp's operations with numbers, under its names in Pascal case: the number is held for as long as libtorch reads it.</summary>
/// <remarks>
/// <para>
/// TorchSharp's own (0.107) take a number as a <see cref="Scalar"/>, hand its address to libtorch and never touch it again. Its finalizer may then free it
/// while libtorch reads it, if another thread sets off a garbage collection just then. Trainings ended so, about once in 8,000 steps of EDSR, with
/// "Expected false to be true" or "Unknown scalar type"; where another number had taken the place by then, nobody would notice. Some numbers are not even
/// seen: <c>x + y</c> and <c>x.add_(y)</c> make the factor of y, <c>x.square()</c> the exponent, <c>x.ToDouble()</c> what it reads from.
/// </para>
/// <para>Here a number is disposed of after the call, so that it cannot be freed before. A test reads the compiled code for what goes around these methods.</para>
/// </remarks>
internal static class TensorArithmetic
{
    /// <summary>x + factor · y.</summary>
    public static Tensor Add(this Tensor x, Tensor y, double factor = 1)
    {
        using var held = factor.ToScalar();
        return x.add(y, held);
    }

    /// <summary>x + y.</summary>
    public static Tensor Add(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        using var factor = 1.0.ToScalar();
        return x.add(held, factor);
    }

    /// <summary>x + factor · y, in place.</summary>
    public static Tensor Add_(this Tensor x, Tensor y, double factor = 1)
    {
        using var held = factor.ToScalar();
        return x.add_(y, held);
    }

    /// <summary>x − y.</summary>
    public static Tensor Sub(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.sub(held);
    }

    /// <summary>y − x.</summary>
    public static Tensor SubFrom(this Tensor x, double y) => x.neg().Add(y);

    /// <summary>x · y.</summary>
    public static Tensor Mul(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.mul(held);
    }

    /// <summary>x · y, in place.</summary>
    public static Tensor Mul_(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.mul_(held);
    }

    /// <summary>x / y.</summary>
    public static Tensor Div(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.div(held);
    }

    /// <summary>x / y, in place.</summary>
    public static Tensor Div_(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.div_(held);
    }

    /// <summary>x + factor · y · z, in place.</summary>
    public static Tensor AddCMul_(this Tensor x, Tensor y, Tensor z, double factor = 1)
    {
        using var held = factor.ToScalar();
        return x.addcmul_(y, z, held);
    }

    /// <summary>xᵖ.</summary>
    public static Tensor Pow(this Tensor x, double power)
    {
        using var held = power.ToScalar();
        return x.pow(held);
    }

    /// <summary>x².</summary>
    public static Tensor Square(this Tensor x) => x.Pow(2);

    /// <summary>min(max(x, low), high).</summary>
    public static Tensor Clamp(this Tensor x, double low, double high)
    {
        using var least = low.ToScalar();
        using var most = high.ToScalar();
        return x.clamp(least, most);
    }

    /// <summary>min(max(x, low), high), in place.</summary>
    public static Tensor Clamp_(this Tensor x, double low, double high)
    {
        using var least = low.ToScalar();
        using var most = high.ToScalar();
        return x.clamp_(least, most);
    }

    /// <summary>max(x, low).</summary>
    public static Tensor ClampMin(this Tensor x, double low)
    {
        using var held = low.ToScalar();
        return x.clamp_min(held);
    }

    /// <summary>min(x, high).</summary>
    public static Tensor ClampMax(this Tensor x, double high)
    {
        using var held = high.ToScalar();
        return x.clamp_max(held);
    }

    /// <summary>max(x, 0) + slope · min(x, 0).</summary>
    public static Tensor LeakyRelu(this Tensor x, double slope)
    {
        using var held = slope.ToScalar();
        return x.leaky_relu(held);
    }

    /// <summary>max(x, 0) + slope · min(x, 0), in place.</summary>
    public static Tensor LeakyRelu_(this Tensor x, double slope)
    {
        using var held = slope.ToScalar();
        return x.leaky_relu_(held);
    }

    /// <summary>x &gt; y.</summary>
    public static Tensor Gt(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.gt(held);
    }

    /// <summary>x &lt; y.</summary>
    public static Tensor Lt(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.lt(held);
    }

    /// <summary>x = y.</summary>
    public static Tensor Eq(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.eq(held);
    }

    /// <summary>y everywhere, in place.</summary>
    public static Tensor Fill_(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.fill_(held);
    }

    /// <summary>The number in a tensor that holds one, of any type.</summary>
    public static double Number(this Tensor x)
    {
        using var held = x.ToScalar();
        return held.ToDouble();
    }
}
