using System.Globalization;
using Mdf.Discriminators;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Training.Adversarial;
using Mdf.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>
/// Trains a discriminator stack iteration by iteration (phase 1), scale by scale, coarse to fine. Call <see cref="Step"/> until
/// <see cref="IsScaleFinished"/>, then <see cref="FinishScale"/>. Repeat this until <see cref="IsFinished"/>, then call <see cref="Finish"/>.
/// </summary>
/// <remarks>
/// Based on SinGAN (Rott Shaham, Dekel and Michaeli, ICCV 2019), with the changes of the first figure of "Training a Task-Specific Image
/// Reconstruction Loss" (WACV 2022); <c>docs/numerics.md</c> gives the source of each line. The random numbers of an iteration are a function of only
/// the seed, the scale and the iteration, so a training can be resumed at any iteration.
/// </remarks>
internal sealed class LossTrainer : IDisposable
{
    /// <summary>The version of the training. It is increased when the same options give another stack. So a run is never resumed by a program that trains differently.</summary>
    internal const int Version = 4;

    // The fixed cost of an iteration, in the unit of CostOf: the cost of 1,380 pixels with 32 channels.
    private const double FixedCost = 250_000;

    private const string StackPrefix = "stack.";
    private const string BelowPrefix = "below.";
    private const string DiscriminatorPrefix = "discriminator.";
    private const string GeneratorPrefix = "generator.";
    private const string DiscriminatorOptimizerPrefix = "discriminator_optimizer.";
    private const string GeneratorOptimizerPrefix = "generator_optimizer.";

    private LossTrainingOptions _options;
    private readonly IReadOnlyList<PyramidPlan> _plans;
    private readonly IReadOnlyList<Tensor> _finest;
    private readonly IReadOnlyList<bool> _areGrey;
    private readonly List<Discriminator> _discriminators = [];
    private readonly Device _device;
    private List<Tensor> _below;
    private Tensor? _output;
    private ScaleGenerator? _generator;
    private ScaleTrainer? _trainer;
    private List<ScaleImage> _images = [];

    /// <summary>Starts a training.</summary>
    /// <param name="photos">The photographs, each of shape <c>(1, 3, H, W)</c> in [0, 1], on the device to train on; at least one. The caller keeps ownership.</param>
    /// <param name="options">The options of the training.</param>
    /// <exception cref="InputException">A photograph is not in [0, 1], is too small, has fewer scales than requested, or has only one colour.</exception>
    public LossTrainer(IReadOnlyList<Tensor> photos, LossTrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(photos);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfZero(photos.Count);
        _options = options;
        var plans = photos.Select(photo => LossPlan.For(photo, options)).ToArray();
        (_plans, Scales) = ([.. plans.Select(plan => plan.Plan)], plans.Min(plan => plan.Scales));
        _device = photos[0].device;
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        _areGrey = [.. photos.Select(GreyPicture.IsGrey)];
        _finest = [.. photos.Zip(_plans, (photo, plan) => Keep(InputRange.Symmetric.FromUnit(Resize(photo, plan.Sizes[^1]))))];
        _below = [.. _finest.Zip(_plans, (finest, plan) => Keep(options.Recipe.StartsFromNoise ? zeros_like(Resize(finest, plan.Start)) : Resize(finest, plan.Start)))];
        try
        {
            Begin();
        }
        catch
        {
            Dispose(); // an external program that distorts the photograph may fail
            throw;
        }
    }

    /// <summary>The number of scales to train.</summary>
    public int Scales { get; }

    /// <summary>The scale in training; <see cref="Scales"/> after all scales are trained.</summary>
    public int Scale { get; private set; }

    /// <summary>The number of finished iterations of this scale.</summary>
    public int Iteration { get; private set; }

    /// <summary>Whether all iterations of this scale are finished. The next call is then <see cref="FinishScale"/>.</summary>
    public bool IsScaleFinished => IsFinished || Iteration == _options.IterationsOf(Scale);

    /// <summary>The number of finished iterations of all scales.</summary>
    public int TotalIterations => Enumerable.Range(0, Scale).Sum(_options.IterationsOf) + Iteration;

    /// <summary>Whether all scales are trained.</summary>
    public bool IsFinished => Scale == Scales;

