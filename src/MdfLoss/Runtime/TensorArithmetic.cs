using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>
/// Operations between a tensor and a number. Their names are TorchSharp's names in Pascal case. Each operation holds the number while libtorch reads it;
/// TorchSharp's own operations do not.
/// </summary>
/// <remarks>
/// <para> TorchSharp (0.107) takes a number as a <see cref="Scalar"/>, passes its address to libtorch, and does not use it after that. If another thread starts
/// a garbage collection at this moment, the finalizer may free the number while libtorch reads it. Then a training ends with "Expected false to be true" or
/// "Unknown scalar type", or computes with another value that is now at this address. In normal trainings this happened about once in 8,000 steps. </para>
/// <para> Some numbers are hidden: <c>x + y</c> and <c>x.add_(y)</c> create the factor of y, <c>x.square()</c> creates the exponent, and <c>x.ToDouble()</c>
/// creates the number that it reads. <c>x - y</c>, <c>x * y</c> and <c>x / y</c> of two tensors pass no number, so they are safe. <c>x.item&lt;float&gt;()</c>
/// is also safe. </para>
/// <para>For other operations, hold the number yourself: <c>using var half = 0.5.ToScalar(); var y = x.remainder(half);</c>. For training, <see cref="Adam"/>
/// replaces <c>torch.optim.Adam</c>.</para>
/// </remarks>
public static class TensorArithmetic
{
    /// <summary>x + factor · y. Replaces <c>x + y</c>, <c>x.add(y, factor)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="y">A tensor whose shape broadcasts with the shape of x.</param>
    /// <param name="factor">The factor of y. Default: 1.</param>
    /// <returns>A new tensor of the shape that x and y broadcast to.</returns>
    public static Tensor Add(this Tensor x, Tensor y, double factor = 1)
    {
        using var held = factor.ToScalar();
        return x.add(y, held);
    }

