using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Mdf.Evaluation;
using Mdf.Experiments.Sweeps;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Experiments.Comparisons;

/// <summary>
/// Measures the networks and the other restorers of one task on its test sets, and restores the pictures that are shown. Results that are there, and were made from the same
/// files with the same settings, are kept.
/// </summary>
internal sealed class Measurement : IDisposable
{
    // Between the network of the baseline, 0, and that of a loss, 1.
    private static readonly double[] s_positions = [0.25, 0.5, 0.75];

    // Increased when a measure gives the same files another score, so that all are measured again.
    private const string Version = "2";

    // The name of the set of the pictures that are shown.
    private const string PicturesName = "pictures";

    private const string FolderPrefix = "folder:";

    private readonly ComparisonTask _task;
    private readonly ComparisonFolder _folder;
    private readonly RestorerSetup _setup;
    private readonly MeasureSet _measures;
    private readonly IReadOnlyList<(string Name, BenchmarkImages Images)> _sets;
    private readonly BenchmarkImages? _pictures;

    /// <summary>Opens the measures, and finds the images.</summary>
    /// <param name="task">The task.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="device">The device to compute on.</param>
    /// <param name="warn">Takes one line about each thing that was ignored.</param>
    /// <exception cref="InputException">A folder has no images, two images have the same name, or a measure cannot be used.</exception>
    public Measurement(ComparisonTask task, ComparisonFolder folder, Device device, Action<string>? warn)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(folder);
        (_task, _folder) = (task, folder);
        var distortion = task.Sweep.Cells[0].Experiment.CreateDistortion(folder.Cache);
        _setup = new RestorerSetup { Task = distortion, Device = device, Warn = warn };
        string[] pictures = [.. task.Gallery?.Files.SelectMany(ImageFolder.List) ?? []];
        RequireNames(pictures, "pictures of the gallery");
        RequireNames(task.Test.Folders, "test sets");
        foreach (var set in task.Test.Folders)
            RequireNames(ImageFolder.List(set), $"images of '{set}'");
        if (task.Gallery?.Credits.Keys.FirstOrDefault(name => pictures.All(picture => NameOf(picture) != name)) is { } unknown)
            throw new InputException($"'gallery.credits' of '{task.Id}' names {Untrusted.Quote(unknown)}, and there is no such picture: give the name of its file without extension");
        _sets = [.. task.Test.Folders.Select(set => (NameOf(set), new BenchmarkImages(set, distortion)))];
        _pictures = pictures.Length == 0 ? null : new BenchmarkImages(pictures, distortion);
        _measures = MeasureSet.Create(task.Test.Measures, task.Test.Niqe is { } niqe ? NiqeModel.Load(niqe) : null, device, warn);
        if (task.Test.Measures?.FirstOrDefault(name => !_measures.Names.Contains(Evaluation.Measures.Parse([name])[0].Name)) is { } lacking)
        {
            _measures.Dispose();
            throw new InputException($"'test.measures' of '{task.Id}' names '{lacking}', whose weights are missing: add them, or leave the measure out");
        }