    /// <summary>The size of the first photograph at each scale.</summary>
    public IReadOnlyList<ImageSize> Sizes => [.. _plans[0].Sizes.Take(Scales)];

    /// <summary>
    /// The output of the generator of the last finished scale for the first photograph (without generators: its input): shape <c>(1, 3, H, W)</c>, approximately in [0, 1]. Null before a scale is
    /// finished, and after <see cref="Load"/>.
    /// </summary>
    public Tensor? Output => _output;

    /// <summary>The relative time of one iteration of a scale, for estimates of the remaining time.</summary>
    /// <param name="scale">The scale.</param>
    /// <remarks>
    /// The cost has a part that is the same for every scale, and a part that grows with the area and with the number of channels to the power of 1.5: wide convolutions use
    /// the processor more efficiently. Measured on two cores for 38×25 to 198×132 pixels: accurate within 10 % for our kernels, within 25 % for libtorch's kernels.
    /// </remarks>
    public double CostOf(int scale) => FixedCost + _plans.Average(plan => (double)plan.Sizes[scale].Height * plan.Sizes[scale].Width) * Math.Pow(PyramidPlan.WidthOf(scale), 1.5);

    /// <summary>The number of iterations of a scale, including extensions.</summary>
    /// <param name="scale">The scale.</param>
    public int IterationsOf(int scale) => _options.IterationsOf(scale);

    /// <summary>Runs one iteration of this scale: three steps of the discriminator, then three steps of the generator if there is one.</summary>
    /// <returns>The losses of the iteration.</returns>
    /// <exception cref="DivergedException">A loss became infinite or NaN.</exception>
    /// <exception cref="InvalidOperationException">All iterations of this scale are finished.</exception>
    public ScaleLosses Step()
    {
        if (_trainer is null || IsScaleFinished)
            throw new InvalidOperationException(IsFinished ? "all scales have been trained" : $"all iterations of scale {Scale} have been made: call {nameof(FinishScale)} first");
        using var scope = NewDisposeScope();
        using var random = new Generator(Seeds.Derive(_options.Seed, IndexOf(Scale, Iteration)));
        var losses = _trainer.Step(Iteration, random);
        if (!double.IsFinite(losses.Real + losses.Fake + losses.Penalty + (losses.Reconstruction ?? 0)))
        {
            throw new DivergedException(string.Create(CultureInfo.InvariantCulture,
                $"the training diverged at iteration {Iteration} of scale {Scale} ({Sizes[Scale]}): try another seed"));
        }

        Iteration++;
        return losses;
    }