    /// <summary>x + y. Replaces <c>x + 0.5</c>, <c>x.add(0.5)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="y">A number.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor Add(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        using var factor = 1.0.ToScalar();
        return x.add(held, factor);
    }

    /// <summary>x + factor · y, in place. Replaces <c>x.add_(y)</c>, <c>x.add_(y, factor)</c>.</summary>
    /// <param name="x">A tensor of any shape, which changes.</param>
    /// <param name="y">A tensor whose shape broadcasts with the shape of x.</param>
    /// <param name="factor">The factor of y. Default: 1.</param>
    /// <returns>x itself; its shape does not change.</returns>
    public static Tensor Add_(this Tensor x, Tensor y, double factor = 1)
    {
        using var held = factor.ToScalar();
        return x.add_(y, held);
    }

    /// <summary>x − y. Replaces <c>x - 0.5</c>, <c>x.sub(0.5)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="y">A number.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor Sub(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.sub(held);
    }

    /// <summary>y − x. Replaces <c>1 - x</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="y">A number.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor SubFrom(this Tensor x, double y) => x.neg().Add(y);

    /// <summary>x · y. Replaces <c>x * 0.5</c>, <c>0.5 * x</c>, <c>x.mul(0.5)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="y">A number.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor Mul(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.mul(held);
    }

    /// <summary>x · y, in place. Replaces <c>x.mul_(0.5)</c>.</summary>
    /// <param name="x">A tensor of any shape, which changes.</param>
    /// <param name="y">A number.</param>
    /// <returns>x itself.</returns>
    public static Tensor Mul_(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.mul_(held);
    }

    /// <summary>x / y. Replaces <c>x / 2</c>, <c>x.div(2)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="y">A number.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor Div(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.div(held);
    }

    /// <summary>x / y, in place. Replaces <c>x.div_(2)</c>.</summary>
    /// <param name="x">A tensor of any shape, which changes.</param>
    /// <param name="y">A number.</param>
    /// <returns>x itself.</returns>
    public static Tensor Div_(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.div_(held);
    }

    /// <summary>x + factor · y · z, in place. Replaces <c>x.addcmul_(y, z, factor)</c>.</summary>
    /// <param name="x">A tensor of any shape, which changes.</param>
    /// <param name="y">A tensor whose shape broadcasts with the shape of x.</param>
    /// <param name="z">A tensor whose shape broadcasts with the shape of x.</param>
    /// <param name="factor">The factor of the product. Default: 1.</param>
    /// <returns>x itself; its shape does not change.</returns>
    public static Tensor AddCMul_(this Tensor x, Tensor y, Tensor z, double factor = 1)
    {
        using var held = factor.ToScalar();
        return x.addcmul_(y, z, held);
    }

    /// <summary>xᵖ. Replaces <c>x.pow(0.3)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="power">The exponent.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor Pow(this Tensor x, double power)
    {
        using var held = power.ToScalar();
        return x.pow(held);
    }

    /// <summary>x². Replaces <c>x.square()</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor Square(this Tensor x) => x.Pow(2);

    /// <summary>min(max(x, low), high). Replaces <c>x.clamp(0, 1)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="low">The least value.</param>
    /// <param name="high">The greatest value.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor Clamp(this Tensor x, double low, double high)
    {
        using var least = low.ToScalar();
        using var most = high.ToScalar();
        return x.clamp(least, most);
    }

    /// <summary>min(max(x, low), high), in place. Replaces <c>x.clamp_(0, 1)</c>.</summary>
    /// <param name="x">A tensor of any shape, which changes.</param>
    /// <param name="low">The least value.</param>
    /// <param name="high">The greatest value.</param>
    /// <returns>x itself.</returns>
    public static Tensor Clamp_(this Tensor x, double low, double high)
    {
        using var least = low.ToScalar();
        using var most = high.ToScalar();
        return x.clamp_(least, most);
    }

    /// <summary>max(x, low). Replaces <c>x.clamp_min(0)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="low">The least value.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor ClampMin(this Tensor x, double low)
    {
        using var held = low.ToScalar();
        return x.clamp_min(held);
    }

    /// <summary>min(x, high). Replaces <c>x.clamp_max(1)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="high">The greatest value.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor ClampMax(this Tensor x, double high)
    {
        using var held = high.ToScalar();
        return x.clamp_max(held);
    }

    /// <summary>max(x, 0) + slope · min(x, 0). Replaces <c>nn.functional.leaky_relu(x, slope)</c>, <c>x.leaky_relu(slope)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="slope">The slope below zero.</param>
    /// <returns>A new tensor of x's shape.</returns>
    public static Tensor LeakyRelu(this Tensor x, double slope)
    {
        using var held = slope.ToScalar();
        return x.leaky_relu(held);
    }

    /// <summary>max(x, 0) + slope · min(x, 0), in place. Replaces <c>x.leaky_relu_(slope)</c>.</summary>
    /// <param name="x">A tensor of any shape, which changes.</param>
    /// <param name="slope">The slope below zero.</param>
    /// <returns>x itself.</returns>
    public static Tensor LeakyRelu_(this Tensor x, double slope)
    {
        using var held = slope.ToScalar();
        return x.leaky_relu_(held);
    }

    /// <summary>x &gt; y. Replaces <c>x &gt; 0.5</c>, <c>x.gt(0.5)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="y">A number.</param>
    /// <returns>A new tensor of x's shape, of booleans.</returns>
    public static Tensor Gt(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.gt(held);
    }

    /// <summary>x &lt; y. Replaces <c>x &lt; 0.5</c>, <c>x.lt(0.5)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="y">A number.</param>
    /// <returns>A new tensor of x's shape, of booleans.</returns>
    public static Tensor Lt(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.lt(held);
    }

    /// <summary>x = y. Replaces <c>x == 0</c>, <c>x.eq(0)</c>.</summary>
    /// <param name="x">A tensor of any shape.</param>
    /// <param name="y">A number.</param>
    /// <returns>A new tensor of x's shape, of booleans.</returns>
    public static Tensor Eq(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.eq(held);
    }

    /// <summary>Sets every element to y, in place. Replaces <c>x.fill_(0.5)</c>.</summary>
    /// <param name="x">A tensor of any shape, which changes.</param>
    /// <param name="y">A number.</param>
    /// <returns>x itself.</returns>
    public static Tensor Fill_(this Tensor x, double y)
    {
        using var held = y.ToScalar();
        return x.fill_(held);
    }

    /// <summary>
    /// Returns the number in a tensor with one element. Replaces <c>x.ToDouble()</c>, <c>x.ToSingle()</c>. If the type is known, <c>x.item&lt;float&gt;()</c>
    /// is also safe.
    /// </summary>
    /// <param name="x">A tensor with one element, of any type and shape.</param>
    /// <returns>Its value.</returns>
    public static double Number(this Tensor x)
    {
        using var held = x.ToScalar();
        return held.ToDouble();
    }
}