        string[] measures = [Version, .. _measures.Names, .. _measures.Losses.SelectMany(measure => measure.Loss.Files).Select(file => file.Sha256), .. task.Test.Niqe is { } model ? [WeightsFile.Read(model).Sha256] : (string[])[]];
        Settings = Hash([.. measures, .. _sets.Select(set => $"{set.Name}: {set.Images.Protocol}"), .. task.Test.Folders.SelectMany(ImageFolder.List).Select(Describe)]);
        PicturesSettings = Hash([.. measures, _pictures?.Protocol ?? "", .. pictures.Select(Describe)]);
    }

    /// <summary>The measures. One whose weights are missing is not among them.</summary>
    public IReadOnlyList<Measure> Measures => _measures.Entries;

    /// <summary>The names of the test sets.</summary>
    public IReadOnlyList<string> Sets => [.. _sets.Select(set => set.Name)];

    /// <summary>The names of the pictures that are shown.</summary>
    public IReadOnlyList<string> Pictures => _pictures is null ? [] : NamesOf(_pictures);

    /// <summary>The SHA-256 of the measures and the test images. Only scores with the same settings can be compared.</summary>
    public string Settings { get; }

    /// <summary>The SHA-256 of the measures and the pictures that are shown.</summary>
    public string PicturesSettings { get; }

    /// <summary>Writes the pictures that are shown, without and with distortion.</summary>
    /// <param name="cancellationToken">Stops the work between two pictures.</param>
    /// <exception cref="InputException">A picture cannot be read.</exception>
    public void WriteOriginals(CancellationToken cancellationToken)
    {
        for (var i = 0; i < Pictures.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var (original, distorted) = _pictures!.Read(i, cancellationToken);
            ImageFile.Write(ComparisonFolder.Original(_folder.Path, Pictures[i]), original);
            ImageFile.Write(ComparisonFolder.Distorted(_folder.Path, Pictures[i]), distorted.Clamp(0, 1));
        }
    }

    /// <summary>Whether a trained network has its scores and pictures, made from the same files with the same settings.</summary>
    /// <param name="cell">Its cell.</param>
    /// <exception cref="InputException">The scores or the network cannot be read.</exception>
    public bool IsDone(SweepCell cell) => IsDone(_folder.Of(cell), KeyOf(FilesOf(cell)));

    /// <summary>Measures a network that has been trained, and for the first seed, the networks between that of the baseline and this one.</summary>
    /// <param name="cell">Its cell.</param>
    /// <param name="progress">Takes a report for every image.</param>
    /// <param name="cancellationToken">Stops the work between two images.</param>
    /// <exception cref="InputException">An image or the network cannot be used.</exception>
    public void Measure(SweepCell cell, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(cell);
        var network = _folder.Sweep.Run(cell).Last;
        var start = StartOf(cell);
        Measure(
            _folder.Of(cell), KeyOf(FilesOf(cell)),
            _ => NetworkRestorer.Load(network, _setup),
            start is null ? [] : [.. s_positions.Select(position => (position, (Func<IRestorer>)(() => Restorers.Open(string.Create(CultureInfo.InvariantCulture, $"{InterpolatedRestorer.Name}:{position},{start},{network}"), _setup))))],
            scores => scores with { Name = cell.Setting.Loss!.Name, Seed = cell.Seed ?? cell.Experiment.Training.Seed, Loss = cell.Experiment.Loss.ToString() },
            progress, cancellationToken);
    }

    /// <summary>Measures a restorer that is not trained.</summary>
    /// <param name="restorer">The restorer.</param>
    /// <param name="progress">Takes a report for every image.</param>
    /// <param name="cancellationToken">Stops the work between two images.</param>
    /// <exception cref="InputException">An image or the restorer cannot be used.</exception>
    public void Measure(ComparedRestorer restorer, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(restorer);
        string[] files = File.Exists(restorer.Value) ? [restorer.Value] : [.. _sets.Select(set => set.Name).Append(PicturesName).Select(set => FolderOf(restorer, set)).OfType<string>().Distinct().SelectMany(ImageFolder.List)];
        Measure(_folder.Of(restorer), KeyOf(files, restorer.Name, restorer.Value), set => Open(restorer, set), [], scores => scores with { Name = restorer.Name }, progress, cancellationToken);
    }

    /// <summary>Checks that a restorer can be used for all images.</summary>
    /// <param name="restorer">The restorer.</param>
    /// <exception cref="InputException">There is no such restorer, it is for another task, or files of it are missing.</exception>
    public void Require(ComparedRestorer restorer)
    {
        foreach (var set in _sets.Select(set => set.Name).Concat(_pictures is null ? [] : [PicturesName]))
            Open(restorer, set).Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => _measures.Dispose();

    /// <summary>Opens a restorer for one set of images. Results of another program for the set are in a folder with its name, or all are in one folder.</summary>
    private IRestorer Open(ComparedRestorer restorer, string set) => Restorers.Open(
        FolderOf(restorer, set) is { } folder ? FolderPrefix + folder : restorer.Value,
        _setup with { Images = set == PicturesName ? Pictures : NamesOf(_sets.First(known => known.Name == set).Images) });

    private void Measure(
        ResultFolder result, string key, Func<string, IRestorer> open, IReadOnlyList<(double Position, Func<IRestorer> Open)> between, Func<NetworkScores, NetworkScores> named,
        IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        var (known, hasSets, hasPictures) = Known(result, key);
        if (hasSets && hasPictures)
            return;
        var done = 0;
        var meter = new ProgressMeter(progress, "measuring", Math.Max(1, (hasSets ? 0 : _sets.Sum(set => set.Images.Count) * (1 + between.Count)) + (hasPictures ? 0 : Pictures.Count)));
        if (known is null && File.Exists(result.Scores))
            File.Delete(result.Scores); // of another network
        var scores = hasSets ? known! : named(new NetworkScores(
            "", Seed: null, Loss: null, key, Settings, ScoreSets(open), [.. between.Select(network => new BetweenScores(network.Position, ScoreSets(_ => network.Open())))], "", Pictures: null));
        if (!hasPictures)
            (scores with { PicturesSettings = "", Pictures = null }).Write(result.Scores); // kept if the rest is interrupted; until then, the pictures belong to no scores
        var pictures = hasPictures ? known!.Pictures : _pictures is null ? null : Score(open, PicturesName, _pictures, (name, image) => ImageFile.Write(result.Picture(name), image));
        (scores with { PicturesSettings = PicturesSettings, Pictures = pictures }).Write(result.Scores);

        IReadOnlyList<SetScores> ScoreSets(Func<string, IRestorer> openSet) => [.. _sets.Select(set => Score(openSet, set.Name, set.Images, write: null))];

        SetScores Score(Func<string, IRestorer> openSet, string set, BenchmarkImages images, Action<string, Tensor>? write)
        {
            using var restorer = openSet(set);
            var found = Benchmark.Run(
                [restorer], images, _measures, [], _setup.Device,
                (_, name, image) =>
                {
                    write?.Invoke(name, image);
                    meter.Report(++done);
                },
                cancellationToken: cancellationToken);
            return new(set, images.Protocol, [.. found.Select(image => new ImageScores(image.Image, new OrderedDictionary<string, double?>(image.Scores.Values)))]);
        }
    }

    private bool IsDone(ResultFolder result, string key) => Known(result, key) is { HasSets: true, HasPictures: true };

    /// <summary>The scores that are there, and which of them are of the same files, images and measures.</summary>
    private (NetworkScores? Scores, bool HasSets, bool HasPictures) Known(ResultFolder result, string key)
    {
        try
        {
            return NetworkScores.Read(result.Scores) is { } known && known.Key == key
                ? (known, known.Settings == Settings, known.PicturesSettings == PicturesSettings && Pictures.All(picture => File.Exists(result.Picture(picture))))
                : (null, false, false);
        }
        catch (InputException)
        {
            return (null, false, false); // a corrupt file is written again
        }
    }

    private static string KeyOf(IEnumerable<string> files, params IEnumerable<string> identity) => Hash([.. identity, .. files.Select(Describe)]);

    private static string Hash(IEnumerable<string> lines) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', lines))));

    /// <summary>The folder of another program's results for a set; null for another restorer.</summary>
    private static string? FolderOf(ComparedRestorer restorer, string set)
    {
        if (!restorer.Value.StartsWith(FolderPrefix, StringComparison.Ordinal))
            return null;
        var folder = restorer.Value[FolderPrefix.Length..];
        return Directory.Exists(Path.Combine(folder, set)) ? Path.Combine(folder, set) : folder;
    }

    /// <summary>The network of a cell, and that of the baseline that it is joined with.</summary>
    private string[] FilesOf(SweepCell cell) => [_folder.Sweep.Run(cell).Last, .. StartOf(cell) is { } start ? [start] : (string[])[]];

    /// <summary>The network of the baseline that a network is joined with; null if there is none. Only the networks of the first seed are joined.</summary>
    private string? StartOf(SweepCell cell)
    {
        if (_task.Baseline is null || cell.Setting.Loss!.Name == _task.Baseline || cell.Seed != _task.Sweep.Cells[0].Seed)
            return null;
        var start = _task.Sweep.Cells.First(other => other.Setting.Loss!.Name == _task.Baseline && other.Seed == cell.Seed);
        return _folder.Sweep.Read(start).State == CellState.Finished ? _folder.Sweep.Run(start).Last : null;
    }

    private static IReadOnlyList<string> NamesOf(BenchmarkImages images) => [.. Enumerable.Range(0, images.Count).Select(images.NameOf)];

    private static void RequireNames(IReadOnlyList<string> paths, string kind)
    {
        if (paths.GroupBy(NameOf, StringComparer.OrdinalIgnoreCase).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"two {kind} have the name {Untrusted.Quote(twice.Key)} ('{twice.First()}' and '{twice.Last()}'): rename one");
    }

    private static string NameOf(string path) => Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));

    private static string Describe(string file) => $"{Path.GetFileName(file)} {WeightsFile.Read(file).Sha256}";
}
