namespace Mdf.Runtime;

/// <summary>Seeds for libtorch's generator, which looks at 32 bits of them.</summary>
internal static class Seeds
{
    /// <summary>The seed of one piece of work: those of neighbouring pieces have nothing in common.</summary>
    /// <param name="seed">The seed of all of it.</param>
    /// <param name="index">Which piece.</param>
    /// <remarks>The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).</remarks>
    public static ulong Derive(long seed, long index)
    {
        var z = unchecked((ulong)seed * 0x9E3779B97F4A7C15 + (ulong)index + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (z ^ (z >> 31)) & uint.MaxValue;
    }
}
