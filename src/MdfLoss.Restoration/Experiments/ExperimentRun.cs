using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Training;
using Mdf.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Experiments;

/// <summary>The result of a finished run.</summary>
/// <param name="Iterations">The number of steps of the training.</param>
/// <param name="Last">The last validation.</param>
/// <param name="Best">The validation with the lowest loss.</param>
/// <param name="Unreadable">The training images that were skipped because they could not be read, if the user allowed this.</param>
public sealed record ExperimentResult(int Iterations, ValidationMeasures Last, BestValidation Best, IReadOnlyList<string> Unreadable);

/// <summary>The results of a validation: means over its images.</summary>
/// <param name="Loss">The value of the experiment's loss.</param>
/// <param name="Scores">The values of the measures.</param>
public sealed record ValidationMeasures(double Loss, BenchmarkScores Scores);

/// <summary>Phase 2: runs an experiment, from its file to a trained network in a run folder.</summary>
public sealed class ExperimentRun : IDisposable
{
    private const string IterationsKey = "schedule.iterations";
    private const string ExtendKey = "schedule.extend";

    private static readonly JsonSerializerOptions s_json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private Experiment _experiment;
    private readonly RunFolder _folder;
    private readonly Device _device;
    private readonly Action<string>? _warn;
    private readonly Distortion _distortion;
    private readonly RestorationNetwork _network;
    private readonly ReconstructionLoss _loss;
    private readonly BenchmarkImages _validation;
    private readonly MeasureSet _measures;
    private readonly IReadOnlyList<WeightsFile> _lossFiles;
    private string? _lossSha256;

