using System.Text.RegularExpressions;

namespace Mdf.Runtime;

/// <summary>A table of objects of one kind by their short names: the library's own objects, and those that a program or a plugin adds.</summary>
/// <remarks>
/// A table is valid for the whole process. Names are read in many places (experiment files, checkpoints, network files, command lines), and one name must mean
/// the same in all of them. So names are only added, never changed or removed. Only a call in code adds a name; no file does. Any thread may read and add.
/// </remarks>
internal sealed partial class NameTable<T>
    where T : class
{
    private readonly string _kind;
    private readonly Lock _adding = new();

    // The list is replaced as a whole, so readers need no lock.
    private volatile IReadOnlyList<Entry> _entries;

    /// <summary>Creates the table.</summary>
    /// <param name="kind">The kind of the objects, for messages, such as <c>loss</c>.</param>
    /// <param name="own">The names and objects of the library itself.</param>
    public NameTable(string kind, IEnumerable<(string Name, T Value)> own)
    {
        (_kind, _entries) = (kind, [.. own.Select(entry => new Entry(entry.Name, entry.Value, null))]);
        OwnNames = [.. Names];
    }

    /// <summary>The names, in the order in which they were added.</summary>
    public IEnumerable<string> Names => _entries.Select(entry => entry.Name);

    /// <summary>The library's own names.</summary>
    public IReadOnlyList<string> OwnNames { get; }

    /// <summary>The objects, in the order in which they were added.</summary>
    public IReadOnlyList<T> Values => [.. _entries.Select(entry => entry.Value)];

    /// <summary>Returns the object with a name; null if no object has this name.</summary>
    public T? Find(string name) => EntryOf(name)?.Value;

    /// <summary>Returns the plugin that added a name. Null for names of the library, for names that the program added, and for unknown names.</summary>
    public PluginFile? PluginOf(string name) => EntryOf(name)?.Plugin;

    /// <summary>Adds a name.</summary>
    /// <param name="name">Small letters and digits, with single hyphens between them.</param>
    /// <param name="value">The object with this name.</param>
    /// <param name="plugin">The plugin that adds it; null if the program adds it.</param>
    /// <exception cref="ArgumentException">The name has other characters.</exception>
    /// <exception cref="InputException">The name is taken.</exception>
    public void Add(string name, T value, PluginFile? plugin)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!ShortName().IsMatch(name))
            throw new ArgumentException($"expected the name of a {_kind} to be small letters and digits, with single hyphens between them, found {Untrusted.Quote(name)}", nameof(name));
        lock (_adding)
        {
            if (EntryOf(name) is { } taken)
            {
                var owner = taken.Plugin is { } other ? $"the plugin {Untrusted.Quote(other.Name)}" : OwnNames.Contains(name) ? "mdf itself" : "this program";
                throw new InputException($"the name '{name}' of a {_kind} is taken by {owner}: choose another name");
            }

            _entries = [.. _entries, new Entry(name, value, plugin)];
        }
    }

    private Entry? EntryOf(string name) => _entries.FirstOrDefault(entry => entry.Name == name);

    private sealed record Entry(string Name, T Value, PluginFile? Plugin);

    [GeneratedRegex(@"\A[a-z][a-z0-9]*(-[a-z0-9]+)*\z")]
    private static partial Regex ShortName();
}
