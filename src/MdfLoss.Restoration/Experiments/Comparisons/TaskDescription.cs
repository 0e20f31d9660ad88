namespace Mdf.Experiments.Comparisons;

/// <summary>The results of one network, or of one restorer that is not trained.</summary>
/// <param name="Seed">The seed; null for a restorer that is not trained.</param>
/// <param name="Folder">Its folder, relative to that of the task.</param>
internal sealed record DescribedResult(long? Seed, string Folder);

/// <summary>One row of the tables.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Loss">The loss expression; null for a restorer that is not trained.</param>
/// <param name="Results">The networks, one for each seed.</param>
/// <param name="Restorer">The restorer, such as <c>bicubic</c>, without the path of a folder or file; null for networks that were trained.</param>
internal sealed record DescribedRow(string Name, string? Loss, IReadOnlyList<DescribedResult> Results, string? Restorer = null);

/// <summary>A picture that is shown.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Credit">Who made it, and its licence; empty if this is not known.</param>
internal sealed record DescribedPicture(string Name, string Credit);

/// <summary>The description of a task for a report: <c>task.json</c> in the folder of the task.</summary>
/// <param name="Comparison">The title of the comparison.</param>
/// <param name="About">The paragraph below the title; null if there is none.</param>
/// <param name="Order">The place of the task in the comparison, from 0.</param>
/// <param name="Id">The name of the task.</param>
/// <param name="Title">The title for people.</param>
/// <param name="Task">The task, such as <c>jpeg:10</c>.</param>
/// <param name="Network">The architecture.</param>
/// <param name="Sets">The names of the test sets.</param>
/// <param name="Measures">The names of the measures.</param>
/// <param name="Baseline">The row whose network is joined with the others; null if there is none.</param>
/// <param name="Rows">The rows of the tables.</param>
/// <param name="Pictures">The pictures that are shown.</param>
/// <param name="PictureSize">The largest side in pixels of the part that is shown.</param>
/// <param name="Threads">The number of threads of a training.</param>
/// <param name="Settings">The SHA-256 of the measures and the test images. Scores with other settings are left out.</param>
/// <param name="PicturesSettings">The SHA-256 of the measures and the pictures. Pictures with other settings are left out.</param>
/// <param name="Training">How the networks were trained, for people; null if this is not known.</param>
internal sealed record TaskDescription(
    string Comparison, string? About, int Order, string Id, string Title, string Task, string Network, IReadOnlyList<string> Sets, IReadOnlyList<string> Measures, string? Baseline,
    IReadOnlyList<DescribedRow> Rows, IReadOnlyList<DescribedPicture> Pictures, int PictureSize, int Threads, string Settings, string PicturesSettings, string? Training = null)
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "task.json";

    /// <summary>Writes the file.</summary>
    /// <param name="folder">The folder of the task.</param>
    public void Write(string folder) => DescriptionFile.Write(Path.Combine(folder, FileName), this);

    /// <summary>Reads the file.</summary>
    /// <param name="folder">The folder of the task.</param>
    /// <exception cref="Runtime.InputException">It is missing, or is something else.</exception>
    public static TaskDescription Read(string folder) => DescriptionFile.Read<TaskDescription>(
        Path.Combine(folder, FileName), task => task.IsUsable(), "expected the description of a task of a comparison, found something else: run the comparison again");

    // Longer texts would fill a page.
    private const int LongestText = 10_000;

    // The file is not trusted: no name may lead out of the folder.
    private bool IsUsable() =>
        Rows is { Count: > 0 } && Pictures is not null && Sets?.All(set => set is not null) == true && Measures?.All(measure => measure is not null) == true
        && Id is not null && Title is not null && Comparison is not null && Task is not null && Network is not null && Settings is not null && PicturesSettings is not null
        && (Training?.Length ?? 0) <= LongestText
        && Rows.All(row => row?.Name is not null && (row.Loss?.Length ?? 0) <= LongestText && (row.Restorer?.Length ?? 0) <= LongestText && row.Results is { Count: > 0 } && row.Results.All(result => result?.Folder is { } folder && IsInside(folder)))
        && Pictures.All(picture => picture?.Name is { } name && Path.GetFileName(name) == name && name.Length > 0 && picture.Credit is not null)
        && PictureSize is >= 32 and <= 4096;

    private static bool IsInside(string folder) => !Path.IsPathRooted(folder) && folder.Split('/', '\\').All(part => part is not (".." or ""));
}
