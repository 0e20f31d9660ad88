using Mdf.Losses.Features;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses.Features;

/// <summary>Weights of networks by a formula: of convolution j (from 0), w[i] = sin(0.37·i + j)·√(2/fan-in)·√2 and b[k] = 0.01·cos(0.11·k + j), computed in float64 and rounded to float32.</summary>
internal static class FormulaWeights
{
    public static Trunk Trunk(TrunkDescription description, IReadOnlyList<string> taps)
    {
        var keys = description.Weights.Select(weight => weight.Key).ToList();
        return new Trunk(description, taps, weight => Tensor(weight, keys.IndexOf(weight.Key) / 2));
    }

    /// <summary>The tensors of a whole network, in the order of its layers.</summary>
    public static IReadOnlyDictionary<string, StoredTensor> Stored(TrunkDescription description) => description.Weights
        .Select((weight, i) => (weight.Key, Tensor: Tensor(weight, i / 2)))
        .ToDictionary(entry => entry.Key, entry => StoredTensor.From(entry.Tensor));

    private static Tensor Tensor(TrunkWeight weight, int index)
    {
        var count = weight.Shape.Aggregate(1L, (product, size) => product * size);
        var fanIn = count / weight.Shape[0];
        var values = new float[count];
        for (var i = 0L; i < count; i++)
            values[i] = (float)(weight.Shape.Length > 1 ? Math.Sin(0.37 * i + index) * Math.Sqrt(2.0 / fanIn) * Math.Sqrt(2) : 0.01 * Math.Cos(0.11 * i + index));
        return tensor(values, weight.Shape);
    }
}
