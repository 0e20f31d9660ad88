using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>The end of a strip, kept until the next one comes.</summary>
/// <param name="axis">The dimension along which strips follow each other.</param>
internal sealed class KeptRows(int axis) : IDisposable
{
    private Tensor? _rows;

    /// <summary>What was kept, and the next strip after it.</summary>
    public Tensor Prepend(Tensor strip) => _rows is null ? strip : cat([_rows, strip], axis);

    /// <summary>Copies rows and keeps the copy in place of what was kept before.</summary>
    public void Keep(Tensor rows)
    {
        var copy = rows.clone().DetachFromDisposeScope();
        _rows?.Dispose();
        _rows = copy;
    }

    /// <inheritdoc/>
    public void Dispose() => _rows?.Dispose();
}
