using Mdf.Distortions;
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
        using var random = new Generator(Mix(_seed, index));
        const int draws = 4; // image, row, column, orientation
        var drawn = rand([_batch, draws], ScalarType.Float64, generator: random).data<double>().ToArray();
        var side = _options.Patch;
        var pixels = new float[_batch * 3 * side * side];
        for (var i = 0; i < _batch; i++)
        {
            var image = _images.Images[Below(drawn[i * draws], _images.Count)];
            var top = Below(drawn[i * draws + 1], image.Height - side + 1);
            var left = Below(drawn[i * draws + 2], image.Width - side + 1);
            var orientation = _options.Augment ? Below(drawn[i * draws + 3], Orientation.Count) : 0;
            Cut(image, top, left, side, new Orientation(orientation), pixels.AsSpan(i * 3 * side * side, 3 * side * side));
        }

        var reference = tensor(pixels, [_batch, 3, side, side]);
        return new TrainingBatch(_distortion.Apply(reference, random).DetachFromDisposeScope(), reference.DetachFromDisposeScope());
    }

    private static int Below(double drawn, int count) => (int)(drawn * count);

    private static void Cut(TrainingImage image, int top, int left, int side, Orientation orientation, Span<float> patch)
    {
        for (var channel = 0; channel < 3; channel++)
        {
            var plane = image.Pixels.AsSpan(channel * image.Height * image.Width, image.Height * image.Width);
            for (var y = 0; y < side; y++)
            {
                for (var x = 0; x < side; x++)
                {
                    var (row, column) = orientation.Source(y, x, side);
                    patch[(channel * side + y) * side + x] = plane[(top + row) * image.Width + left + column] / 255f;
                }
            }
        }
    }

    /// <summary>A seed for libtorch's generator, which looks at 32 bits of it: those of neighbouring batches have nothing in common.</summary>
    /// <remarks>The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).</remarks>
    private static ulong Mix(long seed, long index)
    {
        var z = unchecked((ulong)seed * 0x9E3779B97F4A7C15 + (ulong)index + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (z ^ (z >> 31)) & uint.MaxValue;
    }

    /// <summary>One of the eight ways in which a square can lie.</summary>
    private readonly record struct Orientation(int Index)
    {
        public const int Count = 8;

        /// <summary>Where a pixel of the turned patch comes from.</summary>
        public (int Row, int Column) Source(int y, int x, int side)
        {
            if ((Index & 1) != 0)
                x = side - 1 - x;
            if ((Index & 2) != 0)
                y = side - 1 - y;
            return (Index & 4) != 0 ? (x, y) : (y, x);
        }
    }
}
