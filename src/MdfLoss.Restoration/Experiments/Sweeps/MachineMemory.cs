using System.Globalization;

namespace Mdf.Experiments.Sweeps;

/// <summary>The memory that this machine, or the container of this process, has left.</summary>
internal static class MachineMemory
{
    private const string Information = "/proc/meminfo";
    private const string Limit = "/sys/fs/cgroup/memory.max";
    private const string Used = "/sys/fs/cgroup/memory.current";
    private const string Statistics = "/sys/fs/cgroup/memory.stat";

    /// <summary>Returns the number of bytes that can still be used, and the number in all; null if the system does not say it (only Linux does).</summary>
    public static (long Available, long Total)? Read()
    {
        try
        {
            var (available, total) = (Entry(Information, "MemAvailable:") * 1024, Entry(Information, "MemTotal:") * 1024);
            if (available is not { } free || total is not { } all)
                return null;
            if (File.Exists(Limit) && long.TryParse(File.ReadAllText(Limit).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit < all)
            {
                // Pages of files that the system can drop are not in use.
                var used = long.Parse(File.ReadAllText(Used).Trim(), CultureInfo.InvariantCulture) - (Entry(Statistics, "inactive_file") ?? 0);
                (free, all) = (Math.Min(free, Math.Max(0, limit - used)), limit);
            }

            return (free, all);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }

    private static long? Entry(string file, string name) => File.Exists(file)
        && File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } found
        && long.TryParse(found.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
