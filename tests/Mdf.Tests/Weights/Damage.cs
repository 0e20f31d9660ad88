namespace Mdf.Tests.Weights;

/// <summary>What disks, networks and people do to files, reproducibly.</summary>
internal static class Damage
{
    /// <summary>A copy with one to three pieces of damage within its first <paramref name="range"/> bytes; never equal to the original.</summary>
    public static byte[] Apply(byte[] whole, int range, int seed)
    {
        var random = new Random(seed);
        byte[] damaged;
        do
        {
            damaged = whole;
            for (var i = random.Next(3); i >= 0; i--)
                damaged = Once(damaged, Math.Min(range, damaged.Length), random);
        }
        while (damaged.AsSpan().SequenceEqual(whole) || damaged.Length == 0);
        return damaged;
    }

    private static byte[] Once(byte[] bytes, int range, Random random)
    {
        if (range == 0)
            return bytes;
        byte[] copy = [.. bytes];
        var at = random.Next(range);
        var length = Math.Min(random.Next(1, 17), bytes.Length - at);
        var from = random.Next(bytes.Length - length + 1);
        switch (random.Next(8))
        {
            case 0 or 1: // a flipped bit
                copy[at] ^= (byte)(1 << random.Next(8));
                return copy;
            case 2: // another byte
                copy[at] = (byte)random.Next(256);
                return copy;
            case 3: // several other bytes
                random.NextBytes(copy.AsSpan(at, length));
                return copy;
            case 4: // a piece from elsewhere in the file
                bytes.AsSpan(from, length).CopyTo(copy.AsSpan(at));
                return copy;
            case 5: // truncated
                return copy[..at];
            case 6: // bytes that do not belong there
                var inserted = new byte[length];
                random.NextBytes(inserted);
                return [.. bytes[..at], .. inserted, .. bytes[at..]];
            default: // bytes that are gone
                return [.. bytes[..at], .. bytes[(at + length)..]];
        }
    }
}
