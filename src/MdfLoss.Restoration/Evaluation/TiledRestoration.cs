using Mdf.Networks;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>
/// Applies a restoration network to an image of any size, tile by tile. Each tile is cut out together with the margin that the network reads, and only the
/// tile's own pixels of the result are kept. The result is the same as for the whole image, without seams. Except for the image and the result, the memory does
/// not grow with the image. A network that reads the whole image (<see cref="RestorationNetwork.Margin"/>) gets the whole image at once.
/// </summary>
internal static class TiledRestoration
{
    /// <summary>Restores an image.</summary>
    /// <param name="network">The network, in evaluation mode, on any device.</param>
    /// <param name="distorted">RGB, <c>(1, 3, H, W)</c>, floating point, nominally in [0, 1], on any device and of any size.</param>
    /// <param name="tile">
    /// The side of a tile in pixels of the distorted image. It is rounded up to a multiple of the network's stride. Large tiles are faster, small
    /// tiles need less memory. Default: chosen; an image of up to 768×768 restored pixels is one tile.
    /// </param>
    /// <param name="progress">Takes a report for every tile.</param>
    /// <param name="cancellationToken">Stops the work between two tiles.</param>
    /// <returns><c>(1, 3, H · factor, W · factor)</c>, with the type and the device of the input, not clamped, without gradients.</returns>
    /// <exception cref="ArgumentException">
    /// The network is in training mode, the tensor is not as above, the tile's side is not positive, or a tile is given and the network looks at the whole image.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Tensor Run(
        RestorationNetwork network,
        Tensor distorted,
        int? tile = null,
        IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(distorted);
        if (tile is { } given)
            ArgumentOutOfRangeException.ThrowIfLessThan(given, 1, nameof(tile));
        if (network.training)
            throw new ArgumentException("expected a network in evaluation mode, found one in training mode: call eval() first", nameof(network));
        if (!distorted.is_floating_point() || distorted.shape is not [1, 3, > 0, > 0])
        {
            throw new ArgumentException(
                $"expected one RGB image as a floating-point tensor (1, 3, H, W), found {distorted.dtype} ({string.Join(", ", distorted.shape)})",
                nameof(distorted));
        }

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (height, width, factor) = (distorted.shape[2], distorted.shape[3], network.Factor);
        var grid = (network.Margin, tile) switch
        {
            (null, null) => TileGrid.Whole(height, width),
            (null, _) => throw new ArgumentException($"the network '{network.Architecture.Name}' needs the whole image: it cannot be divided into tiles; give no size of tiles", nameof(tile)),
            ({ } margin, { } side) => TileGrid.Square(height, width, margin, network.Stride, side),
            ({ } margin, null) => TileGrid.Cheapest(height, width, factor, margin, network.Stride),
        };
        var device = network.parameters().FirstOrDefault()?.device ?? distorted.device;
        var restored = empty([1, 3, height * factor, width * factor], distorted.dtype, distorted.device);
        var meter = new ProgressMeter(progress, "restoring", grid.Count);
        var done = 0;
        foreach (var rows in grid.Rows)
        {
            foreach (var columns in grid.Columns)
            {
                cancellationToken.ThrowIfCancellationRequested();
                RestoreTile(rows, columns);
                FreedMemory.Return();
                meter.Report(++done);
            }
        }

        return restored.MoveToOuterDisposeScope();

        void RestoreTile(TileSpan rows, TileSpan columns)
        {
            using var scope = NewDisposeScope();
            var window = distorted.narrow(2, rows.WindowStart, rows.WindowLength).narrow(3, columns.WindowStart, columns.WindowLength);
            var result = network.call(window.to(device))
                .narrow(2, (rows.Start - rows.WindowStart) * factor, rows.Length * factor)
                .narrow(3, (columns.Start - columns.WindowStart) * factor, columns.Length * factor);
            restored.narrow(2, rows.Start * factor, rows.Length * factor).narrow(3, columns.Start * factor, columns.Length * factor).copy_(result);
        }
    }
}
