using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Runtime;

namespace Mdf.Experiments;

/// <summary>
/// The mean of each number over the steps since the last entry of the log. A checkpoint contains it, so an interrupted and resumed run has the same log as a
/// run without interruption.
/// </summary>
internal sealed class LogWindow
{
    private static readonly JsonSerializerOptions s_json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private readonly Sums _values = new();
    private readonly Sums _times = new();

    /// <summary>Adds a step, with all its numbers at once: every call counts as a step.</summary>
    /// <param name="values">The numbers of the step; every step gives the same names.</param>
    public void Add(params ReadOnlySpan<(string Name, double Value)> values) => _values.Add(values);

    /// <summary>Adds the times of a step. A checkpoint does not keep them, because they differ on every machine.</summary>
    /// <param name="times">The times by name; every step gives the same names.</param>
    public void AddTimes(params ReadOnlySpan<(string Name, double Value)> times) => _times.Add(times);

    /// <summary>Returns the means, in the order in which their names first appeared, and starts the next window.</summary>
    public Dictionary<string, double?> Close() => _values.Close().Concat(_times.Close()).ToDictionary();

    /// <summary>Returns the window as text, for a checkpoint; null if it is empty.</summary>
    public string? Save() => _values.Steps == 0 ? null : JsonSerializer.Serialize(new Saved(_values.Steps, _values.ByName), s_json);

    /// <summary>Replaces this window with the window of a checkpoint.</summary>
    /// <param name="saved">The result of <see cref="Save"/>.</param>
    /// <param name="where">The checkpoint, for messages.</param>
    /// <exception cref="InputException">The text is not from <see cref="Save"/>.</exception>
    public void Load(string? saved, string where)
    {
        _values.Close();
        _times.Close();
        try
        {
            if (saved is not null)
                _values.Take(JsonSerializer.Deserialize<Saved>(saved, s_json) is { Steps: > 0, Sums: not null } window ? window : throw new JsonException());
        }
        catch (JsonException e)
        {
            throw new InputException($"'{where}': the checkpoint's 'log_window' is unusable: the file is corrupt", e);
        }
    }

    private sealed record Saved(int Steps, OrderedDictionary<string, double> Sums);

    private sealed class Sums
    {
        public int Steps { get; private set; }

        public OrderedDictionary<string, double> ByName { get; private set; } = [];

        public void Add(ReadOnlySpan<(string Name, double Value)> values)
        {
            Steps++;
            foreach (var (name, value) in values)
                ByName[name] = ByName.GetValueOrDefault(name) + value;
        }

        public Dictionary<string, double?> Close()
        {
            var means = ByName.ToDictionary(entry => entry.Key, entry => (double?)entry.Value / Steps);
            ByName.Clear();
            Steps = 0;
            return means;
        }

        public void Take(Saved saved) => (Steps, ByName) = (saved.Steps, saved.Sums);
    }
}
