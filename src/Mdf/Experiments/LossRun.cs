using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mdf.Discriminators;
using Mdf.Imaging;
using Mdf.Kernels;
using Mdf.Reports;
using Mdf.Runtime;
using Mdf.Training;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Experiments;

/// <summary>A photograph to train a loss on.</summary>
/// <param name="Image">Shape <c>(1, 3, H, W)</c> in [0, 1], on the device to train on.</param>
/// <param name="Sha256">The SHA-256 of its file.</param>
public sealed record LossPhotograph(Tensor Image, string Sha256);

/// <summary>Phase 1 with a run folder: trains a stack, logs, draws, and can be interrupted at any iteration and go on to the same bytes.</summary>
public sealed class LossRun
{
    /// <summary>How many iterations lie between two checkpoints, unless told otherwise.</summary>
    public const int DefaultCheckpointEvery = 100;

    // How many iterations an entry of the log sums up.
    private const int LogEvery = 10;

    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    private readonly IReadOnlyList<LossPhotograph> _photographs;
    private readonly LossTrainingOptions _options;
    private readonly RunFolder _folder;
    private readonly int _checkpointEvery;
    private readonly string _description;

    /// <summary>Prepares a run; nothing is written yet.</summary>
    /// <param name="photographs">The photographs; at least one.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="folder">Where to write.</param>
    /// <param name="checkpointEvery">How many iterations lie between two checkpoints; at least 1.</param>
    public LossRun(IReadOnlyList<LossPhotograph> photographs, LossTrainingOptions options, RunFolder folder, int checkpointEvery = DefaultCheckpointEvery)
    {
        ArgumentNullException.ThrowIfNull(photographs);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfZero(photographs.Count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(checkpointEvery);
        (_photographs, _options, _folder, _checkpointEvery) = (photographs, options, folder, checkpointEvery);
        _description = Describe();
    }

    /// <summary>Trains, from the beginning or from the newest checkpoint, to the end.</summary>
    /// <param name="resume">Whether to go on with a run that was interrupted.</param>
    /// <param name="progress">Told of every iteration.</param>
    /// <param name="cancellation">Ends it between two iterations, with a checkpoint.</param>
    /// <returns>The trained stack, frozen, on the photographs' device.</returns>
    /// <exception cref="InputException">The folder holds a run and is not to be resumed, or not this one; or a photograph cannot be used.</exception>
    /// <exception cref="DivergedException">The training diverged.</exception>
    /// <exception cref="IOException">The disk failed or is full; the last checkpoint is intact, and the message names it.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; a checkpoint has been written.</exception>
    public DiscriminatorStack Run(bool resume, IProgressSink? progress = null, CancellationToken cancellation = default)
    {
        _folder.RequireState(resume, "--run");
        if (resume)
            RequireSame(File.ReadAllText(_folder.Description), _folder.Description);
        var artefact = TaskArtefact.OfLoss(_photographs.Select(photograph => photograph.Image), _options);
        using var trainer = new LossTrainer([.. _photographs.Select(photograph => photograph.Image)], _options);
        try
        {
            return Train(trainer, artefact, resume, progress ?? IProgressSink.None, cancellation);
        }
        catch (IOException e)
        {
            throw new IOException($"{e.Message.TrimEnd('.')}; {_folder.Remedy()}", e);
        }
        catch (DivergedException e)
        {
            throw new DivergedException($"{e.Message}; {_folder.LastGood()}");
        }
    }

    private DiscriminatorStack Train(LossTrainer trainer, TaskArtefact artefact, bool resume, IProgressSink progress, CancellationToken cancellation)
    {
        Open(trainer, resume);
        artefact.Write(_folder);
        using var log = new TrainingLog(_folder, Total(trainer));
        var window = new Window();
        while (!trainer.IsFinished)
        {
            var scale = trainer.Scale;
            try
            {
                LossTraining.TrainScale(trainer, _options.Iterations, progress, losses =>
                {
                    var total = Total(trainer);
                    window.Add(losses);
                    if (total % LogEvery == 0 || trainer.Iteration == 0)
                        log.Write(total, "train", window.Close());
                    if (trainer.Iteration > 0 && total % _checkpointEvery == 0)
                        WriteCheckpoint(trainer);
                }, cancellation);
            }
            catch (OperationCanceledException)
            {
                WriteCheckpoint(trainer);
                throw;
            }

            WritePicture(trainer, scale);
            WriteCheckpoint(trainer);
        }

        WriteCurves();
        return trainer.Finish([.. _photographs.Select(photograph => photograph.Sha256)]);
    }

    /// <summary>Begins the folder, or takes the trainer to where its newest checkpoint is.</summary>
    private void Open(LossTrainer trainer, bool resume)
    {
        if (!resume)
        {
            AtomicFile.Write(_folder.Description, _description);
            return;
        }

        AtomicFile.RemoveAbandoned(_folder.Path);
        if (_folder.Checkpoints is not [.., var path])
            return; // interrupted before the first one
        using var file = TensorFile.Open(path);
        var checkpoint = LossCheckpoint.Of(file);
        RequireSame(checkpoint.Description, path);
        trainer.Load(file.Tensors, checkpoint.Scale, checkpoint.Iteration, path);
    }

    /// <summary>What is trained, as JSON: everything that decides what the stack will be, but for the machine and its threads.</summary>
    private string Describe() => JsonSerializer.Serialize(
        new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["recipe"] = LossTrainer.Recipe.ToString(CultureInfo.InvariantCulture),
            ["task"] = _options.Distortion.Task,
            ["photographs"] = string.Join(',', _photographs.Select(photograph => photograph.Sha256)),
            ["scales"] = _options.Scales?.ToString(CultureInfo.InvariantCulture) ?? "default",
            ["iterations"] = _options.Iterations.ToString(CultureInfo.InvariantCulture),
            ["max_size"] = _options.MaxSize.ToString(CultureInfo.InvariantCulture),
            ["reconstruction_weight"] = _options.ReconstructionWeight.ToString("R", CultureInfo.InvariantCulture),
            ["chained"] = _options.IsChained ? "true" : "false",
            ["coarsest_noise"] = _options.NoiseAt(scale: 0).ToString("R", CultureInfo.InvariantCulture),
            ["input_range"] = _options.InputRange.ToString(),
            ["layer_weights"] = _options.LayerWeights.ToString(),
            ["seed"] = _options.Seed.ToString(CultureInfo.InvariantCulture),
        }, s_json) + "\n";

