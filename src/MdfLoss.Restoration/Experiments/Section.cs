using System.Globalization;
using System.Numerics;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Experiments;

/// <summary>
/// One mapping of an experiment file, whose values are asked for by key. A key that says nothing is as good as left out, and gives null.
/// </summary>
internal sealed class Section
{
    private readonly Place _place;
    private readonly string _prefix;
    private readonly SettingMap _map;

    private Section(Place place, string name, SettingMap map) => (_place, _prefix, _map) = (place, name.Length > 0 ? $"{name}." : "", map);

    /// <summary>Opens the whole file.</summary>
    /// <param name="place">The file.</param>
    /// <param name="root">What is in it.</param>
    /// <param name="known">The keys that there are.</param>
    /// <exception cref="InputException">It has another key.</exception>
    public static Section Open(Place place, SettingMap root, IReadOnlyList<string> known) => new Section(place, "", root).Allowing(known);

    /// <summary>Opens a section; an empty one where it is left out.</summary>
    /// <param name="name">Its key.</param>
    /// <param name="known">The keys that there are; null where they are looked at elsewhere.</param>
    /// <exception cref="InputException">It is no mapping, or has another key.</exception>
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

    /// <summary>One line of text.</summary>
    public string? Text(string key, ValueRange<string> range) => Find(key) is { } value ? ReadText(key, value, range) : null;

    /// <summary>One line of text, or a list of such.</summary>
    public IReadOnlyList<string>? Texts(string key, ValueRange<string> range) => Find(key) switch
    {
        null => null,
        SettingList { Items.Count: > 0 } list => [.. list.Items.Select(item => ReadText(key, item, range))],
        SettingList list => throw new InputException($"{list.Place}: expected '{_prefix}{key}' to name at least one, found an empty list"),
        var single => [ReadText(key, single, range)],
    };

    /// <summary>Every other key, with one line of text, or a list of such as one line, with commas between them.</summary>
    /// <param name="known">The key that is not meant; null if all are.</param>
    /// <param name="names">What keys may be.</param>
    /// <param name="values">What their values may be.</param>
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

    /// <summary>A whole number.</summary>
    public T? Integer<T>(string key, ValueRange<T> range)
        where T : struct, IBinaryInteger<T> => Find(key) is { } value ? ReadNumber(key, value, range) : null;

    /// <summary>A number.</summary>
    public double? Number(string key, ValueRange<double> range) => Find(key) is { } value ? ReadNumber(key, value, range) : null;

    /// <summary>A list of numbers, or a single one.</summary>
    public IReadOnlyList<T>? Numbers<T>(string key, ValueRange<T> range)
        where T : struct, INumber<T> => Find(key) switch
        {
            null => null,
            SettingList list => [.. list.Items.Select(item => ReadNumber(key, item, range))],
            var single => [ReadNumber(key, single, range)],
        };

    /// <summary>True or false.</summary>
    public bool? Flag(string key) => Find(key) switch
    {
        null => null,
        SettingText { IsQuoted: false, Text: "true" } => true,
        SettingText { IsQuoted: false, Text: "false" } => false,
        var other => throw Unexpected(key, "true or false", other),
    };

    /// <summary>One of several words.</summary>
    public string? Word(string key, IReadOnlyList<string> known) => Find(key) switch
    {
        null => null,
        SettingText text when known.Contains(text.Text) => text.Text,
        var other => throw Unexpected(key, string.Join(" or ", known), other),
    };

    /// <summary>What is thrown where a key is needed that is left out or says nothing.</summary>
    public InputException Missing(string key, string expected) => new($"{PlaceOf(key)}: '{_prefix}{key}' is missing; expected {expected}");

    /// <summary>What is thrown where a value is of the right kind and does not do all the same.</summary>
    public InputException Refused(string key, string reason) => new($"{PlaceOf(key)}: {reason}");

    /// <summary>Refuses keys that would have no effect.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="reason">When they have one, and why not now.</param>
    /// <exception cref="InputException">One of them says something.</exception>
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
