using Mdf.Experiments.Sweeps;
using Mdf.Runtime;

namespace Mdf.Experiments.Comparisons;

/// <summary>The folder of one task of a comparison.</summary>
/// <remarks>
/// <code>
/// cells/loss=L1,seed=1/          the run folder of a network; scores.json in it has its scores, and pictures/ the restored pictures
/// restorers/bicubic/             the same for a restorer that is not trained
/// originals/, distorted/         the pictures that are shown
/// task.json                      the description of the task for a report
/// </code>
/// </remarks>
internal sealed class ComparisonFolder
{
    private readonly Dictionary<string, string> _restorers;

    /// <summary>Names the folder. Reads and creates nothing.</summary>
    /// <param name="comparison">The folder of the comparison.</param>
    /// <param name="task">The task.</param>
    public ComparisonFolder(string comparison, ComparisonTask task)
    {
        Path = System.IO.Path.Combine(comparison, task.Id);
        Sweep = new SweepFolder(Path);
        _restorers = task.Restorers.Zip(SafeName.Of(task.Restorers.Select(restorer => restorer.Name))).ToDictionary(entry => entry.First.Name, entry => entry.Second);
    }

    /// <summary>The folder of the task.</summary>
    public string Path { get; }

    /// <summary>The trainings.</summary>
    public SweepFolder Sweep { get; }

    /// <summary>The results of a trained network.</summary>
    /// <param name="cell">The cell.</param>
    public ResultFolder Of(SweepCell cell) => new(Sweep.Run(cell).Path);

    /// <summary>The results of a restorer that is not trained.</summary>
    /// <param name="restorer">The restorer.</param>
    public ResultFolder Of(ComparedRestorer restorer) => new(In("restorers", _restorers[restorer.Name]));

    /// <summary>The folder of the distorted images that a program makes.</summary>
    public string Cache => In("cache");

    /// <summary>The file of a picture without distortion.</summary>
    /// <param name="task">The folder of the task.</param>
    /// <param name="picture">Its name.</param>
    public static string Original(string task, string picture) => System.IO.Path.Combine(task, "originals", picture + ".png");

    /// <summary>The file of a distorted picture.</summary>
    /// <param name="task">The folder of the task.</param>
    /// <param name="picture">Its name.</param>
    public static string Distorted(string task, string picture) => System.IO.Path.Combine(task, "distorted", picture + ".png");

    private string In(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);
}

/// <summary>The folder of the results of one network or restorer.</summary>
/// <param name="Path">The folder.</param>
internal sealed record ResultFolder(string Path)
{
    /// <summary>The file of the scores.</summary>
    public string Scores => System.IO.Path.Combine(Path, "scores.json");

    /// <summary>The file of a restored picture.</summary>
    /// <param name="picture">The name of the picture.</param>
    public string Picture(string picture) => System.IO.Path.Combine(Path, "pictures", picture + ".png");
}
