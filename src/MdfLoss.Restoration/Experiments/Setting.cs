namespace Mdf.Experiments;

/// <summary>The place of a setting, for messages.</summary>
/// <param name="Source">The file in quotes, or the argument that sets it.</param>
/// <param name="Line">The line in the file, from 1; 0 for the whole file or an argument.</param>
internal readonly record struct Place(string Source, int Line)
{
    public override string ToString() => Line > 0 ? $"{Source}, line {Line}" : Source;
}

/// <summary>A value of an experiment file. It supports only the parts of YAML that an experiment needs; everything else is refused.</summary>
/// <param name="Place">The place where it starts.</param>
/// <param name="Kind">The kind of the value, for messages.</param>
internal abstract record Setting(Place Place, string Kind)
{
    /// <summary>Whether the value is empty. Then the key counts as omitted.</summary>
    public virtual bool IsNull => false;
}

/// <summary>A single value.</summary>
/// <param name="Place">The place where it starts.</param>
/// <param name="Text">The value without quotes.</param>
/// <param name="IsQuoted">Whether it was in quotes. Then it is text, even if it looks like a number.</param>
internal sealed record SettingText(Place Place, string Text, bool IsQuoted) : Setting(Place, "text")
{
    public override bool IsNull => !IsQuoted && Text is ("" or "~" or "null");
}

/// <summary>A list of values.</summary>
/// <param name="Place">The place where it starts.</param>
/// <param name="Items">Its values.</param>
internal sealed record SettingList(Place Place, IReadOnlyList<Setting> Items) : Setting(Place, "a list");

/// <summary>Keys and their values, in order.</summary>
/// <param name="Place">The place where it starts.</param>
/// <param name="Entries">The values by key, each with the place of the key.</param>
internal sealed record SettingMap(Place Place, OrderedDictionary<string, (Place Place, Setting Value)> Entries) : Setting(Place, "keys of its own")
{
    /// <summary>Returns a copy whose keys can be set without changing this mapping.</summary>
    public SettingMap Copy() => this with
    {
        Entries = new(Entries.Select(entry => KeyValuePair.Create(entry.Key, entry.Value.Value is SettingMap inner ? (entry.Value.Place, inner.Copy()) : entry.Value)), StringComparer.Ordinal),
    };
}
