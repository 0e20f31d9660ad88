using Mdf.Discriminators;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>Plans phase 1 for a photograph: its pyramid, and how many scales are trained.</summary>
internal static class LossPlan
{
    // In at least one channel, the difference between the brightest and the darkest pixel must be this large. Otherwise there is nothing to learn.
    private const double LeastContrast = 2.0 / 255;

    /// <summary>Checks that a photograph can be used for training, and plans its scales.</summary>
    /// <param name="photo">The photograph, shape <c>(1, 3, H, W)</c> in [0, 1].</param>
    /// <param name="options">The options of the training.</param>
    /// <returns>The plan of the whole pyramid, and the number of scales to train.</returns>
    /// <exception cref="ArgumentException">The tensor is not one photograph in float32, or is not in [0, 1].</exception>
    /// <exception cref="InputException">The photograph is too small, has fewer scales than requested, or has only one colour.</exception>
    public static (PyramidPlan Plan, int Scales) For(Tensor photo, LossTrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(photo);
        ArgumentNullException.ThrowIfNull(options);
        if (photo.shape is not [1, 3, _, _] || photo.dtype != ScalarType.Float32)
            throw new ArgumentException($"expected one photograph of shape (1, 3, H, W) in float32, found {photo.dtype} ({string.Join(", ", photo.shape)})", nameof(photo));
        var size = new ImageSize((int)photo.shape[2], (int)photo.shape[3]);
        var plan = PyramidPlan.For(size, options.MaxSize);
        var scales = options.Scales ?? Math.Min(plan.Count, Losses.MdfLoss.DefaultNumScales);
        if (scales > plan.Count)
        {
            throw new InputException($"expected at most {plan.Count} scales for a photograph of {size} (longer side at most {options.MaxSize}), "
                + $"found {scales}: use fewer scales, or a larger photograph");
        }

        using var scope = NewDisposeScope();
        var (low, high) = (Values(photo.amin(2, 3)), Values(photo.amax(2, 3)));
        if (!low.Zip(high).All(pair => pair.First >= 0 && pair.Second <= 1))
            throw new ArgumentException($"expected a photograph in [0, 1], found values from {low.Min()} to {high.Max()}: divide it by the largest value of its type", nameof(photo));
        if (low.Zip(high).All(pair => pair.Second - pair.First < LeastContrast))
            throw new InputException("expected a photograph with detail to learn from, found only one colour: use another photograph");
        return (plan, scales);

        static float[] Values(Tensor values) => values.flatten().cpu().data<float>().ToArray();
    }
}
