using System.Text;
using System.Text.Json.Serialization;
using Mdf.Evaluation;
using Mdf.Evaluation.Statistics;

namespace Mdf.Reports.Site;

/// <summary>The content of a site.</summary>
/// <param name="Title">Its title.</param>
/// <param name="About">A paragraph below the title.</param>
/// <param name="Tasks">The tasks.</param>
internal sealed record SiteModel(string Title, string About, IReadOnlyList<SiteTask> Tasks)
{
    /// <summary>The searches for weights and other settings.</summary>
    public IReadOnlyList<SiteSearch> Searches { get; init; } = [];
}

/// <summary>The results of one task.</summary>
/// <param name="Id">Its anchor; see <see cref="Runtime.SafeName"/>.</param>
/// <param name="Title">Its title.</param>
/// <param name="Summary">A paragraph below the title.</param>
internal sealed record SiteTask(string Id, string Title, string Summary)
{
    /// <summary>The losses, and the other restorers, in the order of the tables.</summary>
    public required IReadOnlyList<SiteRow> Rows { get; init; }

    /// <summary>The comparison on each test set. All have the rows of <see cref="Rows"/>.</summary>
    public required IReadOnlyList<SetComparison> Sets { get; init; }

    /// <summary>The pictures whose files are to be made.</summary>
    [JsonIgnore]
    public IReadOnlyList<SitePicture> Pictures { get; init; } = [];

    /// <summary>The pictures whose files are made. <see cref="SiteWriter"/> fills it.</summary>
    public IReadOnlyList<ShownPicture> Shown { get; init; } = [];

    /// <summary>The page that has the files of <see cref="Shown"/>; null if they are made from <see cref="Pictures"/>.</summary>
    [JsonIgnore]
    public SitePart? Source { get; init; }

    /// <summary>The measures of the scores of the pictures, the most important ones first.</summary>
    public IReadOnlyList<Measure> PictureMeasures { get; init; } = [];

    /// <summary>The seed of the networks whose pictures are shown; null if it does not matter.</summary>
    public long? PictureSeed { get; init; }

    /// <summary>The largest side in pixels of the part of a picture that is shown.</summary>
    public int PictureSize { get; init; } = 256;

    /// <summary>The plots.</summary>
    public IReadOnlyList<SitePlot> Plots { get; init; } = [];

    /// <summary>The number of threads of a training; null if nothing was trained here.</summary>
    public int? Threads { get; init; }

    /// <summary>How to repeat the results.</summary>
    public IReadOnlyList<SiteCommands> Commands { get; init; } = [];

    /// <summary>Problems: runs without results, and results that could not be compared, one sentence each.</summary>
    public IReadOnlyList<SiteProblem> Problems { get; init; } = [];
}

/// <summary>A part of a page that was written before.</summary>
/// <param name="Folder">The folder of the page.</param>
/// <param name="Id">The anchor of the task or the search there.</param>
internal sealed record SitePart(string Folder, string Id);

/// <summary>Lines to copy: commands, or a file.</summary>
/// <param name="Title">A title.</param>
/// <param name="Lines">The lines.</param>
internal sealed record SiteCommands(string Title, IReadOnlyList<string> Lines);

/// <summary>A loss, or another restorer.</summary>
/// <param name="Id">Its anchor.</param>
/// <param name="Name">Its name.</param>
internal sealed record SiteRow(string Id, string Name)
{
    /// <summary>The loss expression, or the restorer; null if the name says it all.</summary>
    public string? Expression { get; init; }

    /// <summary>Whether it is the distorted input itself. The viewer has this already.</summary>
    public bool IsInput { get; init; }

    /// <summary>The measures that the networks were trained with, by their names: these say little about them.</summary>
    public IReadOnlyList<string> TrainedMeasures { get; init; } = [];

    /// <summary>The time of one step of the training in milliseconds; null if it was not trained here.</summary>
    public double? StepMilliseconds { get; init; }

    /// <summary>The number of steps of one training; null if it was not trained here.</summary>
    public int? Steps { get; init; }

    /// <summary>The number of trained networks.</summary>
    public int Networks { get; init; }
}

/// <summary>A picture to show.</summary>
/// <param name="Id">Its anchor.</param>
/// <param name="Title">Its name.</param>
/// <param name="Credit">Who made it, and its licence; empty if this is not known.</param>
/// <param name="Original">The file of the picture without distortion.</param>
/// <param name="Distorted">The distorted file.</param>
/// <param name="Restored">For each row, the restored file; null without a result.</param>
/// <param name="Scores">For each row, its scores as texts, one for each of <see cref="SiteTask.PictureMeasures"/>, null for a score that it lacks; null without a result.</param>
internal sealed record SitePicture(
    string Id, string Title, string Credit, string Original, string Distorted, IReadOnlyList<string?> Restored, IReadOnlyList<IReadOnlyList<string?>?> Scores);

/// <summary>A part of a picture, in pixels.</summary>
/// <param name="X">The left edge.</param>
/// <param name="Y">The upper edge.</param>
/// <param name="Width">The width.</param>
/// <param name="Height">The height.</param>
internal readonly record struct PicturePart(int X, int Y, int Width, int Height);

/// <summary>The error maps of one picture.</summary>
/// <param name="Id">The key of the measure, such as <c>flip</c>.</param>
/// <param name="Name">Its name for people.</param>
/// <param name="Brightest">The value that has the brightest colour, the same for all rows. Larger values have it too.</param>
/// <param name="Files">For each row, the file; null without a result.</param>
internal sealed record ShownMaps(string Id, string Name, double Brightest, IReadOnlyList<string?> Files)
{
    /// <summary>The file of a row.</summary>
    /// <param name="id">The key of the measure.</param>
    /// <param name="row">The row.</param>
    public static string FileOf(string id, SiteRow row) => (row.IsInput ? $"original/{id}" : $"{id}/{row.Id}") + ShownPicture.Extension;
}

