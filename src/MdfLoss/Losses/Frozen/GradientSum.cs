using Mdf.Discriminators;
using Mdf.Kernels;

namespace Mdf.Losses.Frozen;

/// <summary>
/// Sums the gradients of overlapping tiles. It adds them in the order of the tiles, not in the order in which threads finish, so the sum is the
/// same to the bit.
/// </summary>
/// <param name="target">The gradient of all images, initially zero.</param>
/// <param name="units">The tiles in their order.</param>
/// <param name="range">The range into which the images were scaled.</param>
internal sealed unsafe class GradientSum(PlanarImages target, IReadOnlyList<Unit> units, InputRange range) : IDisposable
{
    private readonly NativeBuffer?[] _finished = new NativeBuffer?[units.Count];
    private readonly Stack<NativeBuffer> _free = [];
    private readonly long _length = units.Max(unit => Length(unit.Tile));
    private readonly Lock _lock = new();
    private int _next;

    /// <summary>Rents memory for the gradient of one tile, filled with zeros.</summary>
    public NativeBuffer Rent(Tile tile)
    {
        NativeBuffer? buffer;
        lock (_lock)
            _free.TryPop(out buffer);
        if (buffer is null)
            return new NativeBuffer(_length); // zero
        buffer.Span[..(int)Length(tile)].Clear();
        return buffer;
    }

    /// <summary>The rented memory as the gradient of a tile's input.</summary>
    public static FeatureMap MapOf(NativeBuffer buffer, Tile tile) =>
        new(buffer.Pointer, tile.Input.Width, FeatureMap.PaddedChannels);

    /// <summary>Takes a finished gradient, and adds all gradients that are next in order.</summary>
    /// <param name="unit">The index of its tile.</param>
    /// <param name="gradient">The rented memory.</param>
    public void Add(int unit, NativeBuffer gradient)
    {
        lock (_lock)
        {
            _finished[unit] = gradient;
            for (; _next < units.Count && _finished[_next] is { } finished; _next++)
            {
                target.Add(units[_next].Image, units[_next].Tile.Input, finished.Pointer, range);
                _finished[_next] = null;
                _free.Push(finished);
            }
        }
    }

    private static long Length(Tile tile) => (long)tile.Input.Pixels * FeatureMap.PaddedChannels;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in _free.Concat(_finished.OfType<NativeBuffer>()))
            buffer.Dispose();
    }
}

/// <summary>A tile of one image of a batch.</summary>
/// <param name="Image">The image's index.</param>
/// <param name="Tile">The tile.</param>
internal readonly record struct Unit(int Image, Tile Tile);
