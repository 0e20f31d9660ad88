using System.Runtime.InteropServices;
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>A batch of patches: the input of one training step.</summary>
/// <param name="Distorted">Shape <c>(N, 3, P / factor, P / factor)</c>.</param>
/// <param name="Reference">Shape <c>(N, 3, P, P)</c>, in [0, 1].</param>
internal sealed record TrainingBatch(Tensor Distorted, Tensor Reference) : IDisposable
{
    /// <summary>Frees both tensors.</summary>
    public void Dispose()
    {
        Distorted.Dispose();
        Reference.Dispose();
    }
}

/// <summary>
/// Cuts random patches out of photographs, and either distorts them or cuts out their distorted versions at the same place. Batch i is a function of only the seed and i. So training can be
/// resumed at any iteration without other state.
/// </summary>
internal sealed class PatchSampler
{
    private static readonly float[] s_values = [.. Enumerable.Range(0, 256).Select(level => level / 255f)];

    private readonly TrainingImages _images;
    private readonly Distortion _distortion;
    private readonly SamplingOptions _options;
    private readonly int _batch;
    private readonly long _seed;

    /// <summary>Creates the sampler.</summary>
    /// <param name="images">The photographs.</param>
    /// <param name="distortion">The distortion that the network learns to undo.</param>
    /// <param name="options">The size of the patches, and whether they are flipped and rotated.</param>
    /// <param name="batch">The number of patches per batch; at least 1.</param>
    /// <param name="seed">The seed of all random numbers.</param>
    /// <exception cref="Runtime.InputException">The side of the patch is not a multiple of the distortion's factor.</exception>
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

    /// <summary>Creates one batch, on the CPU.</summary>
    /// <param name="index">The index of the batch, from 0.</param>
    /// <returns>The batch. The caller takes ownership of it; it is in no dispose scope.</returns>
    public TrainingBatch Sample(long index)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(Seeds.Derive(_seed, index));
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
        // Write directly to the tensor: managed arrays of this size would cause a full garbage collection for every batch.
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

    /// <summary>Chooses the place of a patch. For pairs, the patch begins at a pixel of the distorted picture.</summary>
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

    /// <summary>Distorts patches. Patches of grey pictures are distorted as one channel, after the colour patches.</summary>
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

    /// <summary>The place of a patch in a photograph.</summary>
    /// <param name="Image">The photograph.</param>
    /// <param name="Top">The first row of the patch in the clean picture.</param>
    /// <param name="Left">The first column of the patch in the clean picture.</param>
    /// <param name="Orientation">The flip and rotation of the patch.</param>
    private readonly record struct PatchPlace(TrainingImage Image, int Top, int Left, Orientation Orientation);

    /// <summary>One of the eight flips and rotations of a square.</summary>
    private readonly record struct Orientation(int Index)
    {
        public const int Count = 8;

        /// <summary>The positions, in the photograph, of the pixels of the flipped and rotated patch.</summary>
        /// <param name="side">The side of the patch, in pixels.</param>
        /// <param name="width">The width of the photograph, in pixels.</param>
        /// <returns>The position of the first pixel, and the steps to the pixel below and to the next pixel in the row.</returns>
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
