using System.Globalization;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Networks;

/// <summary>The table of all networks. It finds an architecture by its text, and builds networks.</summary>
public static class Architectures
{
    private const int StandardFactor = 4; // the factor for which the papers describe their networks

    // A new network is one entry here.
    private static readonly NameTable<NetworkKind> s_kinds = new(
        "network", new[] { ArCnn.Kind, DnCnn.Kind, Edsr.Kind, MsrResNet.Kind, SrResNet.Kind, UNet.Kind }.Select(kind => (kind.Name, kind)));

    /// <summary>The short names of all networks, in alphabetical order.</summary>
    public static IReadOnlyList<string> Names => [.. s_kinds.Names.Order(StringComparer.Ordinal)];

    /// <summary>The table of all networks by their short names.</summary>
    internal static NameTable<NetworkKind> Kinds => s_kinds;

    /// <summary>Describes a network.</summary>
    /// <param name="name">Its short name.</param>
    /// <param name="factor">The upscaling factor; 1 if the size does not change.</param>
    /// <param name="options">Its options by name, as text. Options that are not given have their published values.</param>
    /// <exception cref="InputException">The network, an option, a value or the factor is unknown or out of range; the message names the nearest known.</exception>
    internal static NetworkArchitecture Create(string name, int factor, IReadOnlyDictionary<string, string> options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var kind = Find(name);
        if (!kind.Factors.Contains(factor))
        {
            var found = factor.ToString(CultureInfo.InvariantCulture);
            throw new InputException(kind.Upscales
                ? $"the network '{kind.Name}' upscales: expected the factor {Listed(kind.Factors.Select(known => $"{known}"), "or")}, found {found}"
                : $"the network '{kind.Name}' keeps the size: expected the factor 1, found {found}; those that upscale are "
                    + Listed(s_kinds.Values.Where(other => other.Upscales).Select(other => other.Name), "and"));
        }

        foreach (var key in options.Keys)
        {
            if (kind.Options.All(option => option.Name != key))
                throw Unknown($"option {Untrusted.Quote(key)} of the network '{kind.Name}'", key, kind.Options.Select(option => option.Name));
        }

        var values = new OrderedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var option in kind.Options.OrderBy(option => option.Name, StringComparer.Ordinal))
        {
            values.Add(option.Name, !options.TryGetValue(option.Name, out var text) ? option.Default : option.Canonical(text) ?? throw new InputException(
                $"the network '{kind.Name}' takes {option.Values} for '{option.Name}', found {Untrusted.Quote(text)}; its published value is {option.Default}"));
        }

        return new NetworkArchitecture(kind.Name, kind.Upscales, factor, values);
    }

    /// <summary>Reads the text of <see cref="NetworkArchitecture.ToString"/>. Options and factor may be omitted.</summary>
    /// <param name="text">The text, such as <c>edsr?features=64&amp;factor=4</c>. The default factor of a network that upscales is 4.</param>
    /// <exception cref="InputException">As for <see cref="Create"/>.</exception>
    public static NetworkArchitecture Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split('?', 2);
        var kind = Find(parts[0]);
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var option in parts is [_, var query] ? query.Split('&') : [])
        {
            if (option.Split('=', 2) is not [{ Length: > 0 } key, var value] || !options.TryAdd(key, value))
                throw new InputException($"expected each option of the network '{kind.Name}' once, as option=value, with & between them, found {Untrusted.Quote(option)} in {Untrusted.Quote(text)}");
        }

        var factor = kind.Upscales ? StandardFactor : 1;
        if (options.Remove(NetworkArchitecture.FactorKey, out var given) && !int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out factor))
            throw new InputException($"expected the factor of the network '{kind.Name}' as a whole number, found {Untrusted.Quote(given)}");
        return Create(kind.Name, factor, options);
    }

    /// <summary>Returns the options of a network.</summary>
    /// <param name="name">The network's short name.</param>
    /// <exception cref="InputException">The network is unknown.</exception>
    internal static IReadOnlyList<NetworkOption> OptionsOf(string name) => Find(name).Options;

    /// <summary>Returns the upscaling factors that a network supports; only 1 if the size does not change.</summary>
    /// <param name="name">The network's short name.</param>
    /// <exception cref="InputException">The network is unknown.</exception>
    internal static IReadOnlyList<int> FactorsOf(string name) => Find(name).Factors;

    /// <summary>Builds a network, on the CPU. The same seed gives the same weights.</summary>
    /// <param name="architecture">The architecture of the network.</param>
    /// <param name="seed">The seed of its weights.</param>
    public static RestorationNetwork Build(this NetworkArchitecture architecture, long seed)
    {
        using var random = new Generator((ulong)seed);
        var network = CreateNetwork(architecture, CPU);
        network.Initialize(random);
        return network;
    }

    /// <summary>Counts the trained parameters of such a network. This allocates no memory for them.</summary>
    /// <param name="architecture">The architecture of the network.</param>
    public static long CountParameters(this NetworkArchitecture architecture)
    {
        using var network = CreateNetwork(architecture, device("meta"));
        return network.ParameterCount;
    }

    /// <summary>Creates a network. The caller must initialize or read its weights.</summary>
    /// <param name="architecture">The architecture of the network.</param>
    /// <param name="device">The device of the weights.</param>
    internal static RestorationNetwork CreateNetwork(this NetworkArchitecture architecture, Device device)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        return Find(architecture.Name).Create(architecture, device);
    }

    private static NetworkKind Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return s_kinds.Find(name) ?? throw Unknown($"network {Untrusted.Quote(name)}", name, Names);
    }

    private static InputException Unknown(string what, string word, IEnumerable<string> known)
    {
        var nearest = NearestName.Find(word, known);
        return new InputException($"unknown {what}: {(nearest is null ? "" : $"did you mean '{nearest}'? ")}known are {Listed(known, "and")}");
    }

    private static string Listed(IEnumerable<string> words, string last)
    {
        string[] all = [.. words];
        return all.Length > 1 ? $"{string.Join(", ", all[..^1])} {last} {all[^1]}" : all[0];
    }
}