/// <summary>The files of one picture of a site. The names of files are relative to <see cref="FolderOf(string)"/>.</summary>
/// <param name="Id">Its anchor.</param>
/// <param name="Title">Its name.</param>
/// <param name="Credit">Who made it.</param>
/// <param name="Width">The width of all files, in pixels.</param>
/// <param name="Height">Their height.</param>
/// <param name="WholeWidth">The width of the whole picture, of which the files may be a part.</param>
/// <param name="WholeHeight">Its height.</param>
/// <param name="Crop">The part where the losses differ most.</param>
/// <param name="Original">The picture without distortion.</param>
/// <param name="Distorted">The distorted picture, enlarged to the same size.</param>
/// <param name="Restored">For each row, the restored picture; null without a result.</param>
/// <param name="Maps">The error maps.</param>
/// <param name="Scores">For each row, its scores.</param>
internal sealed record ShownPicture(
    string Id, string Title, string Credit, int Width, int Height, int WholeWidth, int WholeHeight, PicturePart Crop, string Original, string Distorted,
    IReadOnlyList<string?> Restored, IReadOnlyList<ShownMaps> Maps, IReadOnlyList<IReadOnlyList<string?>?> Scores)
{
    /// <summary>The ending of all files.</summary>
    public const string Extension = ".webp";

    /// <summary>The file of the picture without distortion.</summary>
    public const string ReferenceFile = $"original/reference{Extension}";

    /// <summary>The file of the distorted picture.</summary>
    public const string InputFile = $"original/distorted{Extension}";

    /// <summary>The file of a row.</summary>
    /// <param name="row">The row.</param>
    public static string FileOf(SiteRow row) => row.IsInput ? InputFile : row.Id + Extension;

    /// <summary>All files.</summary>
    [JsonIgnore]
    public IEnumerable<string> Files => [Original, Distorted, .. Restored.Concat(Maps.SelectMany(map => map.Files)).OfType<string>()];

    /// <summary>The folder, relative to the page, with a slash at the end.</summary>
    /// <param name="task">The anchor of the task.</param>
    public string FolderOf(string task) => FolderOf(task, Id);

    /// <inheritdoc cref="FolderOf(string)"/>
    /// <param name="task">The anchor of the task.</param>
    /// <param name="picture">The anchor of the picture.</param>
    public static string FolderOf(string task, string picture) => $"pictures/{task}/{picture}/";
}

/// <summary>A plot.</summary>
/// <param name="Name">Its file name.</param>
/// <param name="Alternative">A text that says what it shows.</param>
/// <param name="Caption">Its caption.</param>
internal sealed record SitePlot(string Name, string Alternative, string Caption)
{
    /// <summary>The bytes of the file.</summary>
    [JsonIgnore]
    public ReadOnlyMemory<byte> Content { get; init; }

    /// <summary>Its width on the page, in pixels.</summary>
    public int Width { get; init; } = Plots.Width / 2;

    /// <summary>Its height on the page, in pixels.</summary>
    public int Height { get; init; } = Plots.Height / 2;

    /// <summary>Creates a plot from SVG.</summary>
    /// <param name="name">Its file name, without extension.</param>
    /// <param name="svg">The text of the file.</param>
    /// <param name="alternative">A text that says what it shows.</param>
    /// <param name="caption">Its caption.</param>
    public static SitePlot OfSvg(string name, string svg, string alternative, string caption) => new($"{name}.svg", alternative, caption) { Content = Encoding.UTF8.GetBytes(svg) };

    /// <summary>Its file, relative to the page.</summary>
    /// <param name="part">The anchor of its task or search.</param>
    public string FileOf(string part) => $"plots/{part}-{Name}";
}

/// <summary>A search: one experiment with many settings, measured on validation images.</summary>
/// <param name="Id">Its anchor.</param>
/// <param name="Title">Its title.</param>
/// <param name="Summary">A paragraph below the title.</param>
internal sealed record SiteSearch(string Id, string Title, string Summary)
{
    /// <summary>The measures.</summary>
    public required IReadOnlyList<Measure> Measures { get; init; }

    /// <summary>The settings.</summary>
    public required IReadOnlyList<SiteSetting> Settings { get; init; }

    /// <summary>The plots.</summary>
    public IReadOnlyList<SitePlot> Plots { get; init; } = [];

    /// <summary>The page that it is from; null if it is from a run.</summary>
    [JsonIgnore]
    public SitePart? Source { get; init; }

    /// <summary>Problems: trainings without results, and measures that are not known here.</summary>
    public IReadOnlyList<SiteProblem> Problems { get; init; } = [];
}

/// <summary>A setting of a search.</summary>
/// <param name="Name">The setting, such as <c>loss=VGG, w=0.1</c>.</param>
/// <param name="Networks">The number of its networks, which differ in their seeds.</param>
/// <param name="IsChosen">Whether it was chosen.</param>
/// <param name="Values">For each measure, the mean over the networks and its standard deviation; null without a value.</param>
internal sealed record SiteSetting(string Name, int Networks, bool IsChosen, IReadOnlyList<SiteValue?> Values);

/// <summary>The value of a setting in one measure.</summary>
/// <param name="Mean">The mean over the networks.</param>
/// <param name="Deviation">Their standard deviation; null for one network.</param>
internal sealed record SiteValue(double Mean, double? Deviation);

/// <summary>Something that went wrong, or could not be compared.</summary>
/// <param name="Subject">The loss or run; null if it is about all.</param>
/// <param name="Text">A sentence.</param>
internal sealed record SiteProblem(string? Subject, string Text);
