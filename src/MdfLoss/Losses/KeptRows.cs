using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>The last rows of a strip, kept until the next strip comes.</summary>
/// <param name="axis">The dimension along which the strips follow each other.</param>
internal sealed class KeptRows(int axis) : IDisposable
{
    private Tensor? _rows;

    /// <summary>Returns the kept rows, followed by the next strip.</summary>
    public Tensor Prepend(Tensor strip) => _rows is null ? strip : cat([_rows, strip], axis);

    /// <summary>Keeps a copy of the rows. It replaces the rows that were kept before.</summary>
    public void Keep(Tensor rows)
    {
        var copy = rows.clone().DetachFromDisposeScope();
        _rows?.Dispose();
        _rows = copy;
    }

    /// <inheritdoc/>
    public void Dispose() => _rows?.Dispose();
}
