using System.Collections.Concurrent;
using Mdf.Discriminators;
using Mdf.Kernels;
using static TorchSharp.torch;

namespace Mdf.Losses.Frozen;

/// <summary>The frozen distance for float32 images on a processor, computed with our own kernels.</summary>
/// <remarks>
/// Every thread takes one tile after the other and computes all its scales in its own memory. The result does not depend on which thread takes
/// which tile, because sums are made in the order of the tiles. The division of an image into tiles depends on the number of threads.
/// </remarks>
internal sealed unsafe class VectorizedDistance<TLanes> : FrozenDistance
    where TLanes : unmanaged, ILanes<TLanes>
{
    // With smaller tiles the overlap costs too much. With larger tiles the memory does (40 MB a thread for 64 channels).
    private const int LeastTile = 32;
    private const int LargestTile = 128;
    private const int TileStep = 8;
    private const int UsualChannels = 64;

    private readonly VectorizedDiscriminator<TLanes>[] _scales;
    private readonly InputRange _range;
    private readonly LayerWeights _weights;
    private readonly int _channels;
    private readonly int? _tile;
    private readonly ConcurrentBag<Workspace<TLanes>> _workspaces = [];

    /// <summary>Prepares the weights.</summary>
    /// <param name="discriminators">The scales to use, with folded batch norms.</param>
    /// <param name="range">The input range of the discriminators.</param>
    /// <param name="weights">The weight of each layer.</param>
    /// <param name="tile">The largest number of rows and columns of the final map in a tile. Default: chosen.</param>
    public VectorizedDistance(
        IReadOnlyList<FoldedDiscriminator> discriminators, InputRange range, LayerWeights weights, int? tile = null)
    {
        _tile = tile;
        _scales = [.. discriminators.Select(discriminator => new VectorizedDiscriminator<TLanes>(discriminator))];
        _channels = _scales.Max(scale => scale.Channels);
        (_range, _weights) = (range, weights);
    }

    /// <inheritdoc/>
    public override FrozenFeatures Prepare(Tensor reference)
    {
        using var scope = NewDisposeScope();
        var images = new PlanarImages(reference.contiguous());
        var tiles = Divide(images);
        var units = Units(images, tiles);
        var features = units.Select(unit => empty([_scales.Sum(scale => scale.FeatureLength(unit.Tile))], dtype: float32, device: CPU)).ToArray();
        var destinations = Pointers(features);
        Work(units, (index, unit, workspace) =>
        {
            var input = workspace.BeginReference(unit.Tile);
            images.Read(unit.Image, unit.Tile.Input, _range, input);
            var destination = (float*)destinations[index];
            foreach (var scale in _scales)
            {
                scale.Forward(unit.Tile, input, workspace);
                scale.CopyFeatures(unit.Tile, workspace, destination);
                destination += scale.FeatureLength(unit.Tile);
            }
        });
        foreach (var feature in features)
            feature.MoveToOuterDisposeScope();
        return new FrozenFeatures(features, tiles);
    }

    /// <inheritdoc/>
    public override (Tensor Values, Tensor? Gradient) Compute(
        Tensor restored, Tensor reference, FrozenFeatures? features, bool withGradient)
    {
        using var scope = NewDisposeScope();
        var images = new PlanarImages(restored.contiguous());
        var references = features is null ? new PlanarImages(reference.contiguous()) : images;
        var tiles = features?.Tiles ?? Divide(images);
        var units = Units(images, tiles);
        var prepared = features is null ? null : Pointers(features.Tensors);
        var gradient = withGradient ? zeros(restored.shape, dtype: float32, device: CPU) : null;
        using var sum = gradient is null ? null : new GradientSum(new PlanarImages(gradient), units, _range);
        var losses = new double[units.Count];
        Work(units, (index, unit, workspace) =>
            losses[index] = ComputeTile(index, unit, images, references, prepared is null ? null : (float*)prepared[index], sum, workspace));
        var values = tensor(losses.Chunk(tiles.Count).Select(parts => (float)parts.Sum()).ToArray(), device: CPU);
        GC.KeepAlive(features); // the threads hold only pointers to their memory
        return (values.MoveToOuterDisposeScope(), gradient?.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var scale in _scales)
            scale.Dispose();
        while (_workspaces.TryTake(out var workspace))
            workspace.Dispose();
    }

    /// <summary>Computes all scales of one tile.</summary>
    private double ComputeTile(
        int index, Unit unit, PlanarImages images, PlanarImages references, float* wanted, GradientSum? sum, Workspace<TLanes> workspace)
    {
        var tile = unit.Tile;
        var isPrepared = wanted is not null;
        var (input, reference) = (workspace.BeginRestored(tile), isPrepared ? default : workspace.BeginReference(tile));
        images.Read(unit.Image, tile.Input, _range, input);
        if (!isPrepared)
            references.Read(unit.Image, tile.Input, _range, reference);
        var target = sum?.Rent(tile);
        var loss = 0.0;
        foreach (var scale in _scales)
        {
            if (!isPrepared)
            {
                scale.Forward(tile, reference, workspace);
                scale.CopyFeatures(tile, workspace, wanted = workspace.Features);
            }

            scale.Forward(tile, input, workspace);
            loss += target is null
                ? scale.Distance(tile, workspace, wanted, _weights)
                : scale.DistanceAndGradient(tile, workspace, wanted, _weights, GradientSum.MapOf(target, tile));
            wanted += scale.FeatureLength(tile);
        }

        if (target is not null)
            sum!.Add(index, target);
        return loss;
    }

    /// <summary>Processes all units with the number of threads that libtorch is set to use.</summary>
    private void Work(IReadOnlyList<Unit> units, Action<int, Unit, Workspace<TLanes>> work)
    {
        var largest = units.Max(unit => Math.Max(unit.Tile.Map.Height, unit.Tile.Map.Width));
        var next = -1;
        Parallel.For(0, Math.Min(get_num_threads(), units.Count), new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() }, _ =>
        {
            if (!_workspaces.TryTake(out var workspace) || workspace.Largest < largest)
            {
                workspace?.Dispose();
                workspace = new Workspace<TLanes>(largest, _channels);
            }

            for (var i = Interlocked.Increment(ref next); i < units.Count; i = Interlocked.Increment(ref next))
                work(i, units[i], workspace);
            _workspaces.Add(workspace);
        });
        GC.KeepAlive(this);
    }

    private static IReadOnlyList<Unit> Units(PlanarImages images, IReadOnlyList<Tile> tiles) =>
        [.. from image in Enumerable.Range(0, images.Count) from tile in tiles select new Unit(image, tile)];

    /// <summary>Chooses the tiles for which the thread with the most work finishes earliest.</summary>
    private IReadOnlyList<Tile> Divide(PlanarImages images)
    {
        if (_tile is { } tile)
            return Tile.Divide(images.Height, images.Width, tile);
        var largest = (int)Math.Max(LeastTile, LargestTile * Math.Min(1, Math.Sqrt((double)UsualChannels / _channels)));
        return Enumerable.Range(0, (largest - LeastTile) / TileStep + 1)
            .Select(i => Tile.Divide(images.Height, images.Width, largest - i * TileStep))
            .MinBy(Cost)!;

        // The number of rounds, times the cost of a tile. The layers of a tile are on average four pixels larger than its part of the final map.
        double Cost(IReadOnlyList<Tile> tiles)
        {
            var threads = get_num_threads();
            var rounds = ((double)images.Count * tiles.Count + threads - 1) / threads;
            return Math.Floor(rounds) * tiles.Max(tile => (tile.Map.Height + 4.0) * (tile.Map.Width + 4.0));
        }
    }

    private static nint[] Pointers(IReadOnlyList<Tensor> tensors) => [.. tensors.Select(values => (nint)PlanarImages.Pointer(values))];
}
