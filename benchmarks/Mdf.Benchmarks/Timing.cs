using System.Diagnostics;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>Times things in turns, so that what slows the machine slows all of them.</summary>
internal static class Timing
{
    /// <summary>Runs everything once without counting, then some rounds.</summary>
    /// <param name="actions">What to time.</param>
    /// <param name="rounds">How often.</param>
    /// <param name="tells">Whether to say on standard error how far it is.</param>
    /// <returns>The median of each, in milliseconds.</returns>
    public static double[] Medians(IReadOnlyList<Action> actions, int rounds, bool tells = true)
    {
        var times = actions.Select(_ => new List<double>()).ToArray();
        for (var round = -1; round < rounds; round++)
        {
            for (var i = 0; i < actions.Count; i++)
            {
                var started = Stopwatch.GetTimestamp();
                using (NewDisposeScope())
                    actions[i]();
                if (round >= 0)
                    times[i].Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }

            if (tells)
                Console.Error.WriteLine(round < 0 ? "warmed up" : $"round {round + 1} of {rounds}");
        }

        return [.. times.Select(Median)];
    }

    /// <summary>Runs something once, after some runs that do not count.</summary>
    public static double Milliseconds(Action action, int warmUps)
    {
        for (var i = 0; ; i++)
        {
            var started = Stopwatch.GetTimestamp();
            using (NewDisposeScope())
                action();
            if (i == warmUps)
                return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }
    }

    /// <summary>The middle value, or the mean of the two in the middle.</summary>
    public static double Median(IReadOnlyCollection<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
