using System.Diagnostics;
using Mdf.Discriminators;
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

/// <summary>What a finished run has come to.</summary>
/// <param name="Iterations">How many steps the network was trained.</param>
/// <param name="Last">The last validation: the mean over its images.</param>
/// <param name="Best">The validation with the lowest loss.</param>
/// <param name="Unreadable">Training images that were passed over, if that was asked for.</param>
public sealed record ExperimentResult(int Iterations, BenchmarkResult Last, BestValidation Best, IReadOnlyList<string> Unreadable);

/// <summary>Phase 2: carries out an experiment, from its file to a trained network in a run folder.</summary>
public sealed class ExperimentRun : IDisposable
{
    // How many steps an entry of the log sums up.
    private const int LogEvery = 10;

    private readonly Experiment _experiment;
    private readonly RunFolder _folder;
    private readonly Device _device;
    private readonly Distortion _distortion;
    private readonly RestorationNetwork _network;
    private readonly ReconstructionLoss _loss;
    private readonly BenchmarkImages _validation;
    private readonly NiqeModel? _niqe;
    private string? _stackSha256;

    /// <summary>Prepares an experiment: makes or reads all that it names but the training images, and so finds most mistakes.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="folder">Where to write.</param>
    /// <param name="device">Where to compute.</param>
    /// <exception cref="InputException">Something that the experiment names cannot be used; the message has the line.</exception>
    public ExperimentRun(Experiment experiment, RunFolder folder, Device device)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        (_experiment, _folder, _device) = (experiment, folder, device);
        _distortion = experiment.CreateDistortion(ExperimentImages.CacheOf(folder));
        var sampling = experiment.Training.Sampling;
        if (sampling.Patch % _distortion.Factor != 0)
            experiment.Resolve<int>("data.patch", () => throw new InputException($"expected a multiple of {_distortion.Factor}, as the task {_distortion.Task} asks for, found {sampling.Patch}"));
        _validation = ExperimentImages.OfValidation(experiment, _distortion);
        _niqe = experiment.Training.Validation.Niqe is { } path ? experiment.Resolve("validation.niqe", () => NiqeModel.Load(path)) : null;
        var architecture = experiment.CreateArchitecture(_distortion.Factor);
        _loss = experiment.Resolve("loss", () => experiment.Loss.Create(device));
        try
        {
            if (_loss.MinimumSize > sampling.Patch)
                experiment.Resolve<int>("data.patch", () => throw new InputException($"the loss '{_loss.Expression}' needs patches of at least {_loss.MinimumSize} pixels, found {sampling.Patch}"));
            _stackSha256 = _loss.Stacks.Any() ? string.Join(',', StackFiles().Select(file => file.Sha256)) : null;
            _network = architecture.Build(experiment.Training.Seed);
            if (experiment.Init is { } init)
                experiment.Resolve("init", () => LoadWeights(init, _network));
            _network.to(device);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What the loss is to be known for before long work; null if nothing.</summary>
    public string? Caution => _loss.CautionOn(_device);

    /// <summary>Trains, from the beginning or from the newest checkpoint, to the end.</summary>
    /// <param name="resume">Whether to go on with a run that was interrupted.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellation">Ends it between two steps, with a checkpoint.</param>
    /// <returns>What it has come to.</returns>
    /// <exception cref="InputException">The folder holds a run and is not to be resumed, or is of another experiment or another stack; or a training image cannot be used.</exception>
    /// <exception cref="DivergedException">The loss or a gradient became infinite or NaN.</exception>
    /// <exception cref="IOException">The disk failed or is full; the last checkpoint is intact, and the message names it.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; a checkpoint has been written.</exception>
    public ExperimentResult Run(bool resume, IProgressSink? progress = null, CancellationToken cancellation = default)
    {
        progress ??= IProgressSink.None;
        RequireState(resume);
        var images = ExperimentImages.OfTraining(_experiment, _distortion, _validation, progress, cancellation);
        try
        {
            return Train(images, resume, progress, cancellation);
        }
        catch (IOException e)
        {
            // Whatever was being written, a log or a checkpoint: the same is to be done.
            throw new IOException($"{e.Message.TrimEnd('.')}; {_folder.Remedy()}", e);
        }
    }

    /// <summary>Frees the network and the loss.</summary>
    public void Dispose()
    {
        _loss?.Dispose();
        _network?.Dispose();
    }

    private ExperimentResult Train(TrainingImages images, bool resume, IProgressSink progress, CancellationToken cancellation)
    {
        var training = _experiment.Training;
        using var trainer = new NetworkTrainer(_network, _loss, training.Schedule);
        var (best, validated) = Open(trainer, resume);
        TaskArtefact.OfNetwork(images, _distortion, training.Seed).Write(_folder);
        var sampler = new PatchSampler(images, _distortion, training.Sampling, training.Schedule.Batch, training.Seed);
        using var log = new TrainingLog(_folder, trainer.Iteration);
        using var batches = new BatchQueue(sampler, trainer.Iteration, training.Schedule.Iterations);
        var meter = new ProgressMeter(progress, "training", training.Schedule.Iterations, trainer.Iteration);
        var window = new Window();
        var start = trainer.Iteration;
        BenchmarkResult? last = null;
        while (true)
        {
            var (iteration, isLast) = (trainer.Iteration, trainer.Iteration == training.Schedule.Iterations);
            // A validation that was interrupted is made up for, so that the best network is that of a run that was not.
            var isDue = validated < iteration && iteration % training.Validation.Every == 0;
            if (isDue || isLast && last is null)
            {
                try
                {
                    (last, best) = Validate(trainer, log, best, isLast ? progress : IProgressSink.None, cancellation);
                }
                catch (OperationCanceledException)
                {
                    WriteCheckpoint(trainer, best, validated);
                    throw;
                }

                validated = iteration;
            }

            if (iteration > start && (isLast || iteration % training.CheckpointEvery == 0))
                WriteCheckpoint(trainer, best, validated);
            if (isLast)
                break;
            if (cancellation.IsCancellationRequested)
            {
                WriteCheckpoint(trainer, best, validated);
                cancellation.ThrowIfCancellationRequested();
            }

            var step = Step(trainer, batches, window);
            meter.Report(trainer.Iteration, new ProgressValue("loss", step.Loss), new ProgressValue("lr", step.LearningRate));
            if (trainer.Iteration % LogEvery == 0 || trainer.Iteration == training.Schedule.Iterations)
                log.Write(trainer.Iteration, "train", window.Close(step.LearningRate));
        }

        RunCurves.Save(_folder, _loss.Expression);
        return new ExperimentResult(trainer.Iteration, last!, best!, images.Unreadable);
    }

    private TrainingStep Step(NetworkTrainer trainer, BatchQueue batches, Window window)
    {
        var started = Stopwatch.GetTimestamp();
        using var batch = batches.Take();
        var waited = Stopwatch.GetElapsedTime(started);
        try
        {
            var step = trainer.Step(batch);
            window.Add(step, waited, Stopwatch.GetElapsedTime(started));
            return step;
        }
        catch (DivergedException e)
        {
            throw new DivergedException($"{e.Message}; {_folder.LastGood()}");
        }
    }

    /// <summary>Refuses to begin where a run is, and to go on where none is, or another one: before the images are read, which may take long.</summary>
    private void RequireState(bool resume)
    {
        _folder.RequireState(resume, "--output");
        if (!resume)
            return;
        RequireSame(File.ReadAllText(_folder.Description), _folder.Description);
        if (_folder.Checkpoints is not [.., var path])
            return;
        using var file = TensorFile.Open(path);
        var checkpoint = TrainingCheckpoint.Of(file);
        RequireSame(checkpoint.Experiment, path);
        RequireSameStacks(checkpoint);
    }

    /// <summary>Begins the folder, or takes the trainer to where its newest checkpoint is.</summary>
    /// <returns>The best validation so far, and the iteration of the last one.</returns>
    private (BestValidation? Best, int Validated) Open(NetworkTrainer trainer, bool resume)
    {
        if (!resume)
        {
            AtomicFile.Write(_folder.Description, _experiment.ToYaml());
            return default;
        }

        AtomicFile.RemoveAbandoned(_folder.Path);
        if (_folder.Checkpoints is not [.., var path])
            return default; // interrupted before the first one
        using var file = TensorFile.Open(path);
        var checkpoint = TrainingCheckpoint.Of(file);
        _stackSha256 = checkpoint.StackSha256; // stays unknown where an older build began it
        trainer.Load(file.Tensors, checkpoint.Iteration, path);
        return (checkpoint.Best, checkpoint.Validated);
    }

    private void RequireSame(string yaml, string path)
    {
        if (_experiment.DifferenceFrom(ExperimentFile.Parse(yaml, path)) is { } difference)
        {
            throw new InputException($"cannot resume '{_folder.Path}': expected the same experiment as in '{path}', found {difference.Key} = {difference.Value ?? "nothing"} "
                + $"instead of {difference.Other ?? "nothing"}; run it in another folder with --output");
        }
    }

    private void RequireSameStacks(TrainingCheckpoint checkpoint)
    {
        // Checkpoints of older builds do not say.
        if (checkpoint.StackSha256 is not { } known)
            return;
        foreach (var (file, expected) in StackFiles().Zip(known.Split(',')))
        {
            if (file.Sha256 != expected)
            {
                throw new InputException($"cannot resume '{_folder.Path}': expected the stack '{file.Name}' that it began with, of the SHA-256 {Untrusted.Quote(expected)}, found '{file.Sha256}'; "
                    + "put that one back (if it comes with the program: go on with the mdf that the run began with), or run it in another folder with --output");
            }
        }
    }

    // A loss that an expression names has read all its stacks.
    private IEnumerable<StackFile> StackFiles() => _loss.Stacks.Select(stack => stack.ReadFrom!);

    private void WriteCheckpoint(NetworkTrainer trainer, BestValidation? best, int validated) => _folder.WriteCheckpoint(trainer.Iteration, path =>
        new TrainingCheckpoint(trainer.Iteration, _experiment.ToYaml(), _stackSha256, validated, best).Write(path, trainer.Save()));

    private (BenchmarkResult Mean, BestValidation Best) Validate(
        NetworkTrainer trainer, TrainingLog log, BestValidation? best, IProgressSink progress, CancellationToken cancellation)
    {
        var network = trainer.Result;
        var iteration = trainer.Iteration;
        network.eval();
        try
        {
            var written = 0;
            using var model = BenchmarkModel.Of("validation", network);
            var mean = Benchmark.Mean(Benchmark.Run([model], _validation, [_loss], _niqe, _device, Write, progress, cancellation));
            log.Write(iteration, "validation", new Dictionary<string, double?>
            {
                ["loss"] = mean.Losses[0],
                ["psnr"] = mean.Scores.PsnrRgb,
                ["psnr_y"] = mean.Scores.PsnrY,
                ["ssim"] = mean.Scores.SsimRgb,
                ["ssim_y"] = mean.Scores.SsimY,
                ["ms_ssim"] = mean.Scores.MsSsim,
                ["niqe"] = mean.Scores.Niqe,
            });

            var metadata = new NetworkMetadata
            {
                Architecture = network.Architecture,
                Task = _distortion.Task,
                Loss = _experiment.Loss.ToString(),
                StackSha256 = _stackSha256,
                Iterations = iteration,
                Seed = _experiment.Training.Seed,
                ProgramVersion = LossTraining.ProgramVersion,
            };
            NetworkFile.Save(_folder.Last, network, metadata);
            if (best is null || mean.Losses[0] < best.Loss)
            {
                best = new BestValidation(iteration, mean.Losses[0]);
                NetworkFile.Save(_folder.Best, network, metadata);
            }

            return (mean, best);

            void Write(BenchmarkModel by, string image, Tensor restored)
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

    private static RestorationNetwork LoadWeights(string path, RestorationNetwork network)
    {
        NetworkFile.LoadWeights(path, network);
        return network;
    }

    /// <summary>The steps since the last entry of the log.</summary>
    private sealed class Window
    {
        private int _steps;
        private double _loss;
        private double _gradientNorm;
        private TimeSpan _waited;
        private TimeSpan _took;

        public void Add(TrainingStep step, TimeSpan waited, TimeSpan took)
        {
            _steps++;
            _loss += step.Loss;
            _gradientNorm += step.GradientNorm;
            _waited += waited;
            _took += took;
        }

        /// <summary>The means, for the log; the next window begins.</summary>
        public Dictionary<string, double?> Close(double learningRate)
        {
            var values = new Dictionary<string, double?>
            {
                ["loss"] = _loss / _steps,
                ["learning_rate"] = learningRate,
                ["gradient_norm"] = _gradientNorm / _steps,
                ["ms_per_step"] = _took.TotalMilliseconds / _steps,
                ["data_ms_per_step"] = _waited.TotalMilliseconds / _steps,
            };
            (_steps, _loss, _gradientNorm, _waited, _took) = (0, 0, 0, default, default);
            return values;
        }
    }
}
