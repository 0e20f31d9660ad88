using System.Globalization;
using System.Text.RegularExpressions;
using Mdf.Evaluation;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Experiments.Sweeps;

/// <summary>One value of an axis.</summary>
/// <param name="Name">The value in the names of cells and in tables.</param>
/// <param name="Setting">The value as in an experiment file.</param>
/// <param name="Number">The value as a number; null if it is none.</param>
internal sealed record SweepValue(string Name, Setting Setting, double? Number);

/// <summary>An axis of a sweep: a key of the experiment, or the name of a weight in the losses, and the values that it takes.</summary>
/// <param name="Key">The path of the key, such as <c>schedule.learning_rate</c>, or the name of the weight, such as <c>w</c>.</param>
/// <param name="Place">The place of the axis in the file.</param>
/// <param name="Values">The values, in the order of the file; at least one.</param>
/// <param name="IsWeight">Whether the axis is a weight. It counts only for the losses that use it.</param>
internal sealed partial record SweepAxis(string Key, Place Place, IReadOnlyList<SweepValue> Values, bool IsWeight)
{
    // Significant digits of the values of log(…): enough for a search, and short in names. Those of linear(…) have all that hide the rounding of the step.
    private const int LogarithmicDigits = 4;
    private const int LinearDigits = 12;

    // From this ratio on, positive numbers are drawn on a logarithmic axis.
    private const double LogarithmicRatio = 30;

    private static readonly ValueRange<string> s_function = new("values: a list, log(low, high, count) or linear(low, high, count)", text => Function().IsMatch(text));

    private static readonly ValueRange<int> s_count = ValueRange.Whole(2, 1000);

    /// <summary>The name in the names of cells and in tables: the last part of the key.</summary>
    public string Name => Key.Split('.')[^1];

    /// <summary>Whether all values are numbers.</summary>
    public bool IsNumeric => Values.All(value => value.Number is not null);

    /// <summary>Whether the numbers belong on a logarithmic axis.</summary>
    public bool IsLogarithmic => IsNumeric && Values.All(value => value.Number > 0) && Values.Max(value => value.Number) >= LogarithmicRatio * Values.Min(value => value.Number);

    /// <summary>Whether a name is that of another column of the tables, so that no weight can have it.</summary>
    /// <param name="name">The name.</param>
    public static bool IsReserved(string name) => name is "cell" or "loss" or "seed" or "seeds" or "state" or "iteration" or "validation_loss" || Measures.Names.Contains(name);

    /// <summary>Reads an axis.</summary>
    /// <param name="key">The path of the key, or the name of the weight.</param>
    /// <param name="place">The place of the key.</param>
    /// <param name="setting">A list, a mapping from names to values, or a text such as <c>log(1e-3, 10, 5)</c>.</param>
    /// <param name="isWeight">Whether it is a weight: then its values are positive numbers.</param>
    /// <exception cref="InputException">The values cannot be read, or one occurs twice.</exception>
    public static SweepAxis Read(string key, Place place, Setting setting, bool isWeight)
    {
        SweepValue[] values = setting switch
        {
            SettingList list => [.. list.Items.Select(item => new SweepValue(TextOf(item), item, NumberOf(item)))],
            SettingMap map => [.. map.Entries.Select(entry => new SweepValue(entry.Key, entry.Value.Value, NumberOf(entry.Value.Value)))],
            SettingText text when s_function.Contains(text.Text) => [.. Numbers(text)],
            _ => throw new InputException($"{setting.Place}: expected the axis '{key}' to have {s_function.Words}, found {(setting is SettingText { IsNull: false } text ? Untrusted.Quote(text.Text) : "nothing")}"),
        };
        if (values.Length == 0)
            throw new InputException($"{setting.Place}: expected at least one value for the axis '{key}', found an empty list");
        if (values.GroupBy(value => value.Name).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"{setting.Place}: expected different values for the axis '{key}', found '{twice.Key}' {twice.Count()} times");
        if (isWeight && values.FirstOrDefault(value => value.Number is not > 0 || value.Setting is not SettingText) is { } wrong)
            throw new InputException($"{wrong.Setting.Place}: expected the values of the weight '{key}' to be positive numbers, found '{wrong.Name}'");
        return new SweepAxis(key, place, values, isWeight);
    }

    private static IEnumerable<SweepValue> Numbers(SettingText text)
    {
        var match = Function().Match(text.Text);
        var name = match.Groups[1].Value;
        string[] parts = [.. match.Groups[2].Value.Split(',', StringSplitOptions.TrimEntries)];
        if (parts.Length != 3 || NumberOf(parts[0]) is not { } low || NumberOf(parts[1]) is not { } high
            || !int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var count) || !s_count.Contains(count) || low >= high || name == "log" && low <= 0)
        {
            throw new InputException($"{text.Place}: expected {name}(low, high, count) with {(name == "log" ? "0 < low < high" : "low < high")} and {s_count.Words} values, found {Untrusted.Quote(text.Text)}");
        }

        for (var i = 0; i < count; i++)
        {
            var position = i / (count - 1.0);
            var value = name == "log" ? low * Math.Pow(high / low, position) : low + (high - low) * position;
            var shown = double.Parse(value.ToString($"G{(name == "log" ? LogarithmicDigits : LinearDigits)}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
            yield return new SweepValue(YamlText.From(shown), new SettingText(text.Place, YamlText.From(shown), IsQuoted: false), shown);
        }
    }

    private static string TextOf(Setting setting) => setting switch
    {
        SettingList list => string.Join('+', list.Items.Select(TextOf)),
        { IsNull: true } => "null",
        SettingText text => text.Text,
        _ => throw new InputException($"{setting.Place}: expected a value or a list, found {setting.Kind}; to name the values write 'name: value' lines without '-'"),
    };

    private static double? NumberOf(Setting setting) => setting is SettingText { IsQuoted: false } text ? NumberOf(text.Text) : null;

    private static double? NumberOf(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    [GeneratedRegex(@"\A(log|linear)\(([^()]*)\)\z")]
    private static partial Regex Function();
}
