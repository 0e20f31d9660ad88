using System.Globalization;
using System.Numerics;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Experiments;

/// <summary>
/// One mapping of an experiment file, with access to its values by key. A key without a value counts as omitted and gives null.
/// </summary>
internal sealed class Section
{
    private readonly Place _place;
    private readonly string _prefix;
    private readonly SettingMap _map;

    private Section(Place place, string name, SettingMap map) => (_place, _prefix, _map) = (place, name.Length > 0 ? $"{name}." : "", map);

    /// <summary>The place of the section.</summary>
    public Place Place => _place;

    /// <summary>Whether the section is omitted or has no keys.</summary>
    public bool IsEmpty => _map.Entries.Count == 0;

    /// <summary>Opens the whole file.</summary>
    /// <param name="place">The file.</param>
    /// <param name="root">The content of the file.</param>
    /// <param name="known">The allowed keys.</param>
    /// <exception cref="InputException">The file has another key.</exception>
    public static Section Open(Place place, SettingMap root, IReadOnlyList<string> known) => new Section(place, "", root).Allowing(known);

    /// <summary>Opens a section. If it is omitted, it is empty.</summary>
    /// <param name="name">The key of the section.</param>
    /// <param name="known">The allowed keys; null if they are checked elsewhere.</param>
    /// <exception cref="InputException">The section is not a mapping, or has another key.</exception>
    public Section Inner(string name, IReadOnlyList<string>? known = null)
    {
        var section = Find(name) switch
        {
            null => new Section(PlaceOf(name), name, new SettingMap(PlaceOf(name), [])),
            SettingMap map => new Section(_map.Entries[name].Place, name, map),
            var other => throw Unexpected(name, "keys of its own, one a line and indented", other),
        };
        return known is null ? section : section.Allowing(known);
    }

    /// <summary>Reads one line of text.</summary>
    public string? Text(string key, ValueRange<string> range) => Find(key) is { } value ? ReadText(key, value, range) : null;

    /// <summary>Reads one line of text, or a list of lines.</summary>
    public IReadOnlyList<string>? Texts(string key, ValueRange<string> range) => Find(key) switch
    {
        null => null,
        SettingList { Items.Count: > 0 } list => [.. list.Items.Select(item => ReadText(key, item, range))],
        SettingList list => throw new InputException($"{list.Place}: expected '{_prefix}{key}' to name at least one, found an empty list"),
        var single => [ReadText(key, single, range)],
    };

    /// <summary>Reads all other keys, each with one line of text. A list becomes one line, with commas between its values.</summary>
    /// <param name="known">The key to exclude; null to read all keys.</param>
    /// <param name="names">The range of keys.</param>
    /// <param name="values">The range of values.</param>
    public IReadOnlyDictionary<string, string> Rest(string? known, ValueRange<string> names, ValueRange<string> values)
    {
        var rest = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, entry) in _map.Entries.Where(entry => entry.Key != known))
        {
            if (!names.Contains(key))
                throw new InputException($"{entry.Place}: expected the keys of '{_prefix.TrimEnd('.')}' to be {names.Words}, found {Untrusted.Quote(key)}");
            if (Texts(key, values) is { } texts)
                rest.Add(key, string.Join(',', texts));
        }

        return rest;
    }

    /// <summary>Reads a whole number.</summary>
    public T? Integer<T>(string key, ValueRange<T> range)
        where T : struct, IBinaryInteger<T> => Find(key) is { } value ? ReadNumber(key, value, range) : null;

    /// <summary>Reads a number.</summary>
    public double? Number(string key, ValueRange<double> range) => Find(key) is { } value ? ReadNumber(key, value, range) : null;

    /// <summary>Reads a list of numbers, or a single number.</summary>
    public IReadOnlyList<T>? Numbers<T>(string key, ValueRange<T> range)
        where T : struct, INumber<T> => Find(key) switch
        {
            null => null,
            SettingList list => [.. list.Items.Select(item => ReadNumber(key, item, range))],
            var single => [ReadNumber(key, single, range)],
        };

    /// <summary>Reads true or false.</summary>
    public bool? Flag(string key) => Find(key) switch
    {
        null => null,
        SettingText { IsQuoted: false, Text: "true" } => true,
        SettingText { IsQuoted: false, Text: "false" } => false,
        var other => throw Unexpected(key, "true or false", other),
    };

    /// <summary>Reads one of several words.</summary>
    public string? Word(string key, IReadOnlyList<string> known) => Find(key) switch
    {
        null => null,
        SettingText text when known.Contains(text.Text) => text.Text,
        var other => throw Unexpected(key, string.Join(" or ", known), other),
    };

    /// <summary>Creates the exception for a required key that is omitted or has no value.</summary>
    public InputException Missing(string key, string expected) => new($"{PlaceOf(key)}: '{_prefix}{key}' is missing; expected {expected}");

    /// <summary>Creates the exception for a value that has the right kind but cannot be used.</summary>
    public InputException Refused(string key, string reason) => new($"{PlaceOf(key)}: {reason}");

    /// <summary>Refuses keys that would have no effect.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="reason">The condition under which they have an effect, and why it is not met.</param>
    /// <exception cref="InputException">One of them has a value.</exception>
    public void Exclude(IEnumerable<string> keys, string reason)
    {
        if (keys.FirstOrDefault(key => Find(key) is not null) is { } found)
            throw new InputException($"{_map.Entries[found].Place}: '{_prefix}{found}' {reason}; leave it out");
    }

    private Section Allowing(IReadOnlyList<string> known)
    {
        if (_map.Entries.Keys.FirstOrDefault(key => !known.Contains(key)) is not { } unknown)
            return this;
        var where = _prefix.Length > 0 ? $" in '{_prefix.TrimEnd('.')}'" : "";
        var hint = NearestName.Find(unknown, known) is { } nearest ? $"did you mean '{nearest}'?" : $"known are {string.Join(", ", known)}";
        throw new InputException($"{_map.Entries[unknown].Place}: unknown key {Untrusted.Quote(unknown)}{where}: {hint}");
    }

    private Setting? Find(string key) => _map.Entries.TryGetValue(key, out var entry) && !entry.Value.IsNull ? entry.Value : null;

    private Place PlaceOf(string key) => _map.Entries.TryGetValue(key, out var entry) ? entry.Value.Place : _place;

    private string ReadText(string key, Setting value, ValueRange<string> range) =>
        value is SettingText text && range.Contains(text.Text) ? text.Text : throw Unexpected(key, range.Words, value);

    private T ReadNumber<T>(string key, Setting value, ValueRange<T> range)
        where T : struct, INumber<T>
    {
        var styles = typeof(T) == typeof(double) ? NumberStyles.Float : NumberStyles.AllowLeadingSign;
        return value is SettingText { IsQuoted: false } text && T.TryParse(text.Text, styles, CultureInfo.InvariantCulture, out var number) && range.Contains(number)
            ? number
            : throw Unexpected(key, range.Words, value);
    }

    private InputException Unexpected(string key, string expected, Setting found) => new(
        $"{found.Place}: expected '{_prefix}{key}' to be {expected}, found {found switch
        {
            { IsNull: true } => "nothing",
            SettingText { IsQuoted: true } text => $"the text {Untrusted.Quote(text.Text)} in quotes",
            SettingText text => Untrusted.Quote(text.Text),
            _ => found.Kind,
        }}");
}
