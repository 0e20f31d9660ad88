using System.Security.Cryptography;
using System.Text;

namespace Mdf.Experiments.Sweeps;

/// <summary>A named loss of a sweep.</summary>
/// <param name="Name">The name in the names of cells and in tables.</param>
/// <param name="Expression">The loss expression, which may contain weights of the sweep: <c>mse+w*vgg16</c>.</param>
/// <param name="Place">The place of the expression in the file.</param>
internal sealed record SweepLoss(string Name, string Expression, Place Place);

/// <summary>One cell of a sweep: an experiment with certain values of the axes, which writes an ordinary run folder.</summary>
internal sealed class SweepCell
{
    /// <summary>Creates a cell.</summary>
    /// <param name="index">The number of the cell in its sweep, from 0.</param>
    /// <param name="setting">The loss and the values of the axes, without the seed.</param>
    /// <param name="seed">The seed; null if the sweep has no seeds of its own.</param>
    /// <param name="experiment">The experiment.</param>
    /// <param name="rules">The keys of the sweep that have an effect on a cell, as text.</param>
    public SweepCell(int index, SweepSetting setting, long? seed, Experiment experiment, string rules)
    {
        (Index, Setting, Seed, Experiment) = (index, setting, seed, experiment);
        Name = string.Join(',', setting.Parts.Concat(seed is { } number ? [("seed", YamlText.From(number))] : []).Select(part => $"{Safe(part.Name)}={Safe(part.Value)}"));
        if (Name.Length == 0)
            Name = "only";
        // The first line of the file names the version of the program.
        Settings = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(experiment.ToYaml().Split('\n', 2)[1] + rules)));
    }

    /// <summary>The number of the cell in its sweep, from 0.</summary>
    public int Index { get; }

    /// <summary>The loss and the values of the axes, without the seed.</summary>
    public SweepSetting Setting { get; }

    /// <summary>The seed; null if the sweep has no seeds of its own.</summary>
    public long? Seed { get; }

    /// <summary>The experiment.</summary>
    public Experiment Experiment { get; }

    /// <summary>The name of the cell and of its folder, such as <c>loss=VGG,w=0.1,seed=1</c>.</summary>
    public string Name { get; }

    /// <summary>The SHA-256 of everything that has an effect on the results of the cell.</summary>
    public string Settings { get; }

    // Letters of other alphabets are kept; other characters could have a meaning for a shell or a file system.
    private static string Safe(string text) => string.Concat(text.Select(c => char.IsLetterOrDigit(c) || c is '.' or '_' or '+' or '-' ? c : '_'));
}

/// <summary>What a cell varies, without the seed: cells of the same setting differ in their seeds only.</summary>
/// <param name="Loss">The named loss; null if the sweep names none.</param>
/// <param name="Values">The value on each axis of the sweep, in the order of the file; null for a weight that the loss does not use.</param>
internal sealed record SweepSetting(SweepLoss? Loss, IReadOnlyList<(SweepAxis Axis, SweepValue? Value)> Values)
{
    /// <summary>The names and values, in order.</summary>
    public IEnumerable<(string Name, string Value)> Parts =>
    [
        .. Loss is null ? [] : new[] { ("loss", Loss.Name) },
        .. Values.Where(entry => entry.Value is not null).Select(entry => (entry.Axis.Name, entry.Value!.Name)),
    ];

    /// <summary>The value on an axis; null if the axis does not count for the loss.</summary>
    public SweepValue? this[SweepAxis axis] => Values.First(entry => entry.Axis == axis).Value;

    /// <summary>The setting as one line, for messages: <c>loss=VGG, w=0.1</c>.</summary>
    public override string ToString() => string.Join(", ", Parts.Select(part => $"{part.Name}={part.Value}"));
}