    private void RequireSame(string found, string path)
    {
        var (ours, theirs) = (Parse(_description), Parse(found));
        foreach (var (key, value) in ours)
        {
            if (theirs.GetValueOrDefault(key) is not { } other || other != value)
                throw new InputException($"cannot resume '{_folder.Path}': expected the same training as in '{path}', found {key} = {value} instead of {Untrusted.Quote(theirs.GetValueOrDefault(key, "nothing"))}; run it in another folder with --run");
        }

        Dictionary<string, string> Parse(string text)
        {
            try
            {
                return JsonSerializer.Deserialize<Dictionary<string, string>>(text) ?? throw new JsonException();
            }
            catch (JsonException e)
            {
                throw new InputException($"'{path}' does not say what is being trained: the file is damaged; train anew in another folder with --run", e);
            }
        }
    }

    private int Total(LossTrainer trainer) => trainer.Scale * _options.Iterations + trainer.Iteration;

    private void WriteCheckpoint(LossTrainer trainer) => _folder.WriteCheckpoint(Total(trainer), path =>
        new LossCheckpoint(trainer.Scale, trainer.Iteration, _description).Write(path, trainer.Save()));

    private void WritePicture(LossTrainer trainer, int scale)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var size = trainer.Sizes[scale];
        var photograph = Resampler.Bicubic(_photographs[0].Image, size.Height, size.Width);
        ImageFile.Write(_folder.Scale(scale), Mosaic.Row(photograph.Clamp(0, 1), trainer.Generated!.Clamp(0, 1)));
    }

    private void WriteCurves()
    {
        var entries = TrainingLog.Read(_folder);
        Plots.Save(_folder.Critic, new CurvePlot(
            $"Training a loss for {_options.Distortion.Task}: the discriminators, scale after scale", "iteration", "loss",
            [Series("D(real)", "d_real"), Series("D(fake)", "d_fake"), Series("gradient penalty", "penalty")]));
        Plots.Save(_folder.Reconstruction, new CurvePlot(
            $"Training a loss for {_options.Distortion.Task}: the generators, scale after scale", "iteration", "MSE of the reconstruction",
            [Series("reconstruction", "reconstruction")], LogY: true));

        CurveSeries Series(string name, string key)
        {
            var points = entries.Where(entry => entry["train"]?[key] is not null).ToArray();
            return new CurveSeries(name, [.. points.Select(point => Number(point["iteration"]))], [.. points.Select(point => Number(point["train"]![key]))]);
        }

        // NaN and infinity are written as text.
        static double Number(JsonNode? node) => node is JsonValue value && value.TryGetValue<double>(out var number) ? number : double.NaN;
    }

    /// <summary>The iterations since the last entry of the log.</summary>
    private sealed class Window
    {
        private int _steps;
        private double _real;
        private double _fake;
        private double _penalty;
        private double _reconstruction;
        private long _started = Stopwatch.GetTimestamp();

        public void Add(ScaleLosses losses)
        {
            _steps++;
            _real -= losses.Real;
            _fake += losses.Fake;
            _penalty += losses.Penalty;
            _reconstruction += losses.Reconstruction;
        }

        /// <summary>The means, for the log; the next window begins.</summary>
        public Dictionary<string, double?> Close()
        {
            var values = new Dictionary<string, double?>
            {
                ["d_real"] = _real / _steps,
                ["d_fake"] = _fake / _steps,
                ["penalty"] = _penalty / _steps,
                ["reconstruction"] = _reconstruction / _steps,
                ["ms_per_step"] = Stopwatch.GetElapsedTime(_started).TotalMilliseconds / _steps,
            };
            (_steps, _real, _fake, _penalty, _reconstruction, _started) = (0, 0, 0, 0, 0, Stopwatch.GetTimestamp());
            return values;
        }
    }
}
