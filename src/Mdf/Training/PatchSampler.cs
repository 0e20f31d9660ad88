using System.Runtime.InteropServices;
using Mdf.Distortions;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>What a network is trained on in one step.</summary>
/// <param name="Distorted">Shape <c>(N, 3, P / factor, P / factor)</c>.</param>
/// <param name="Reference">Shape <c>(N, 3, P, P)</c>, in [0, 1].</param>
public sealed record TrainingBatch(Tensor Distorted, Tensor Reference) : IDisposable
{
    /// <summary>Frees both.</summary>
    public void Dispose()
    {
        Distorted.Dispose();
        Reference.Dispose();
    }
}

/// <summary>
/// Cuts patches out of photographs at random and distorts them. Batch i is a function of the seed and of i alone: training can go on from any
/// iteration with nothing else remembered.
/// </summary>
public sealed class PatchSampler
{
    private static readonly float[] s_values = [.. Enumerable.Range(0, 256).Select(level => level / 255f)];

    private readonly TrainingImages _images;
    private readonly Distortion _distortion;
    private readonly SamplingOptions _options;
    private readonly int _batch;
    private readonly long _seed;

    /// <summary>Creates the sampler.</summary>
    /// <param name="images">The photographs.</param>
    /// <param name="distortion">What the network learns to undo.</param>
    /// <param name="options">How large patches are, and whether they are turned.</param>
    /// <param name="batch">Patches in a batch, at least 1.</param>
    /// <param name="seed">The seed of everything that is drawn.</param>
    /// <exception cref="Runtime.InputException">The patch's side is no multiple of the distortion's factor.</exception>
    public PatchSampler(TrainingImages images, Distortion distortion, SamplingOptions options, int batch, long seed)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(distortion);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        if (options.Patch % distortion.Factor != 0)
            throw new Runtime.InputException($"expected a patch whose side is a multiple of {distortion.Factor} for the task {distortion.Task}, found {options.Patch}");
        (_images, _distortion, _options, _batch, _seed) = (images, distortion, options, batch, seed);
    }

    /// <summary>One batch, on the CPU.</summary>
    /// <param name="index">Which; from 0.</param>
    /// <returns>The batch, which belongs to the caller and to no dispose scope.</returns>
    public TrainingBatch Sample(long index)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(Seeds.Of(_seed, index));
        const int draws = 4; // image, row, column, orientation
        var drawn = rand([_batch, draws], ScalarType.Float64, generator: random).data<double>().ToArray();
        var side = _options.Patch;
        // Written where it stays: arrays of this size would have the collector look at everything, once a batch.
        var reference = empty([_batch, 3, side, side], ScalarType.Float32);
        var pixels = MemoryMarshal.Cast<byte, float>(reference.bytes);
        for (var i = 0; i < _batch; i++)
        {
            var image = _images.Images[Below(drawn[i * draws], _images.Count)];
            var top = Below(drawn[i * draws + 1], image.Height - side + 1);
            var left = Below(drawn[i * draws + 2], image.Width - side + 1);
            var orientation = _options.Augment ? Below(drawn[i * draws + 3], Orientation.Count) : 0;
            Cut(image, top, left, side, new Orientation(orientation), pixels.Slice(i * 3 * side * side, 3 * side * side));
        }

        return new TrainingBatch(_distortion.Apply(reference, random).DetachFromDisposeScope(), reference.DetachFromDisposeScope());
    }

    private static int Below(double drawn, int count) => (int)(drawn * count);

    private static void Cut(TrainingImage image, int top, int left, int side, Orientation orientation, Span<float> patch)
    {
        var (first, down, right) = orientation.Path(side, image.Width);
        for (var channel = 0; channel < 3; channel++)
        {
            var source = (channel * image.Height + top) * image.Width + left + first;
            for (var y = 0; y < side; y++)
            {
                var row = patch.Slice((channel * side + y) * side, side);
                for (var x = 0; x < row.Length; x++)
                    row[x] = s_values[image.Pixels[source + y * down + x * right]];
            }
        }
    }

    /// <summary>One of the eight ways in which a square can lie.</summary>
    private readonly record struct Orientation(int Index)
    {
        public const int Count = 8;

        /// <summary>Where the pixels of the turned patch come from.</summary>
        /// <param name="side">The side of the patch.</param>
        /// <param name="width">Pixels in a row of the photograph.</param>
        /// <returns>The place of its first pixel, and the steps from there to the pixel below and to the next one of the row, in the photograph.</returns>
        public (int First, int Down, int Right) Path(int side, int width)
        {
            var (down, right) = (Index & 4) != 0 ? (1, width) : (width, 1);
            var first = 0;
            if ((Index & 1) != 0)
                (first, right) = (first + (side - 1) * right, -right);
            if ((Index & 2) != 0)
                (first, down) = (first + (side - 1) * down, -down);
            return (first, down, right);
        }
    }
}
