using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>The optimizer Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015), with PyTorch's order of operations.</summary>
internal static unsafe class Adam<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const double Epsilon = 1e-8; // PyTorch's default

    /// <summary>Runs one step.</summary>
    /// <param name="values">The parameters.</param>
    /// <param name="gradient">The gradient of the parameters.</param>
    /// <param name="first">The moving average of the gradient.</param>
    /// <param name="second">The moving average of the squared gradient.</param>
    /// <param name="length">The number of parameters; it is rounded up to whole vectors.</param>
    /// <param name="rate">The learning rate, and the decays of the two averages.</param>
    /// <param name="steps">The number of steps so far, including this one.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Step(float* values, float* gradient, float* first, float* second, int length, (double LearningRate, double Beta1, double Beta2) rate, long steps)
    {
        var (beta1, rest1) = (TLanes.Fill((float)rate.Beta1), TLanes.Fill((float)(1 - rate.Beta1)));
        var (beta2, rest2) = (TLanes.Fill((float)rate.Beta2), TLanes.Fill((float)(1 - rate.Beta2)));
        var size = TLanes.Fill((float)(rate.LearningRate / (1 - Math.Pow(rate.Beta1, steps))));
        var correction = TLanes.Fill((float)Math.Sqrt(1 - Math.Pow(rate.Beta2, steps)));
        var epsilon = TLanes.Fill((float)Epsilon);
        for (nint i = 0; i < length; i += TLanes.Count)
        {
            var g = TLanes.Load(gradient + i);
            var m = TLanes.MultiplyAdd(rest1, g, beta1 * TLanes.Load(first + i));
            var v = TLanes.MultiplyAdd(rest2 * g, g, beta2 * TLanes.Load(second + i));
            m.Store(first + i);
            v.Store(second + i);
            (TLanes.Load(values + i) - size * m / (TLanes.Sqrt(v) / correction + epsilon)).Store(values + i);
        }
    }
}
