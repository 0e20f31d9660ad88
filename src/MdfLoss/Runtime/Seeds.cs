namespace Mdf.Runtime;

/// <summary>Derives seeds for libtorch's generator, which uses 32 bits of a seed.</summary>
internal static class Seeds
{
    /// <summary>Derives the seed of one piece of work. The seeds of neighbouring pieces are unrelated.</summary>
    /// <param name="seed">The seed of the whole work.</param>
    /// <param name="index">The index of the piece.</param>
    /// <remarks>The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).</remarks>
    public static ulong Derive(long seed, long index)
    {
        var z = unchecked((ulong)seed * 0x9E3779B97F4A7C15 + (ulong)index + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (z ^ (z >> 31)) & uint.MaxValue;
    }
}
