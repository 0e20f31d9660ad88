using Mdf.Experiments.Sweeps;
using Mdf.Training;

namespace Mdf.Experiments.Comparisons;

/// <summary>One task of a comparison: the networks to train, and what is done with them.</summary>
/// <param name="Id">The name of its folder and of its part of the page, such as <c>jpeg10</c>.</param>
/// <param name="Title">The title for people.</param>
/// <param name="Sweep">The trainings: one cell for each loss and seed.</param>
internal sealed record ComparisonTask(string Id, string Title, Sweep Sweep)
{
    /// <summary>The test sets, on which every network is measured.</summary>
    public required TestSets Test { get; init; }

    /// <summary>The pictures to show; null if none are shown.</summary>
    public GalleryPictures? Gallery { get; init; }

    /// <summary>Other results beside those of the networks, such as those of another program.</summary>
    public IReadOnlyList<ComparedRestorer> Restorers { get; init; } = [];

    /// <summary>The name of the loss whose networks are joined with those of every other by interpolation; null if there are no such curves.</summary>
    public string? Baseline { get; init; }
}

/// <summary>A restorer beside the networks that are trained.</summary>
/// <param name="Name">The name in tables.</param>
/// <param name="Value">The restorer, as for <c>mdf evaluate</c>: <c>bicubic</c>, <c>identity</c>, <c>folder:PATH</c>, or a network file.</param>
internal sealed record ComparedRestorer(string Name, string Value);

/// <summary>The pictures that a comparison shows.</summary>
/// <param name="Files">Folders of clean images, or single images; at least one.</param>
/// <param name="Size">The largest side in pixels of the part that is shown. Of a larger picture the part is shown where the losses differ most.</param>
/// <param name="Credits">Who made a picture, and its licence, by the names of the pictures.</param>
internal sealed record GalleryPictures(IReadOnlyList<string> Files, int Size, IReadOnlyDictionary<string, string> Credits)
{
    /// <summary>The size if the file names none.</summary>
    public const int DefaultSize = 256;

    private static readonly string[] s_keys = ["data", "size", "credits"];

    /// <summary>Reads the section <c>gallery</c>; null if there is none.</summary>
    /// <param name="root">The file.</param>
    /// <exception cref="Runtime.InputException">A key is unknown or missing.</exception>
    public static GalleryPictures? Read(Section root)
    {
        var section = root.Inner("gallery", s_keys);
        return section.IsEmpty ? null : new GalleryPictures(
            section.Texts("data", Experiment.TextRange) ?? throw section.Missing("data", "a folder of images, or a list of folders and images"),
            section.Integer("size", ValueRange.Whole(32, 4096)) ?? DefaultSize,
            section.Inner("credits").Rest(known: null, new ValueRange<string>("names of pictures", Experiment.TextRange.Contains), Experiment.TextRange));
    }
}
