namespace Mdf.Experiments;

/// <summary>Where a setting stands, for messages.</summary>
/// <param name="Source">The file in quotes, or the argument that sets it.</param>
/// <param name="Line">The line in the file, from 1; 0 for the whole file or an argument.</param>
internal readonly record struct Place(string Source, int Line)
{
    public override string ToString() => Line > 0 ? $"{Source}, line {Line}" : Source;
}

/// <summary>A value of an experiment file: what is left of YAML when everything is refused that an experiment does not need.</summary>
/// <param name="Place">Where it begins.</param>
/// <param name="Kind">What it is, for messages.</param>
internal abstract record Setting(Place Place, string Kind)
{
    /// <summary>Whether it says nothing, which is as if the key were left out.</summary>
    public virtual bool IsNull => false;
}

/// <summary>A single value.</summary>
/// <param name="Place">Where it begins.</param>
/// <param name="Text">The value without quotes.</param>
/// <param name="IsQuoted">Whether it was in quotes: then it is text, even where it looks like a number.</param>
internal sealed record SettingText(Place Place, string Text, bool IsQuoted) : Setting(Place, "text")
{
    public override bool IsNull => !IsQuoted && Text is ("" or "~" or "null");
}

/// <summary>A list of values.</summary>
/// <param name="Place">Where it begins.</param>
/// <param name="Items">Its values.</param>
internal sealed record SettingList(Place Place, IReadOnlyList<Setting> Items) : Setting(Place, "a list");

/// <summary>Keys and their values, in order.</summary>
/// <param name="Place">Where it begins.</param>
/// <param name="Entries">The values by key, each with the place of the key.</param>
internal sealed record SettingMap(Place Place, OrderedDictionary<string, (Place Place, Setting Value)> Entries) : Setting(Place, "keys of its own");
