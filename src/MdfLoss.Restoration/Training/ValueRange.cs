namespace Mdf.Training;

/// <summary>The range of allowed values of a setting. The same range checks values that are set in code and values that are read from a file.</summary>
/// <param name="Words">The range in words, for messages, such as <c>a whole number from 1 to 4096</c>.</param>
/// <param name="Contains">Whether a value is in the range.</param>
internal sealed record ValueRange<T>(string Words, Func<T, bool> Contains)
{
    /// <summary>Returns the value if it is in the range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not in the range.</exception>
    public T Check(T value) => Contains(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, $"expected {Words}");
}

/// <summary>The ranges that several settings have in common.</summary>
internal static class ValueRange
{
    /// <summary>The range of finite numbers above 0.</summary>
    public static ValueRange<double> Positive { get; } = new("a number above 0", value => value > 0 && double.IsFinite(value));

    /// <summary>The range of the decay of a moving average: 0, or a number between 0 and 1.</summary>
    public static ValueRange<double> Fraction { get; } = new("a number of at least 0 and below 1", value => value is >= 0 and < 1);

    /// <summary>Creates a range of integers, with a smallest value and, optionally, a largest value.</summary>
    public static ValueRange<int> Whole(int from, int to = int.MaxValue) => new(
        to == int.MaxValue ? $"a whole number of at least {from}" : $"a whole number from {from} to {to}",
        value => value >= from && value <= to);
}