    /// <summary>Prepares an experiment. Creates or reads everything that it names except the training images, so it finds most mistakes early.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="folder">The folder to write to.</param>
    /// <param name="device">The device to compute on.</param>
    /// <param name="warn">Takes one line about each thing that was ignored.</param>
    /// <exception cref="InputException">Something that the experiment names cannot be used; the message has the line.</exception>
    public ExperimentRun(Experiment experiment, RunFolder folder, Device device, Action<string>? warn = null)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(device);
        (_experiment, _folder, _device, _warn) = (experiment, folder, device, warn);
        _distortion = experiment.CreateDistortion(folder.DistortedPictures);
        var sampling = experiment.Training.Sampling;
        if (sampling.Patch % _distortion.Factor != 0)
            experiment.Resolve<int>("data.patch", () => throw new InputException($"expected a multiple of {_distortion.Factor}, as the task {_distortion.Task} requires, found {sampling.Patch}"));
        _validation = ExperimentImages.OfValidation(experiment, _distortion);
        var niqe = experiment.Training.Validation.Niqe is { } path ? experiment.Resolve("validation.niqe", () => NiqeModel.Load(path)) : null;
        var architecture = experiment.CreateArchitecture(_distortion.Factor);
        _loss = experiment.Resolve("loss", () => experiment.Loss.Create(device));
        try
        {
            if (_loss.MinimumSize > sampling.Patch)
                experiment.Resolve<int>("data.patch", () => throw new InputException($"the loss '{_loss.Expression}' needs patches of at least {_loss.MinimumSize} pixels, found {sampling.Patch}"));
            _lossFiles = [.. _loss.Files];
            _lossSha256 = _lossFiles.Count > 0 ? string.Join(',', _lossFiles.Select(file => file.Sha256)) : null;
            _network = architecture.Build(experiment.Training.Seed);
            if (experiment.Init is { } init)
                experiment.Resolve("init", () => LoadWeights(init, _network, warn));
            _network.to(device);
            _measures = experiment.Resolve("validation.measures", () => MeasureSet.Create(experiment.ValidationMeasures(), niqe, device, warn));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The number of steps to add to a finished run that is resumed, at the last learning rate of its schedule. Default: 0.</summary>
    public int ExtendBy
    {
        get;
        init => field = ValueRange.Whole(0, ScheduleOptions.MostIterations).Check(value);
    }

    /// <summary>Takes the number of steps and the results of each validation, before they are in a checkpoint. After a resume, it may take those of one validation again.</summary>
    internal Action<int, ValidationMeasures>? Validated { get; init; }

    /// <summary>A caution about the loss before long work; null if there is none.</summary>
    public string? Caution => _loss.CautionOn(_device);

    /// <summary>Trains to the end, from the first step or from the newest checkpoint that can be used.</summary>
    /// <param name="resume">Whether to resume a run. Since its start, the user may have changed its validation, its checkpoints and, if the learning rate does not depend on it, its number of iterations.</param>
    /// <param name="progress">Takes a report for every step.</param>
    /// <param name="cancellationToken">Stops the work between two steps and writes a checkpoint.</param>
    /// <returns>The result. If the run had already finished, the result is read from its files. Then the method writes only files that were deleted, or a changed description.</returns>
    /// <exception cref="InputException">The folder contains a run that was not to be resumed, a run of another experiment, or a run with other weights of the loss; the folder is in use; or a training image cannot be used.</exception>
    /// <exception cref="DivergedException">The loss or a gradient became infinite or NaN.</exception>
    /// <exception cref="IOException">The disk failed or is full; the last checkpoint is intact, and the message names it.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled: a <see cref="RunInterruptedException"/> if there is a checkpoint.</exception>
    public ExperimentResult Run(bool resume, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        if (ExtendBy > 0 && !resume)
            throw new InvalidOperationException("only a run that is resumed can be extended");
        using var trainer = new NetworkTrainer(_network, _loss, _experiment.Training.Schedule);
        return resume ? Resume(trainer, progress, cancellationToken) : Begin(trainer, progress, cancellationToken);
    }

    /// <summary>Frees the network and the loss.</summary>
    public void Dispose()
    {
        _measures?.Dispose();
        _loss?.Dispose();
        _network?.Dispose();
    }

    private ExperimentResult Begin(NetworkTrainer trainer, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        _folder.RequireState(resume: false); // before reading the images, which may take long
        var images = ReadImages(progress, cancellationToken); // before the folder is created, so that an error leaves no folder
        using var session = RunSession.Open(_folder, resume: false);
        return session.Guard(() =>
        {
            AtomicFile.Write(_folder.Description, _experiment.ToYaml());
            return Train(session, trainer, images, Position.Start, new LogWindow(), progress, cancellationToken);
        }, cancellationToken);
    }

    private ExperimentResult Resume(NetworkTrainer trainer, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        using var session = RunSession.Open(_folder, resume: true);
        var (recorded, isLost) = session.ReadDescription(
            static path => ExperimentFile.Load(path), static file => ExperimentFile.Parse(TrainingCheckpoint.Read(file).Experiment, file.Path), _warn);
        // Before a checkpoint is read, because a checkpoint of another network would look corrupt.
        RequireSame(recorded, static key => !MayChange(key) || key == ExtendKey);
        foreach (var changed in _experiment.ChangedPlugins(recorded))
            _warn?.Invoke(changed);
        _experiment = _experiment.With(_experiment.Training with { Schedule = _experiment.Training.Schedule with { Extensions = recorded.Training.Schedule.Extensions } });
        var window = new LogWindow();
        var position = Restore(session, trainer, window, recorded);
        if (WhyIterationsMayNotChange(position.Iteration) is var (reason, remedy))
            RequireSame(recorded, static key => key == IterationsKey, $" ({reason})", remedy);
        if (ExtendBy > 0)
            Extend(position.Iteration);
        return session.Guard(() =>
        {
            if (_experiment.ToYaml() is var yaml && (isLost || yaml != recorded.ToYaml()))
                AtomicFile.Write(_folder.Description, yaml);
            if (!position.IsEndOf(_experiment))
                return Train(session, trainer, ReadImages(progress, cancellationToken), position, window, progress, cancellationToken);
            if (!File.Exists(_folder.Curves)) // the process was killed after the last checkpoint
                RunCurves.SaveNetwork(_folder, _loss.Expression);
            ReplaceNetworks(trainer, position);
            return new ExperimentResult(position.Iteration, position.Measures!, position.Best!, []);
        }, cancellationToken);
    }

    /// <summary>Writes the networks of a finished run again if they were deleted.</summary>
    private void ReplaceNetworks(NetworkTrainer trainer, Position position)
    {
        if (!File.Exists(_folder.Last))
            NetworkFile.Save(_folder.Last, trainer.Result, MetadataAt(position.Iteration, trainer.Result));
        if (File.Exists(_folder.Best))
            return;
        if (position.Best!.Iteration == position.Iteration)
            NetworkFile.Save(_folder.Best, trainer.Result, MetadataAt(position.Iteration, trainer.Result));
        else
            _warn?.Invoke($"'{_folder.Best}', the network of iteration {position.Best.Iteration}, has been deleted, and no checkpoint has it: use '{_folder.Last}', or train anew");
    }

    private (TrainingImages Images, TaskArtefact Artefact) ReadImages(IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken) =>
        ExperimentImages.OfTraining(_experiment, _distortion, _validation, progress, cancellationToken);

    private ExperimentResult Train(
        RunSession session, NetworkTrainer trainer, (TrainingImages Images, TaskArtefact Artefact) data, Position position, LogWindow window,
        IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        var images = data.Images;
        var (training, schedule) = (_experiment.Training, _experiment.Training.Schedule);
        var end = schedule.TotalIterations;
        File.Delete(_folder.Curves); // curves are drawn at the end; the curves of an extended run would be out of date
        session.OpenLog(position.Iteration, position.Validated);
        data.Artefact.Write(_folder);
        var sampler = new PatchSampler(images, _distortion, training.Sampling, schedule.Batch, training.Seed);
        using var batches = new BatchQueue(sampler, trainer.Iteration, end);
        var meter = new ProgressMeter(progress, "training", end, trainer.Iteration);
        var written = position;
        while (true)
        {
            var isLast = trainer.Iteration == end;
            position = position with { Iteration = trainer.Iteration };
            // An interrupted validation is repeated, so that the files are the same as without the interruption.
            if (position.Validated < position.Iteration && (position.Iteration % training.Validation.Every == 0 || schedule.IsEnd(position.Iteration)))
            {
                try
                {
                    position = Validate(session, trainer, position, isLast ? progress : null, cancellationToken);
                    Validated?.Invoke(position.Iteration, position.Measures!);
                }
                catch (OperationCanceledException)
                {
                    WriteCheckpoint(session, trainer, position, window);
                    throw;
                }
            }

            if (position != written && (isLast || position.Iteration % training.CheckpointEvery == 0 || cancellationToken.IsCancellationRequested))
                WriteCheckpoint(session, trainer, written = position, window);
            if (isLast)
                break;
            if (cancellationToken.IsCancellationRequested && position.Iteration == 0)
                WriteCheckpoint(session, trainer, position, window); // so that the run can resume
            cancellationToken.ThrowIfCancellationRequested();

            var isLogged = (trainer.Iteration + 1) % RunSession.LogEvery == 0 || schedule.IsEnd(trainer.Iteration + 1);
            var step = Step(trainer, batches, window, isLogged);
            meter.Report(trainer.Iteration, new ProgressValue("loss", step.Loss), new ProgressValue("lr", step.LearningRate));
            if (isLogged)
                session.Log.Write(trainer.Iteration, "train", window.Close());
            if (step.Terms is { } terms)
                session.Log.WriteTerms(trainer.Iteration, terms);
        }

        RunCurves.SaveNetwork(_folder, _loss.Expression);
        return new ExperimentResult(trainer.Iteration, position.Measures!, position.Best!, images.Unreadable);
    }

    private static TrainingStep Step(NetworkTrainer trainer, BatchQueue batches, LogWindow window, bool withTerms)
    {
        var started = Stopwatch.GetTimestamp();
        using var batch = batches.Take();
        var waited = Stopwatch.GetElapsedTime(started);
        var step = trainer.Step(batch, withTerms);
        window.Add(
            ("loss", step.Loss), ("learning_rate", step.LearningRate), ("gradient_norm", step.GradientNorm));
        window.AddTimes(
            ("ms_per_step", Stopwatch.GetElapsedTime(started).TotalMilliseconds), ("data_ms_per_step", waited.TotalMilliseconds));
        return step;
    }

    /// <summary>Restores the trainer from the newest checkpoint of this run that can be used.</summary>
    /// <returns>The position of the checkpoint; the start if there is no checkpoint yet.</returns>
    private Position Restore(RunSession session, NetworkTrainer trainer, LogWindow window, Experiment recorded)
    {
        var position = Position.Start;
        TrainingCheckpoint? restored = null;
        session.Restore(
            file =>
            {
                var checkpoint = TrainingCheckpoint.Read(file);
                var experiment = ExperimentFile.Parse(checkpoint.Experiment, file.Path);
                if (recorded.DifferencesFrom(experiment).FirstOrDefault(difference => !MayChange(difference.Key)) is { } difference)
                    throw new InputException($"'{file.Path}': expected a checkpoint of the run in '{_folder.Path}', found one with {difference.Key} = {difference.Other ?? "nothing"} instead of {difference.Value ?? "nothing"}");
                position = new Position(checkpoint.Iteration, checkpoint.Validated, Measures(checkpoint, file.Path), checkpoint.Best);
                window.Load(checkpoint.LogWindow, file.Path);
                trainer.Load(file.Tensors, checkpoint.Iteration, file.Path);
                restored = checkpoint;
            },
            _warn);
        if (restored is not null)
        {
            RequireSameLossFiles(restored);
            _lossSha256 = restored.LossSha256; // remains unknown if an older build started the run
        }

        return position;
    }

    private static ValidationMeasures? Measures(TrainingCheckpoint checkpoint, string path)
    {
        try
        {
            var measures = checkpoint.Measures is null ? null : JsonSerializer.Deserialize<StoredMeasures>(checkpoint.Measures, s_json);
            return checkpoint.Validated == 0 || measures?.Scores is not null && checkpoint.Best is not null
                ? measures is null ? null : new ValidationMeasures(measures.Loss, new BenchmarkScores(measures.Scores))
                : throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new InputException($"'{path}': the checkpoint's 'measures' is missing or unusable: the file is corrupt", e);
        }
    }

    /// <summary>Whether a run may be resumed with another value of a key, provided that the steps already made remain the same.</summary>
    private static bool MayChange(string key) => key is "checkpoint_every" or IterationsKey or ExtendKey || key.StartsWith("validation.", StringComparison.Ordinal);

    /// <summary>Refuses an experiment that differs from the run's experiment in certain keys. If the caller gives no extensions, the extensions of the run count.</summary>
    private void RequireSame(Experiment recorded, Func<string, bool> matters, string reason = "", Remedy remedy = Remedy.MoveRun)
    {
        var differences = _experiment.DifferencesFrom(recorded).Where(difference => matters(difference.Key));
        if (_experiment.Training.Schedule.Extensions.Count == 0)
            differences = differences.Where(difference => difference.Key != ExtendKey);
        if (differences.FirstOrDefault() is { } difference)
        {
            throw new InputException($"cannot resume '{_folder.Path}': expected the same experiment as in '{_folder.Description}', found {difference.Key} = {difference.Value ?? "nothing"} "
                + $"instead of {difference.Other ?? "nothing"}{reason}; run it in another folder{(difference.Key == ExtendKey ? ", or extend the run" : "")}").With(difference.Key == ExtendKey ? Remedy.MoveOrExtendRun : remedy);
        }
    }

    private (string Reason, Remedy Remedy)? WhyIterationsMayNotChange(int done) => _experiment.Training.Schedule switch
    {
        { Decay: CosineDecay } => ("the learning rate of every step depends on it; to add steps at the last rate, extend the run", Remedy.MoveOrExtendRun),
        { Extensions.Count: > 0 } => ("the run has been extended; to add more steps, extend it again", Remedy.MoveOrExtendRun),
        { Iterations: var iterations } when iterations < done => ($"{done} steps have been made already", Remedy.MoveRun),
        _ => null,
    };

    /// <summary>Adds an extension to the experiment. An unfinished extension of the same length is continued instead.</summary>
    private void Extend(int done)
    {
        var schedule = _experiment.Training.Schedule;
        if (done < schedule.TotalIterations && schedule.Extensions is [.., var last] && last == ExtendBy)
            return;
        if (done < schedule.TotalIterations)
            throw new InputException($"cannot extend '{_folder.Path}': the run has made {done} of {schedule.TotalIterations} steps; finish these first: resume it without an extension").With(Remedy.OmitExtension);
        if (schedule.Extensions.Sum(static steps => (long)steps) + ExtendBy > ScheduleOptions.MostIterations)
            throw new InputException($"cannot extend '{_folder.Path}' by {ExtendBy}: expected extensions of {ScheduleOptions.ExtensionsRange.Words}");
        _experiment = _experiment.With(_experiment.Training with { Schedule = schedule with { Extensions = [.. schedule.Extensions, ExtendBy] } });
    }

    private void RequireSameLossFiles(TrainingCheckpoint checkpoint)
    {
        // Checkpoints of older builds do not record it.
        if (checkpoint.LossSha256 is not { } known)
            return;
        var hashes = known.Split(',');
        if (hashes.Length != _lossFiles.Count)
            throw new InputException($"cannot resume '{_folder.Path}': expected a loss with {hashes.Length} files of weights, as it began with, found {_lossFiles.Count}; run it in another folder").With(Remedy.MoveRun);
        foreach (var (file, expected) in _lossFiles.Zip(hashes))
        {
            if (file.Sha256 != expected)
            {
                throw new InputException($"cannot resume '{_folder.Path}': expected the weights '{file.Name}' that it began with, of the SHA-256 {Untrusted.Quote(expected)}, found '{file.Sha256}'; "
                    + $"put that file back (if it comes with mdf, resume with the version of mdf that began the run), or run it in another folder").With(Remedy.MoveRun);
            }
        }
    }

    private void WriteCheckpoint(RunSession session, NetworkTrainer trainer, Position position, LogWindow window) => session.WriteCheckpoint(position.Iteration, path =>
        new TrainingCheckpoint(
            position.Iteration, _experiment.ToYaml(), _lossSha256, position.Validated, position.Best,
            position.Measures is null ? null : JsonSerializer.Serialize(new StoredMeasures(position.Measures.Loss, new(position.Measures.Scores.Values)), s_json), window.Save()).Write(path, trainer.Save()));

    /// <summary>Validates the network and writes its file.</summary>
    /// <returns>The position with this validation.</returns>
    private Position Validate(RunSession session, NetworkTrainer trainer, Position position, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        var network = trainer.Result;
        var iteration = trainer.Iteration;
        network.eval();
        try
        {
            var written = 0;
            using var model = new NetworkRestorer("validation", network) { IsInTraining = true };
            var mean = Benchmark.Mean(Benchmark.Run([model], _validation, _measures, [_loss], _device, Write, progress, cancellationToken));
            var measures = new ValidationMeasures(mean.Losses[0], mean.Scores);
            session.Log.Write(iteration, TrainingLog.ValidationGroup, [KeyValuePair.Create("loss", (double?)measures.Loss), .. mean.Scores.Values]);

            var metadata = MetadataAt(iteration, network);
            NetworkFile.Save(_folder.Last, network, metadata);
            var best = position.Best;
            if (best is null || measures.Loss < best.Loss || double.IsNaN(best.Loss))
            {
                best = new BestValidation(iteration, measures.Loss);
                NetworkFile.Save(_folder.Best, network, metadata);
            }

            return new Position(iteration, iteration, measures, best);

            void Write(IRestorer by, string image, Tensor restored)
            {
                if (written++ < _experiment.Training.Validation.Images)
                    ImageFile.Write(_folder.Validation(iteration, image), restored);
            }
        }
        finally
        {
            if (ReferenceEquals(network, trainer.Network))
                network.train();
        }
    }

    private NetworkMetadata MetadataAt(int iteration, RestorationNetwork network) => new()
    {
        Architecture = network.Architecture,
        Task = _distortion.Task,
        Loss = _experiment.Loss.ToString(),
        LossSha256 = _lossSha256,
        Iterations = iteration,
        Seed = _experiment.Training.Seed,
        ProgramVersion = TrainingProgram.CurrentVersion,
    };

    private static RestorationNetwork LoadWeights(string path, RestorationNetwork network, Action<string>? warn)
    {
        NetworkFile.LoadWeights(path, network, warn);
        return network;
    }

    /// <summary>The results of a validation, as a checkpoint contains them.</summary>
    /// <param name="Loss">The value of the experiment's loss.</param>
    /// <param name="Scores">The values of the measures by their names.</param>
    private sealed record StoredMeasures(double Loss, OrderedDictionary<string, double?> Scores);

    /// <summary>The position of a run: all that decides which files are written next. A checkpoint contains it.</summary>
    /// <param name="Iteration">The number of steps made.</param>
    /// <param name="Validated">The iteration of the last validation; 0 before the first.</param>
    /// <param name="Measures">The results of this validation.</param>
    /// <param name="Best">The validation with the lowest loss.</param>
    private sealed record Position(int Iteration, int Validated, ValidationMeasures? Measures, BestValidation? Best)
    {
        /// <summary>The position before the first step.</summary>
        public static Position Start { get; } = new(0, 0, null, null);

        /// <summary>Whether the run is finished.</summary>
        public bool IsEndOf(Experiment experiment) => Iteration == experiment.Training.Schedule.TotalIterations && Validated == Iteration;
    }
}
