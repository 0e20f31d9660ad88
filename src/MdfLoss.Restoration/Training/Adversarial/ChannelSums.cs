using Mdf.Kernels;

namespace Mdf.Training.Adversarial;

/// <summary>Sums over all pixels of a map v, per channel.</summary>
/// <param name="Values">Σ v.</param>
/// <param name="TimesZ">Σ v z, where z is the layer's output before batch norm.</param>
/// <param name="TimesP">Σ v p, where p is the gradient in the pass of the gradient penalty; null if nothing needs it.</param>
internal readonly record struct LayerSums(double[] Values, double[] TimesZ, double[]? TimesP = null);

/// <summary>Sums over a map, per channel. Each unit of work computes its own sums in float32. They are then added in float64, in the order of the units.</summary>
internal sealed unsafe class ChannelSums : IDisposable
{
    private const int Most = 3;

    private readonly int _channels;
    private NativeBuffer _totals;

    /// <summary>Allocates the sums.</summary>
    /// <param name="channels">The number of channels.</param>
    /// <param name="units">The approximate number of units.</param>
    public ChannelSums(int channels, int units)
    {
        _channels = channels;
        _totals = new NativeBuffer((long)units * Most * channels);
    }

    /// <summary>Sets the sums of all units to zero.</summary>
    public void Begin(int units)
    {
        if (_totals.Length < (long)units * Most * _channels)
        {
            _totals.Dispose();
            _totals = new NativeBuffer((long)units * Most * _channels);
        }

        new Span<float>(_totals.Pointer, units * Most * _channels).Clear();
    }

    /// <summary>The sums of one unit, in consecutive memory.</summary>
    public float* UnitSums(int unit) => _totals.Pointer + (nint)unit * Most * _channels;

    /// <summary>Adds the sums of the units.</summary>
    /// <param name="from">The first unit.</param>
    /// <param name="to">The unit after the last.</param>
    /// <param name="sums">The number of sums per channel.</param>
    /// <returns>The totals, by sum, then by channel.</returns>
    public double[][] Total(int from, int to, int sums)
    {
        var result = new double[sums][];
        for (var i = 0; i < sums; i++)
        {
            result[i] = new double[_channels];
            for (var unit = from; unit < to; unit++)
            {
                var values = UnitSums(unit) + i * _channels;
                for (var channel = 0; channel < _channels; channel++)
                    result[i][channel] += values[channel];
            }
        }

        return result;
    }

    /// <summary>Adds the sums of all units that one sink computed.</summary>
    /// <param name="units">The number of units.</param>
    /// <param name="sums">The number of sums per channel, in the order of <see cref="LayerSums"/>: 2 or 3.</param>
    public LayerSums LayerTotal(int units, int sums) => Total(0, units, sums) switch
    {
        [var values, var timesZ] => new LayerSums(values, timesZ),
        [var values, var timesZ, var timesP] => new LayerSums(values, timesZ, timesP),
        var other => throw new ArgumentOutOfRangeException(nameof(sums), other.Length, "expected 2 or 3 sums"),
    };

    /// <inheritdoc/>
    public void Dispose() => _totals.Dispose();
}
