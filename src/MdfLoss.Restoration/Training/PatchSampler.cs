using System.Runtime.InteropServices;
using Mdf.Distortions;
using Mdf.Imaging;
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
/// Cuts patches out of photographs at random, and distorts them or cuts their distorted versions out, too. Batch i is a function of the seed and of i alone: training can go on from any
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
        if (images.Images.Any(image => image.Distorted is null))
            distortion.RequireOperator();
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
        var cuts = Enumerable.Range(0, _batch).Select(i => Place(drawn.AsSpan(i * draws, draws))).ToArray();
        var reference = Cut(cuts, side, factor: 1, cut => cut.Image.Reference);
        var distorted = cuts.All(cut => cut.Image.Distorted is not null)
            ? Cut(cuts, side / _distortion.Factor, _distortion.Factor, cut => cut.Image.Distorted!)
            : Distort(cuts, reference, random);
        return new TrainingBatch(distorted.DetachFromDisposeScope(), reference.DetachFromDisposeScope());
    }

    private static int Below(double drawn, int count) => (int)(drawn * count);

    private static Tensor Cut(PatchPlace[] cuts, int side, int factor, Func<PatchPlace, TrainingPixels> pixelsOf)
    {
        // Written where it stays: arrays of this size would have the collector look at everything, once a batch.
        var patches = empty([cuts.Length, 3, side, side], ScalarType.Float32);
        var values = MemoryMarshal.Cast<byte, float>(patches.bytes);
        for (var i = 0; i < cuts.Length; i++)
            Cut(pixelsOf(cuts[i]), cuts[i].Top / factor, cuts[i].Left / factor, side, cuts[i].Orientation, values.Slice(i * 3 * side * side, 3 * side * side));
        return patches;
    }

    private static void Cut(TrainingPixels pixels, int top, int left, int side, Orientation orientation, Span<float> patch)
    {
        var (first, down, right) = orientation.Path(side, pixels.Width);
        for (var channel = 0; channel < 3; channel++)
        {
            var source = ((pixels.IsGrey ? 0 : channel) * pixels.Height + top) * pixels.Width + left + first;
            for (var y = 0; y < side; y++)
            {
                var row = patch.Slice((channel * side + y) * side, side);
                for (var x = 0; x < row.Length; x++)
                    row[x] = s_values[pixels.Levels[source + y * down + x * right]];
            }
        }
    }

    /// <summary>Where a patch comes from. Of pairs it begins at a pixel of the distorted picture.</summary>
    private PatchPlace Place(ReadOnlySpan<double> drawn)
    {
        var image = _images.Images[Below(drawn[0], _images.Count)];
        var (pixels, step) = image.Distorted is { } distorted ? (distorted, _distortion.Factor) : (image.Reference, 1);
        var side = _options.Patch / step;
        return new PatchPlace(
            image,
            Below(drawn[1], pixels.Height - side + 1) * step,
            Below(drawn[2], pixels.Width - side + 1) * step,
            new Orientation(_options.Augment ? Below(drawn[3], Orientation.Count) : 0));
    }

    /// <summary>Distorts patches: those of grey pictures as one channel, after the others.</summary>
    private Tensor Distort(PatchPlace[] cuts, Tensor reference, Generator random)
    {
        var kinds = Enumerable.Range(0, cuts.Length).ToLookup(i => cuts[i].Image.Reference.IsGrey);
        if (!kinds.Contains(true))
            return _distortion.Apply(reference, random);
        if (!kinds.Contains(false))
            return Grey(reference);
        var (coloured, grey) = (tensor(kinds[false].Select(i => (long)i).ToArray()), tensor(kinds[true].Select(i => (long)i).ToArray()));
        var parts = cat([_distortion.Apply(reference.index_select(0, coloured), random), Grey(reference.index_select(0, grey))]);
        return parts.index_select(0, cat([coloured, grey]).argsort());

        Tensor Grey(Tensor patches) => GreyPicture.ToRgb(_distortion.Apply(patches.narrow(1, 0, 1), random));
    }

    /// <summary>A patch of a photograph.</summary>
    /// <param name="Image">The photograph.</param>
    /// <param name="Top">The patch's first row in the clean picture.</param>
    /// <param name="Left">Its first column.</param>
    /// <param name="Orientation">How it is turned.</param>
    private readonly record struct PatchPlace(TrainingImage Image, int Top, int Left, Orientation Orientation);

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
