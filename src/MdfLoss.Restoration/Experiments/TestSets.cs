using Mdf.Runtime;

namespace Mdf.Experiments;

/// <summary>The test sets of a sweep or of a comparison. A sweep measures only the chosen setting on them, so that nothing is chosen by them.</summary>
/// <param name="Folders">The folders of the clean images, or single images; at least one.</param>
/// <param name="Niqe">The path of NIQE's model; null if NIQE is not measured.</param>
/// <param name="Measures">The measures; null for the default ones.</param>
internal sealed record TestSets(IReadOnlyList<string> Folders, string? Niqe, IReadOnlyList<string>? Measures)
{
    private static readonly string[] s_keys = ["data", "niqe", "measures"];

    /// <summary>Reads the section <c>test</c>; null if there is none.</summary>
    /// <param name="root">The file.</param>
    /// <exception cref="InputException">A key is unknown or missing.</exception>
    public static TestSets? Read(Section root)
    {
        var section = root.Inner("test", s_keys);
        return section.IsEmpty ? null : new TestSets(
            section.Texts("data", Experiment.TextRange) ?? throw section.Missing("data", "a folder of images, or a list of folders"),
            section.Text("niqe", Experiment.TextRange), section.Texts("measures", Experiment.TextRange));
    }
}
