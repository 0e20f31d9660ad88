using Mdf.Discriminators;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>Plans phase 1 for a photograph: its pyramid, and how many scales are trained.</summary>
public static class LossPlan
{
    // The darkest and the brightest pixel of a channel are at least so far apart in one channel of a photograph from which something can be learnt.
    private const double LeastContrast = 2.0 / 255;

    /// <summary>Checks that a photograph can be trained on, and plans its scales.</summary>
    /// <param name="photo">The photograph, shape <c>(1, 3, H, W)</c> in [0, 1].</param>
    /// <param name="options">What is asked for.</param>
    /// <returns>The plan of the whole pyramid, and how many of its scales are to be trained.</returns>
    /// <exception cref="InputException">The photograph is not one in [0, 1], is too small, has fewer scales than asked for, or is all one colour.</exception>
    public static (PyramidPlan Plan, int Scales) For(Tensor photo, LossTrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(photo);
        ArgumentNullException.ThrowIfNull(options);
        if (photo.shape is not [1, 3, _, _] || photo.dtype != ScalarType.Float32)
            throw new InputException($"expected one photograph of shape (1, 3, H, W) in float32, found {photo.dtype} ({string.Join(", ", photo.shape)})");
        var size = new ImageSize((int)photo.shape[2], (int)photo.shape[3]);
        var plan = PyramidPlan.For(size, options.MaxSize);
        var scales = options.Scales ?? Math.Min(plan.Count, Losses.MdfLoss.DefaultNumScales);
        if (scales > plan.Count)
        {
            throw new InputException($"expected at most {plan.Count} scales for a photograph of {size} (longer side at most {options.MaxSize}), "
                + $"found {scales}: ask for fewer, or use a larger photograph");
        }

        using var scope = NewDisposeScope();
        var (low, high) = (Of(photo.amin(2, 3)), Of(photo.amax(2, 3)));
        if (!low.Zip(high).All(pair => pair.First >= 0 && pair.Second <= 1))
            throw new InputException($"expected a photograph in [0, 1], found values from {low.Min()} to {high.Max()}: divide it by its maximum");
        if (low.Zip(high).All(pair => pair.Second - pair.First < LeastContrast))
            throw new InputException("expected a photograph from which something can be learnt, found one that is all one colour: use another");
        return (plan, scales);

        static float[] Of(Tensor values) => values.flatten().cpu().data<float>().ToArray();
    }
}
