using System.Globalization;
using Mdf.Networks;
using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>A network between two networks, <c>interpolate:T,A,B</c>: its weights are (1 − T) A + T B.</summary>
internal static class InterpolatedRestorer
{
    /// <summary>The short name.</summary>
    public const string Name = "interpolate";

    /// <summary>Reads both networks and creates the network between them.</summary>
    /// <param name="argument">The text after the colon: <c>0.25,a.safetensors,b.safetensors</c>. File names may contain commas, as those of a sweep do.</param>
    /// <param name="setup">The input for creating a restorer.</param>
    /// <exception cref="InputException">The text has another form, a file cannot be read or is for another task, or the networks have different architectures.</exception>
    public static IRestorer Open(string? argument, RestorerSetup setup)
    {
        if (argument?.Split(',') is not [var position, _, _, ..] parts
            || !double.TryParse(position, NumberStyles.Float, CultureInfo.InvariantCulture, out var t) || t is not (>= 0 and <= 1))
        {
            throw new InputException($"expected '{Name}:T,A,B' with T from 0 (the network A) to 1 (the network B), such as {Name}:0.5,l1.safetensors,mdf.safetensors, found {Untrusted.Quote($"{Name}:{argument}")}");
        }

        var (start, end) = Files(parts[1..]);
        var restorer = NetworkRestorer.Load(start, setup, $"{Name}:{argument}");
        try
        {
            using var other = NetworkRestorer.Load(end, setup);
            NetworkInterpolation.Move(restorer.Network, other.Network, t);
            return restorer;
        }
        catch
        {
            restorer.Dispose();
            throw;
        }
    }

    /// <summary>Divides the text between the two files: at the first comma that has a network on both sides, otherwise at the first comma.</summary>
    private static (string Start, string End) Files(string[] parts)
    {
        var pairs = Enumerable.Range(1, parts.Length - 1).Select(count => (Start: string.Join(',', parts[..count]), End: string.Join(',', parts[count..]))).ToArray();
        return pairs.FirstOrDefault(pair => IsNetwork(pair.Start) && IsNetwork(pair.End), pairs[0]);

        static bool IsNetwork(string name) => File.Exists(name) || ShippedNetworks.Names.Contains(name);
    }
}
