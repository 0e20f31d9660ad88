using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Losses;

/// <summary>One term of a loss expression, such as <c>0.1*mdf:stack.safetensors?num_scales=3</c>: what a loss is made of.</summary>
public sealed class LossTerm
{
    private readonly IReadOnlyDictionary<string, string> _options;
    private readonly string _text;

    internal LossTerm(double weight, string name, string? argument, IReadOnlyDictionary<string, string> options, string text) =>
        (Weight, Name, Argument, _options, _text) = (weight, name, argument, options, text);

    /// <summary>The loss's short name.</summary>
    public string Name { get; }

    /// <summary>What stands after the colon, without quotes; null if the loss takes nothing there.</summary>
    public string? Argument { get; }

    /// <summary>What the loss is multiplied with in the sum.</summary>
    internal double Weight { get; }

    /// <summary>The value of an option; null where it is not given.</summary>
    /// <param name="key">The option's name.</param>
    /// <param name="expected">What it may be, in words, for the message: <c>true or false</c>.</param>
    /// <param name="read">Reads it; gives null where the text is not that.</param>
    /// <exception cref="InputException">The text is not that.</exception>
    public T? Option<T>(string key, string expected, Func<string, T?> read)
        where T : struct
    {
        ArgumentNullException.ThrowIfNull(read);
        return !_options.TryGetValue(key, out var text) ? null : read(text) ?? throw new InputException($"expected {key} to be {expected}, found '{text}' in '{this}'");
    }

    /// <summary>An option that is a positive number.</summary>
    /// <param name="key">The option's name.</param>
    /// <param name="standard">Its value where it is not given.</param>
    /// <exception cref="InputException">The text is no positive number.</exception>
    public double Positive(string key, double standard) => Option<double>(key, "a positive number", text =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number > 0 && double.IsFinite(number) ? number : null) ?? standard;

    /// <summary>The term as it was written, without its weight.</summary>
    public override string ToString() => _text;
}
