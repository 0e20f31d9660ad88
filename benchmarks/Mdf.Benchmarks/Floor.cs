using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>
/// The arithmetic floor of the loss with a prepared reference: every convolution that leads there and back again, each timed alone by libtorch,
/// by its definition (not Winograd's), in the layout and the size of pieces that it is fastest in.
/// </summary>
internal sealed class Floor
{
    private const int Piece = 128;

    private readonly List<(Action Run, double Times)> _best = [];

    /// <summary>Finds the fastest way for every kind of convolution.</summary>
    /// <param name="widths">The hidden channels of each scale.</param>
    /// <param name="work">The images.</param>
    /// <param name="type">The type to compute in.</param>
    public Floor(IReadOnlyList<int> widths, Workload work, ScalarType type)
    {
        foreach (var scales in widths.GroupBy(width => width))
        {
            var width = scales.Key;
            // Channels in and out, how much smaller than the image the input is, padding: there, then back.
            foreach (var (inputs, outputs, less, padding) in new[]
            {
                (3, width, 0, 0), (width, width, 2, 0), (width, width, 4, 0), (width, width, 6, 0), (width, 1, 8, 0),
                (1, width, 10, 2), (width, width, 8, 2), (width, width, 6, 2), (width, width, 4, 2), (width, 3, 2, 2),
            })
            {
                var whole = (double)Pixels(work.Batch, work.Height, work.Width);
                var candidates = Pieces(work).SelectMany(piece => new[] { false, true }.Select(isLast => (
                    Run: Convolution(inputs, outputs, padding, piece.Batch, piece.Height - less, piece.Width - less, type, isLast),
                    Times: whole / Pixels(piece.Batch, piece.Height, piece.Width)))).ToArray();
                var times = Timing.Medians([.. candidates.Select(candidate => candidate.Run)], rounds: 3, tells: false);
                var best = Enumerable.Range(0, candidates.Length).MinBy(i => times[i] * candidates[i].Times);
                _best.Add((candidates[best].Run, candidates[best].Times * scales.Count()));

                long Pixels(int batch, int height, int width) => (long)batch * (height - less) * (width - less);
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

    /// <summary>The whole, and a piece that stays in the caches.</summary>
    private static IEnumerable<(int Batch, int Height, int Width)> Pieces(Workload work)
    {
        yield return (work.Batch, work.Height, work.Width);
        if (work.Batch > 1 || work.Height > Piece || work.Width > Piece)
            yield return (1, Math.Min(work.Height, Piece), Math.Min(work.Width, Piece));
    }

    private static Action Convolution(int inputs, int outputs, int padding, int batch, int height, int width, ScalarType type, bool isChannelsLast)
    {
        var image = Arrange(rand(batch, inputs, height, width));
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
