namespace Mdf.Experiments;

/// <summary>The steps since the last entry of the log: the mean of each number that they gave.</summary>
internal sealed class LogWindow
{
    private readonly OrderedDictionary<string, double> _sums = [];
    private int _steps;

    /// <summary>Adds a step.</summary>
    /// <param name="values">Its numbers; every step gives the same names.</param>
    public void Add(params ReadOnlySpan<(string Name, double Value)> values)
    {
        _steps++;
        foreach (var (name, value) in values)
            _sums[name] = _sums.GetValueOrDefault(name) + value;
    }

    /// <summary>The means in the order of their names' first appearance; the next window begins.</summary>
    public Dictionary<string, double?> Close()
    {
        var means = _sums.ToDictionary(entry => entry.Key, entry => (double?)entry.Value / _steps);
        _sums.Clear();
        _steps = 0;
        return means;
    }
}
