using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Runtime;

namespace Mdf.Experiments;

/// <summary>The steps since the last entry of the log: the mean of each number that they gave. A checkpoint has it, so that the log of a run that was interrupted is that of one that was not.</summary>
internal sealed class LogWindow
{
    private static readonly JsonSerializerOptions s_json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private readonly Sums _values = new();
    private readonly Sums _times = new();

    /// <summary>Adds a step.</summary>
    /// <param name="values">Its numbers; every step gives the same names.</param>
    public void Add(params ReadOnlySpan<(string Name, double Value)> values) => _values.Add(values);

    /// <summary>Adds what a step took. A checkpoint does not keep it: it is another time on every machine.</summary>
    /// <param name="times">The times by name; every step gives the same names.</param>
    public void AddTimes(params ReadOnlySpan<(string Name, double Value)> times) => _times.Add(times);

    /// <summary>The means in the order of their names' first appearance; the next window begins.</summary>
    public Dictionary<string, double?> Close() => _values.Close().Concat(_times.Close()).ToDictionary();

    /// <summary>The window as text, for a checkpoint; null where it is empty.</summary>
    public string? Save() => _values.Steps == 0 ? null : JsonSerializer.Serialize(new Saved(_values.Steps, _values.ByName), s_json);

    /// <summary>Takes the window of a checkpoint instead of this one.</summary>
    /// <param name="saved">What <see cref="Save"/> gave.</param>
    /// <param name="where">The checkpoint, for messages.</param>
    /// <exception cref="InputException">It is not what <see cref="Save"/> gives.</exception>
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
