using Mdf.Kernels;

namespace Mdf.Training.Adversarial;

/// <summary>Sums over a map, channel by channel: each unit of work makes its own in float32, and they are added in the units' order in float64.</summary>
internal sealed unsafe class ChannelSums : IDisposable
{
    private const int Most = 3;

    private readonly int _channels;
    private NativeBuffer _totals;

    /// <summary>Allocates.</summary>
    /// <param name="channels">Channels.</param>
    /// <param name="units">About how many units there will be.</param>
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

    /// <summary>The sums of one unit, one after the other.</summary>
    public float* Of(int unit) => _totals.Pointer + (nint)unit * Most * _channels;

    /// <summary>Adds the units up.</summary>
    /// <param name="from">The first unit.</param>
    /// <param name="to">The first that does not count.</param>
    /// <param name="sums">How many sums of each channel there are.</param>
    /// <returns>By sum, by channel.</returns>
    public double[][] Total(int from, int to, int sums)
    {
        var result = new double[sums][];
        for (var i = 0; i < sums; i++)
        {
            result[i] = new double[_channels];
            for (var unit = from; unit < to; unit++)
            {
                var values = Of(unit) + i * _channels;
                for (var channel = 0; channel < _channels; channel++)
                    result[i][channel] += values[channel];
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public void Dispose() => _totals.Dispose();
}