    /// <summary>Adds iterations to this scale and to all later scales, with the last learning rate of the schedule.</summary>
    /// <param name="iterations">The number of additional iterations per scale; at least 1.</param>
    /// <exception cref="InvalidOperationException">All scales are trained, so their generators no longer exist.</exception>
    public void Extend(int iterations)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(iterations, 1);
        if (IsFinished)
            throw new InvalidOperationException("all scales have been trained");
        _options = _options with { Extensions = [.. _options.Extensions, new LossExtension(Scale, iterations)] };
    }

    /// <summary>Freezes the networks of this scale, and starts the next scale if there is one.</summary>
    /// <exception cref="InvalidOperationException">Iterations of this scale are left, or all scales are trained.</exception>
    public void FinishScale()
    {
        if (_trainer is null || !IsScaleFinished)
            throw new InvalidOperationException(IsFinished ? "all scales have been trained" : $"expected {IterationsOf(Scale)} iterations of scale {Scale} before its end, found {Iteration}");
        _trainer.Store();
        _discriminators[^1].Freeze();
        _generator?.Freeze();
        using (no_grad())
        {
            using var scope = NewDisposeScope();
            using var random = new Generator(Seeds.Derive(_options.Seed, IndexOf(Scale, Iteration)));
            var outputs = _images.Select(image => image.Source.Draw(random)).Select(distorted => _generator?.call(distorted) ?? distorted).ToList();
            Replace(_options.Recipe.IsChained ? outputs : _images.Select(image => image.Real));
            _output?.Dispose();
            _output = Keep(InputRange.Symmetric.ToUnit(outputs[0]));
        }

        End();
        (Scale, Iteration) = (Scale + 1, 0);
        if (!IsFinished)
            Begin();
    }

    /// <summary>Returns all state that is needed to resume the training, except the scale and the iteration.</summary>
    /// <returns>The tensors by name.</returns>
    public IReadOnlyDictionary<string, StoredTensor> Save()
    {
        var tensors = new OrderedDictionary<string, StoredTensor>();
        var finished = IsFinished ? _discriminators : _discriminators[..^1];
        for (var k = 0; k < finished.Count; k++)
            Add(string.Create(CultureInfo.InvariantCulture, $"{StackPrefix}{k}."), ModuleWeights.Save(finished[k]));
        if (_trainer is null)
            return tensors;
        _trainer.Store();
        for (var i = 0; i < _below.Count; i++)
            tensors.Add(string.Create(CultureInfo.InvariantCulture, $"{BelowPrefix}{i}"), StoredTensor.From(_below[i]));
        var optimizers = _trainer.SaveOptimizers();
        Add(DiscriminatorPrefix, ModuleWeights.Save(_discriminators[^1]));
        if (_generator is not null)
            Add(GeneratorPrefix, ModuleWeights.Save(_generator));
        Add(DiscriminatorOptimizerPrefix, optimizers.Discriminator);
        Add(GeneratorOptimizerPrefix, optimizers.Generator);
        return tensors;

        void Add(string prefix, IReadOnlyDictionary<string, StoredTensor> part)
        {
            foreach (var (name, tensor) in part)
                tensors.Add(prefix + name, tensor);
        }
    }

    /// <summary>Resumes a training with the same photographs and options.</summary>
    /// <param name="tensors">The tensors from <see cref="Save"/>.</param>
    /// <param name="scale">The scale of the saved training.</param>
    /// <param name="iteration">The number of finished iterations of that scale.</param>
    /// <param name="where">The source of the tensors, for messages.</param>
    /// <exception cref="InputException">The tensors are from another training, or are corrupt.</exception>
    public void Load(IReadOnlyDictionary<string, StoredTensor> tensors, int scale, int iteration, string where)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (scale < 0 || scale > Scales || iteration < 0 || iteration >= _options.IterationsOf(scale) || scale == Scales && iteration > 0)
            throw new InputException($"'{where}': expected a scale of at most {Scales} and fewer than {_options.IterationsOf(scale)} iterations of it, found scale {scale}, iteration {iteration}: the checkpoint is corrupt or of another training");
        using var scope = NewDisposeScope();
        End();
        _generator?.Dispose();
        _generator = null;
        _discriminators.ForEach(discriminator => discriminator.Dispose());
        _discriminators.Clear();
        (Scale, Iteration) = (scale, iteration);
        for (var k = 0; k < scale; k++)
        {
            _discriminators.Add(new Discriminator(PyramidPlan.WidthOf(k)));
            ModuleWeights.Load(_discriminators[k], Part(string.Create(CultureInfo.InvariantCulture, $"{StackPrefix}{k}.")), where);
            _discriminators[k].Freeze();
            _discriminators[k].to(_device);
        }

        if (IsFinished)
            return;
        Replace(_below.Select((_, i) => Below(i)));
        var width = PyramidPlan.WidthOf(scale);
        _discriminators.Add(new Discriminator(width));
        ModuleWeights.Load(_discriminators[^1], Part(DiscriminatorPrefix), where);
        _discriminators[^1].to(_device);
        if (_options.Recipe.HasGenerator)
        {
            _generator = new ScaleGenerator(width);
            ModuleWeights.Load(_generator, Part(GeneratorPrefix), where);
            _generator.to(_device);
        }

        BeginTrainer();
        _trainer!.LoadOptimizers(Part(DiscriminatorOptimizerPrefix), Part(GeneratorOptimizerPrefix), where);

        Dictionary<string, StoredTensor> Part(string prefix) => tensors
            .Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(entry => entry.Key[prefix.Length..], entry => entry.Value);

        Tensor Below(int photo)
        {
            var size = scale == 0 ? _plans[photo].Start : _plans[photo].Sizes[scale - 1];
            return tensors.TryGetValue(string.Create(CultureInfo.InvariantCulture, $"{BelowPrefix}{photo}"), out var stored)
                && stored.Type == ElementType.Float32 && stored.Shape.SequenceEqual([1, 3, size.Height, size.Width])
                ? stored.ToTensor(_device)
                : throw new InputException($"'{where}': expected photograph {photo} at the scale below, of {size}, found {stored?.ToString() ?? "none"}: the checkpoint is corrupt or of another training");
        }
    }

    /// <summary>Returns the trained stack. The caller takes ownership of it.</summary>
    /// <param name="sourceSha256">The SHA-256 of each photograph's file, for the stack's metadata.</param>
    /// <param name="program">The program that trained the last scale, for the stack's metadata. Default: this program.</param>
    /// <exception cref="InvalidOperationException">Not all scales are trained.</exception>
    public DiscriminatorStack Finish(IReadOnlyList<string> sourceSha256, TrainingProgram? program = null)
    {
        if (!IsFinished)
            throw new InvalidOperationException("not all scales have been trained");
        program ??= TrainingProgram.Current;
        var stack = new DiscriminatorStack(_discriminators, _options.InputRange, new StackMetadata
        {
            Task = _options.Distortion.Task,
            InputRange = _options.InputRange,
            LayerWeights = _options.LayerWeights,
            ScaleFactor = _plans[0].Factor,
            Sizes = Sizes,
            MaxSize = _options.MaxSize,
            Iterations = _options.Iterations,
            Extensions = LossExtension.Format(_options.Extensions),
            ReconstructionWeight = _options.UsedReconstructionWeight,
            Recipe = _options.Recipe.Name,
            CoarsestNoise = _options.NoiseAt(scale: 0),
            Seed = _options.Seed,
            Threads = program.Threads,
            SourceSha256 = string.Join(',', sourceSha256),
            ProgramVersion = program.Version,
        });
        _discriminators.Clear();
        return stack;
    }

    /// <summary>Frees everything except a stack that <see cref="Finish"/> returned.</summary>
    public void Dispose()
    {
        End();
        _generator?.Dispose();
        foreach (var discriminator in _discriminators)
            discriminator.Dispose();
        foreach (var tensor in _finest.Concat(_below))
            tensor.Dispose();
        _output?.Dispose();
    }

    private static Tensor Keep(Tensor tensor) => tensor.alias().DetachFromDisposeScope();

    private static Tensor Resize(Tensor image, ImageSize size) => Resampler.Bicubic(image, size.Height, size.Width);

    private static long IndexOf(int scale, int iteration) => ((long)scale << 32) + iteration;

    /// <summary>Starts a scale: with the weights of the previous scale if its width is the same, otherwise with new random weights.</summary>
    private void Begin()
    {
        using var random = new Generator(Seeds.Derive(_options.Seed, IndexOf(Scale, -1)));
        var width = PyramidPlan.WidthOf(Scale);
        _discriminators.Add(Next(_discriminators.LastOrDefault(), new Discriminator(width), random));
        if (_options.Recipe.HasGenerator)
        {
            var previous = _generator;
            _generator = Next(previous, new ScaleGenerator(width), random);
            previous?.Dispose();
        }

        BeginTrainer();
    }

    private void BeginTrainer()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        _images = [.. _finest.Select((finest, i) => new ScaleImage(
            Keep(Resize(finest, _plans[i].Sizes[Scale])),
            new DistortedSource(Resize(_below[i], _plans[i].Sizes[Scale]), _options.Distortion, _options.NoiseAt(Scale), _areGrey[i])))];
        _trainer = ScaleTrainers.Create(
            _discriminators[^1], _generator, _images, new ScaleSchedule { ReconstructionWeight = _options.ReconstructionWeight, Iterations = _options.Iterations }, _options.Engine);
    }

    /// <summary>Replaces the images of the scale below this one. The caller keeps ownership.</summary>
    private void Replace(IEnumerable<Tensor> below)
    {
        var kept = below.Select(Keep).ToList();
        _below.ForEach(tensor => tensor.Dispose());
        _below = kept;
    }

    private void End()
    {
        _trainer?.Dispose();
        _trainer = null;
        foreach (var (real, source) in _images)
        {
            real.Dispose();
            source.Dispose();
        }

        _images = [];
    }

    private T Next<T>(T? previous, T fresh, Generator random)
        where T : ScaleNetwork
    {
        try
        {
            if (previous?.Width == fresh.Width)
                fresh.CopyFrom(previous);
            else
                fresh.Initialize(random);
            fresh.to(_device);
            return fresh;
        }
        catch
        {
            fresh.Dispose();
            throw;
        }
    }
}
