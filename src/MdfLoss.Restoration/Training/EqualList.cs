using System.Collections.ObjectModel;

namespace Mdf.Training;

/// <summary>A list that compares its items, so that options with equal lists are equal.</summary>
/// <param name="values">The items.</param>
internal sealed class EqualList<T>(IEnumerable<T> values) : ReadOnlyCollection<T>([.. values])
{
    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is EqualList<T> other && this.SequenceEqual(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Count;
}
