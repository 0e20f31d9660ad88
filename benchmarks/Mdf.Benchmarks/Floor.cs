using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>
/// The arithmetic floor of the loss with a prepared reference: every convolution that leads there and back again, each timed alone by libtorch,
/// by its definition (not Winograd's), in the layout and the size of pieces that it is fastest in.
/// </summary>
internal sealed class Floor
{
    private readonly List<(Action Run, int Times)> _best = [];

    /// <summary>Finds the fastest way for every kind of convolution.</summary>
    /// <param name="widths">The hidden channels of each scale.</param>
    /// <param name="work">The images.</param>
    /// <param name="type">The type to compute in.</param>
    public Floor(IReadOnlyList<int> widths, Workload work, ScalarType type)
    {
        foreach (var scales in widths.GroupBy(width => width))
        {
            foreach (var (inputs, outputs, padding, count) in new[]
            {
                (3, scales.Key, 0, 1), (scales.Key, scales.Key, 0, 3), (scales.Key, 1, 0, 1), (1, scales.Key, 2, 1), (scales.Key, scales.Key, 2, 3), (scales.Key, 3, 2, 1),
            })
            {
                var candidates = Pieces(work).SelectMany(piece => new[] { false, true }.Select(isLast => (
                    Run: Convolution(inputs, outputs, padding, piece, type, isLast), piece.Count))).ToArray();
                var times = Timing.Medians([.. candidates.Select(candidate => candidate.Run)], rounds: 3, tells: false);
                var best = Enumerable.Range(0, candidates.Length).MinBy(i => times[i] * candidates[i].Count);
                _best.Add((candidates[best].Run, candidates[best].Count * count * scales.Count()));
            }
        }
    }

    /// <summary>Times every kind once.</summary>
    /// <returns>Their sum over the whole pass, in milliseconds.</returns>
    public double Measure()
    {
        var total = 0.0;
        foreach (var (run, times) in _best)
        {
            // The first call arranges what the operation before it left in the caches.
            total += times * Timing.Milliseconds(run, warmUps: 1);
        }

        return total;
    }

    /// <summary>The whole, and pieces that stay in the caches: how many pixels' worth of them make the whole.</summary>
    private static IEnumerable<(int Batch, int Height, int Width, int Count)> Pieces(Workload work)
    {
        yield return (work.Batch, work.Height, work.Width, 1);
        if (work.Batch > 1)
            yield return (1, work.Height, work.Width, work.Batch);
        const int side = 128;
        if (work.Batch == 1 && work.Height % side == 0 && work.Width % side == 0)
            yield return (1, side, side, work.Height / side * (work.Width / side));
    }

    private static Action Convolution(
        int inputs, int outputs, int padding, (int Batch, int Height, int Width, int Count) piece, ScalarType type, bool isChannelsLast)
    {
        var image = Arrange(rand(piece.Batch, inputs, piece.Height, piece.Width));
        var weight = Arrange(rand(outputs, inputs, 3, 3));
        return () => nn.functional.conv2d(image, weight, padding: [padding, padding]);

        Tensor Arrange(Tensor values)
        {
            using var scope = NewDisposeScope();
            var typed = values.to(type);
            return (isChannelsLast ? typed.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : typed.contiguous()).DetachFromDisposeScope();
        }
    }
}
