using System.Globalization;

namespace Mdf.Networks;

/// <summary>
/// The architecture of a restoration network: its name, its upscaling factor and its options. Its text is
/// <c>edsr?blocks=16&amp;factor=4&amp;features=64&amp;residual_scale=1</c>. Two networks of the same architecture have weights with the same names and shapes.
/// </summary>
public sealed class NetworkArchitecture
{
    internal const string FactorKey = "factor";
    private readonly bool _upscales;

    /// <summary>Describes a network whose options have been checked; see <c>Architectures</c>.</summary>
    /// <param name="name">Its short name.</param>
    /// <param name="upscales">Whether networks of this name upscale: then the text contains the factor.</param>
    /// <param name="factor">The upscaling factor; 1 if the size does not change.</param>
    /// <param name="options">The values of all its options, in alphabetical order.</param>
    internal NetworkArchitecture(string name, bool upscales, int factor, IReadOnlyDictionary<string, string> options) =>
        (Name, _upscales, Factor, Options) = (name, upscales, factor, options);

    /// <summary>The network's short name, such as <c>edsr</c>.</summary>
    public string Name { get; }

    /// <summary>The upscaling factor; 1 if the size does not change.</summary>
    public int Factor { get; }

    /// <summary>All options of the network with their values, also those that were not given, in alphabetical order.</summary>
    public IReadOnlyDictionary<string, string> Options { get; }

    /// <summary>The canonical text: all options in alphabetical order. It includes the factor if the network upscales.</summary>
    public override string ToString() => $"{Name}?{string.Join('&', Options
        .Concat(_upscales ? [KeyValuePair.Create(FactorKey, Factor.ToString(CultureInfo.InvariantCulture))] : [])
        .OrderBy(option => option.Key, StringComparer.Ordinal)
        .Select(option => $"{option.Key}={option.Value}"))}";

    /// <summary>Returns the value of an option that is a whole number.</summary>
    /// <param name="option">The option's name.</param>
    /// <exception cref="ArgumentException">The network has no such option.</exception>
    public int WholeNumber(string option) => int.Parse(ValueOf(option), CultureInfo.InvariantCulture);

    /// <summary>Returns the value of an option that is a list of whole numbers.</summary>
    /// <param name="option">The option's name.</param>
    /// <exception cref="ArgumentException">The network has no such option.</exception>
    public IReadOnlyList<int> WholeNumbers(string option) => [.. ValueOf(option).Split(',').Select(part => int.Parse(part, CultureInfo.InvariantCulture))];

    /// <summary>Returns the value of an option that is a number.</summary>
    /// <param name="option">The option's name.</param>
    /// <exception cref="ArgumentException">The network has no such option.</exception>
    public double Number(string option) => double.Parse(ValueOf(option), CultureInfo.InvariantCulture);

    /// <summary>Returns the value of an option that is true or false.</summary>
    /// <param name="option">The option's name.</param>
    /// <exception cref="ArgumentException">The network has no such option.</exception>
    public bool Flag(string option) => bool.Parse(ValueOf(option));

    private string ValueOf(string option)
    {
        ArgumentNullException.ThrowIfNull(option);
        return Options.TryGetValue(option, out var value) ? value : throw new ArgumentException($"the network '{Name}' has no option '{option}'", nameof(option));
    }
}
