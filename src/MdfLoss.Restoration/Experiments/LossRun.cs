using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Reports;
using Mdf.Runtime;
using Mdf.Training;
using static TorchSharp.torch;

namespace Mdf.Experiments;

/// <summary>A photograph to train a loss on.</summary>
/// <param name="Image">Shape <c>(1, 3, H, W)</c> in [0, 1], on the device to train on.</param>
/// <param name="Sha256">The SHA-256 of its file.</param>
public sealed record LossPhotograph(Tensor Image, string Sha256);

/// <summary>Phase 1 with a run folder: trains a stack, logs and draws curves. It can be interrupted at any iteration; a resumed run gives the same bytes.</summary>
public sealed class LossRun
{
    /// <summary>The default number of iterations between two checkpoints.</summary>
    public const int DefaultCheckpointEvery = 100;

    private const string ExtensionsKey = "extended";
    private const string PluginKey = "plugin";

    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    private readonly IReadOnlyList<LossPhotograph> _photographs;
    private readonly RunFolder _folder;
    private readonly int _checkpointEvery;
    private LossTrainingOptions _options;

    /// <summary>Prepares a run. Writes nothing.</summary>
    /// <param name="photographs">The photographs; at least one.</param>
    /// <param name="options">The options of the training.</param>
    /// <param name="folder">The folder to write to.</param>
    /// <param name="checkpointEvery">The number of iterations between two checkpoints; at least 1.</param>
    public LossRun(IReadOnlyList<LossPhotograph> photographs, LossTrainingOptions options, RunFolder folder, int checkpointEvery = DefaultCheckpointEvery)
    {
        ArgumentNullException.ThrowIfNull(photographs);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentOutOfRangeException.ThrowIfZero(photographs.Count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(checkpointEvery);
        (_photographs, _options, _folder, _checkpointEvery) = (photographs, options, folder, checkpointEvery);
    }

    /// <summary>The file for the trained stack; null to write none.</summary>
    public string? Output { get; init; }

    /// <summary>The number of iterations to add to the current scale and to the scales after it, if a run is resumed. Default: 0.</summary>
    public int ExtendBy
    {
        get;
        init => field = ValueRange.Whole(0, LossTrainingOptions.MostIterations).Check(value);
    }

    /// <summary>Takes one line about each thing that was ignored.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Trains to the end, from the first iteration or from the newest checkpoint that can be used.</summary>
    /// <param name="resume">Whether to resume a run.</param>
    /// <param name="progress">Takes a report for every iteration.</param>
    /// <param name="cancellationToken">Stops the work between two iterations and writes a checkpoint.</param>
    /// <returns>The trained stack, frozen, on the device of the photographs.</returns>
    /// <exception cref="InputException">The folder contains a run that was not to be resumed, or another run; the folder is in use; or a photograph cannot be used.</exception>
    /// <exception cref="DivergedException">The training diverged.</exception>
    /// <exception cref="IOException">The disk failed or is full; the last checkpoint is intact, and the message names it.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled: a <see cref="RunInterruptedException"/> if there is a checkpoint.</exception>
    public DiscriminatorStack Run(bool resume, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        if (ExtendBy > 0 && !resume)
            throw new InvalidOperationException("only a run that is resumed can be extended");
        return resume ? Resume(progress, cancellationToken) : Begin(progress, cancellationToken);
    }

    private DiscriminatorStack Begin(IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        _folder.RequireState(resume: false); // before starting a program
        var artefact = TaskArtefact.OfLoss(Images, _options); // before the folder is created, so that a distortion without effect leaves no folder
        using var session = RunSession.Open(_folder, resume: false);
        return session.Guard(() =>
        {
            using var trainer = new LossTrainer(Images, _options);
            AtomicFile.Write(_folder.Description, Describe());
            artefact.Write(_folder);
            TrainScales(session, trainer, new LogWindow(), progress, cancellationToken);
            return Finish(trainer, TrainingProgram.Current);
        }, cancellationToken);
    }

    private DiscriminatorStack Resume(IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        using var session = RunSession.Open(_folder, resume: true);
        var (recorded, isLost) = session.ReadDescription(
            static path => Parse(ReadDescription(path), path), static file => Parse(LossCheckpoint.Read(file).Description, file.Path), Warn);
        Adopt(recorded);
        using var trainer = session.Guard(() => new LossTrainer(Images, _options), cancellationToken); // this may start a program
        var window = new LogWindow();
        var program = Restore(session, trainer, window);
        if (ExtendBy > 0)
            Extend(trainer);
        return session.Guard(() =>
        {
            if (isLost || ExtendBy > 0)
                AtomicFile.Write(_folder.Description, Describe());
            if (trainer.IsFinished)
                return Finish(trainer, program ?? TrainingProgram.Current);
            TaskArtefact.OfLoss(Images, _options).Write(_folder);
            TrainScales(session, trainer, window, progress, cancellationToken);
            return Finish(trainer, TrainingProgram.Current);
        }, cancellationToken);
    }

    private Tensor[] Images => [.. _photographs.Select(photograph => photograph.Image)];

    private IEnumerable<string> Curves => _options.Recipe.HasGenerator ? [_folder.DiscriminatorCurves, _folder.ReconstructionCurves] : [_folder.DiscriminatorCurves];

    private DiscriminatorStack Finish(LossTrainer trainer, TrainingProgram program)
    {
        if (!Curves.All(File.Exists))
            RunCurves.SaveLoss(_folder, _options.Distortion.Task);
        var stack = trainer.Finish([.. _photographs.Select(photograph => photograph.Sha256)], program);
        try
        {
            if (Output is not null)
                stack.Save(Output);
            return stack;
        }
        catch
        {
            stack.Dispose();
            throw;
        }
    }

    private void TrainScales(RunSession session, LossTrainer trainer, LogWindow window, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        foreach (var curves in Curves)
            File.Delete(curves); // curves are drawn at the end; the curves of an extended run would be out of date
        session.OpenLog(trainer.TotalIterations);
        var started = Stopwatch.GetTimestamp();
        try
        {
            LossTraining.Run(trainer, progress, Stepped, Finished, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            WriteCheckpoint(session, trainer, window);
            throw;
        }

        void Stepped(ScaleLosses losses)
        {
            (string, double)[] scores = [("d_real", -losses.Real), ("d_fake", losses.Fake), ("penalty", losses.Penalty)];
            window.Add(losses.Reconstruction is { } error ? [.. scores, ("reconstruction", error)] : scores);
            window.AddTimes(("ms_per_step", Stopwatch.GetElapsedTime(started).TotalMilliseconds));
            if (trainer.TotalIterations % RunSession.LogEvery == 0 || trainer.IsScaleFinished)
                session.Log.Write(trainer.TotalIterations, "train", window.Close());
            if (!trainer.IsScaleFinished && trainer.TotalIterations % _checkpointEvery == 0)
                WriteCheckpoint(session, trainer, window);
            started = Stopwatch.GetTimestamp();
        }

        void Finished(int scale)
        {
            WritePicture(trainer, scale);
            WriteCheckpoint(session, trainer, window);
            started = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Restores the trainer from the newest checkpoint of this run that can be used.</summary>
    /// <returns>The program that wrote the checkpoint; null if there is no checkpoint yet.</returns>
    private TrainingProgram? Restore(RunSession session, LossTrainer trainer, LogWindow window)
    {
        TrainingProgram? program = null;
        session.Restore(
        file =>
        {
            var checkpoint = LossCheckpoint.Read(file);
            if (Difference(Parse(checkpoint.Description, file.Path)) is { } difference)
                throw new InputException($"'{file.Path}': expected a checkpoint of the run in '{_folder.Path}', found one with {difference}");
            window.Load(checkpoint.LogWindow, file.Path);
            trainer.Load(file.Tensors, checkpoint.Scale, checkpoint.Iteration, file.Path);
            program = checkpoint.Program;
        },
        Warn);
        return program;
    }

    /// <summary>Adds an extension. If the last extension has the same length, it is continued instead, so that a scheduler may repeat the command.</summary>
    private void Extend(LossTrainer trainer)
    {
        if (trainer.IsFinished)
        {
            throw new InputException($"cannot extend '{_folder.Path}': all its scales are trained, and the generators that their discriminators were trained against are not kept; "
                + "train anew with more iterations").With(Remedy.MoreIterations);
        }

        if (_options.Extensions is [.., var last] && last.Iterations == ExtendBy && last.FromScale <= trainer.Scale)
            return;
        if (_options.Extensions.Sum(extension => (long)extension.Iterations) + ExtendBy > LossTrainingOptions.MostIterations)
            throw new InputException($"cannot extend '{_folder.Path}' by {ExtendBy}: expected extensions of at most {LossTrainingOptions.MostIterations} iterations in all");
        trainer.Extend(ExtendBy);
        _options = _options with { Extensions = [.. _options.Extensions, new LossExtension(trainer.Scale, ExtendBy)] };
    }

    /// <summary>The training as JSON: everything that decides the stack, except the machine and its threads.</summary>
    private string Describe() => JsonSerializer.Serialize(Description(), s_json) + "\n";

    private SortedDictionary<string, string> Description()
    {
        var values = Settings();
        if (Plugin is { } plugin)
            values.Add(PluginKey, plugin.ToString());
        return values;
    }

    /// <summary>Refuses to resume a run whose task comes from a plugin that is not loaded.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <exception cref="InputException">The plugin is not loaded.</exception>
    internal static void RequirePlugin(RunFolder folder)
    {
        if (!folder.IsBegun || Recorded() is not { } recorded || recorded.GetValueOrDefault(PluginKey) is not { } plugin)
            return;
        var name = recorded.GetValueOrDefault("task", "").Split(':')[0];
        if (Tasks.Names.Find(name) is null)
            throw new InputException($"cannot resume '{folder.Path}': {PluginFile.Parse(plugin).Hint("task", name)}").With(Remedy.LoadPlugin);

        // The run itself handles a corrupt description.
        Dictionary<string, string>? Recorded()
        {
            try
            {
                return Parse(ReadDescription(folder.Description), folder.Description);
            }
            catch (InputException)
            {
                return null;
            }
        }
    }

    /// <summary>The plugin that the task comes from; null if it is one of ours.</summary>
    private PluginFile? Plugin => Tasks.Names.PluginOf(_options.Distortion.Kind);

    private SortedDictionary<string, string> Settings() => new(StringComparer.Ordinal)
    {
        ["version"] = LossTrainer.Version.ToString(CultureInfo.InvariantCulture),
        ["task"] = _options.Distortion.Task,
        ["photographs"] = string.Join(',', _photographs.Select(photograph => photograph.Sha256)),
        ["scales"] = _options.Scales?.ToString(CultureInfo.InvariantCulture) ?? "default",
        ["iterations"] = _options.Iterations.ToString(CultureInfo.InvariantCulture),
        ["max_size"] = _options.MaxSize.ToString(CultureInfo.InvariantCulture),
        ["reconstruction_weight"] = _options.UsedReconstructionWeight.ToString("R", CultureInfo.InvariantCulture),
        ["recipe"] = _options.Recipe.Name,
        ["coarsest_noise"] = _options.NoiseAt(scale: 0).ToString("R", CultureInfo.InvariantCulture),
        ["input_range"] = _options.InputRange.ToString(),
        ["layer_weights"] = _options.LayerWeights.ToString(),
        ["seed"] = _options.Seed.ToString(CultureInfo.InvariantCulture),
        [ExtensionsKey] = LossExtension.Format(_options.Extensions),
    };

    /// <summary>Takes the extensions from the record of the run, because the caller cannot know them. Everything else must be the same.</summary>
    private void Adopt(Dictionary<string, string> recorded)
    {
        RequireSame(recorded, _folder.Description);
        if (Plugin is { } plugin && recorded.GetValueOrDefault(PluginKey) is { } before && before != plugin.ToString())
            Warn?.Invoke(plugin.ChangedFrom(before));
        var text = recorded.GetValueOrDefault(ExtensionsKey, "");
        _options = _options with
        {
            Extensions = LossExtension.TryParse(text)
                ?? throw new InputException($"'{_folder.Description}': expected 'extended' to be scale:iterations pairs, found {Untrusted.Quote(text)}: the file is corrupt; train anew in another folder").With(Remedy.MoveRun),
        };
    }

    private void RequireSame(Dictionary<string, string> theirs, string path)
    {
        foreach (var (key, value) in Description().Where(entry => Differs(entry, theirs)))
            throw new InputException($"cannot resume '{_folder.Path}': expected the same training as in '{path}', found {key} = {value} instead of {Untrusted.Quote(theirs.GetValueOrDefault(key, "nothing"))}; run it in another folder").With(Remedy.MoveRun);
    }

    private string? Difference(Dictionary<string, string> theirs) => Description().Where(entry => Differs(entry, theirs))
        .Select(entry => $"{entry.Key} = {Untrusted.Quote(theirs.GetValueOrDefault(entry.Key, "nothing"))} instead of {entry.Value}").FirstOrDefault();

    private static bool Differs(KeyValuePair<string, string> entry, Dictionary<string, string> theirs) =>
        entry.Key is not (ExtensionsKey or PluginKey) && theirs.GetValueOrDefault(entry.Key) != entry.Value;

    private static Dictionary<string, string> Parse(string text, string path)
    {
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, string>>(text) is { } values && values.Values.All(static value => value is not null) ? values : throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new InputException($"'{path}' does not describe a training: the file is corrupt; train anew in another folder", e).With(Remedy.MoveRun);
        }
    }

    private static string ReadDescription(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"cannot read '{path}': {e.Message}", e);
        }
    }

    private void WriteCheckpoint(RunSession session, LossTrainer trainer, LogWindow window) => session.WriteCheckpoint(trainer.TotalIterations, path =>
        new LossCheckpoint(trainer.Scale, trainer.Iteration, Describe(), TrainingProgram.Current, window.Save()).Write(path, trainer.Save()));

    private void WritePicture(LossTrainer trainer, int scale)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var size = trainer.Sizes[scale];
        var photograph = Resampler.Bicubic(_photographs[0].Image, size.Height, size.Width);
        ImageFile.Write(_folder.Scale(scale), Mosaic.Row(photograph.Clamp(0, 1), trainer.Output!.Clamp(0, 1)));
    }
}
