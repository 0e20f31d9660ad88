using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>The running mean of the elements of maps that are added one after the other. The sum is in double precision.</summary>
internal sealed class RunningMean
{
    private double _sum;
    private long _count;

    /// <summary>The mean of all elements so far; NaN if there are none.</summary>
    public double Value => _sum / _count;

    /// <summary>Adds the elements of a map.</summary>
    /// <param name="map">Any shape, floating point, on any device.</param>
    public void Add(Tensor map)
    {
        using var sum = map.sum(ScalarType.Float64);
        (_sum, _count) = (_sum + sum.Number(), _count + map.numel());
    }
}
