using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Losses;

/// <summary>One term of a loss expression, such as <c>0.1*mdf:stack.safetensors?num_scales=3</c>: the input from which a loss is created.</summary>
public sealed class LossTerm
{
    private readonly IReadOnlyDictionary<string, string> _options;
    private readonly string _text;

    internal LossTerm(double weight, string name, string? argument, IReadOnlyDictionary<string, string> options, string text) =>
        (Weight, Name, Argument, _options, _text) = (weight, name, argument, options, text);

    /// <summary>The loss's short name.</summary>
    public string Name { get; }

    /// <summary>The text after the colon, without quotes; null if the loss takes no argument.</summary>
    public string? Argument { get; }

    /// <summary>The factor of the loss in the sum.</summary>
    internal double Weight { get; }

    /// <summary>Reads the value of an option; null if the option is not given.</summary>
    /// <param name="key">The option's name.</param>
    /// <param name="expected">A description of the allowed values, for the message: <c>true or false</c>.</param>
    /// <param name="read">Converts the text to the value; returns null if the text is not allowed.</param>
    /// <exception cref="InputException">The text is not an allowed value.</exception>
    public T? Option<T>(string key, string expected, Func<string, T?> read)
        where T : struct
    {
        ArgumentNullException.ThrowIfNull(read);
        return !_options.TryGetValue(key, out var text) ? null : read(text) ?? throw new InputException($"expected {key} to be {expected}, found '{text}' in '{this}'");
    }

    /// <summary>Reads an option that is a positive number.</summary>
    /// <param name="key">The option's name.</param>
    /// <param name="standard">The value if the option is not given.</param>
    /// <exception cref="InputException">The text is not a positive number.</exception>
    public double Positive(string key, double standard) => Option<double>(key, "a positive number", text =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number > 0 && double.IsFinite(number) ? number : null) ?? standard;

    /// <summary>Reads the value of an option; null if the option is not given. For values that are objects; see <see cref="Option"/>.</summary>
    internal T? Reference<T>(string key, string expected, Func<string, T?> read)
        where T : class =>
        !_options.TryGetValue(key, out var text) ? null : read(text) ?? throw new InputException($"expected {key} to be {expected}, found '{text}' in '{this}'");

    /// <summary>Reads an option that is true or false. Default: false.</summary>
    internal bool Flag(string key) => Option<bool>(key, "true or false", text => bool.TryParse(text, out var flag) ? flag : null) ?? false;

    /// <summary>The term as the user wrote it, without its weight.</summary>
    public override string ToString() => _text;
}
