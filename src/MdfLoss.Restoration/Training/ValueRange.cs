namespace Mdf.Training;

/// <summary>What a setting may be: said once, for those who set it in code and for those who read it from a file.</summary>
/// <param name="Words">In words, for messages: <c>a whole number from 1 to 4096</c>.</param>
/// <param name="Contains">Whether it may be a value.</param>
internal sealed record ValueRange<T>(string Words, Func<T, bool> Contains)
{
    /// <summary>The value itself, where it is allowed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public T Check(T value) => Contains(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, $"expected {Words}");
}

/// <summary>The ranges that several settings share.</summary>
internal static class ValueRange
{
    /// <summary>A finite number above 0.</summary>
    public static ValueRange<double> Positive { get; } = new("a number above 0", value => value > 0 && double.IsFinite(value));

    /// <summary>0, or a number between 0 and 1: what the decay of a moving average may be.</summary>
    public static ValueRange<double> Fraction { get; } = new("a number of at least 0 and below 1", value => value is >= 0 and < 1);

    /// <summary>A whole number with a least, and a most if it has one.</summary>
    public static ValueRange<int> Whole(int from, int to = int.MaxValue) => new(
        to == int.MaxValue ? $"a whole number of at least {from}" : $"a whole number from {from} to {to}",
        value => value >= from && value <= to);
}
