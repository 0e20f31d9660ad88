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
/// Phase 1, one iteration after the other: trains a discriminator stack scale by scale, coarse to fine. <see cref="Step"/> until
/// <see cref="IsScaleFinished"/>, then <see cref="FinishScale"/>, until <see cref="IsFinished"/>; then <see cref="Finish"/>.
/// </summary>
/// <remarks>
/// Built on SinGAN (Rott Shaham, Dekel and Michaeli, ICCV 2019) as the first figure of "Training a Task-Specific Image
/// Reconstruction Loss" (WACV 2022) changes it; <c>docs/numerics.md</c> says which line is whose. The random numbers of an iteration are a function of
/// the seed, the scale and the iteration alone, so that a training can go on from any of them.
/// </remarks>
public sealed class LossTrainer : IDisposable
{
    /// <summary>The version of the recipe: it goes up when the same options begin to train another stack, so that a run is not gone on with by another recipe.</summary>
    internal const int Recipe = 2;

    // Of an iteration, in the unit of CostOf: as much as 1,380 pixels of 32 channels.
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
    private Tensor? _generated;
    private ScaleGenerator? _generator;
    private ScaleTrainer? _trainer;
    private List<ScaleImage> _images = [];

    /// <summary>Begins the training.</summary>
    /// <param name="photos">The photographs, each of shape <c>(1, 3, H, W)</c> in [0, 1], on the device to train on; at least one. The caller keeps ownership.</param>
    /// <param name="options">What is asked for.</param>
    /// <exception cref="InputException">A photograph is not one in [0, 1], is too small, has fewer scales than asked for, or is all one colour.</exception>
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
        _below = [.. _finest.Zip(_plans, (finest, plan) => Keep(options.IsChained ? Resize(finest, plan.Start) : zeros_like(Resize(finest, plan.Start))))];
        try
        {
            Begin();
        }
        catch
        {
            Dispose(); // a program that makes the artefact may fail
            throw;
        }
    }

    /// <summary>How many scales will have been trained at the end.</summary>
    public int Scales { get; }

    /// <summary>The scale that is being trained; <see cref="Scales"/> when all have been.</summary>
    public int Scale { get; private set; }

    /// <summary>How many iterations of this scale have been made.</summary>
    public int Iteration { get; private set; }

    /// <summary>Whether all iterations of this scale have been made; <see cref="FinishScale"/> is next.</summary>
    public bool IsScaleFinished => IsFinished || Iteration == _options.IterationsOf(Scale);

    /// <summary>How many iterations of all scales have been made.</summary>
    public int TotalIterations => Enumerable.Range(0, Scale).Sum(_options.IterationsOf) + Iteration;

    /// <summary>Whether all scales have been trained.</summary>
    public bool IsFinished => Scale == Scales;

    /// <summary>The size of the first photograph at each scale.</summary>
    public IReadOnlyList<ImageSize> Sizes => [.. _plans[0].Sizes.Take(Scales)];

    /// <summary>What the generator of the scale that was finished last made of the first photograph, shape <c>(1, 3, H, W)</c>, about [0, 1]; null before, and after <see cref="Load"/>.</summary>
    public Tensor? Generated => _generated;

    /// <summary>The time that an iteration of a scale takes, relative to another's; for estimates.</summary>
    /// <param name="scale">The scale.</param>
    /// <remarks>
    /// A part that is the same for every scale, and one that grows with the area and with the 1.5th power of the channels: wide convolutions reach more of what the processor
    /// can compute. Measured on two cores for 38×25 to 198×132 pixels: within 10 % for our kernels, within 25 % for libtorch's.
    /// </remarks>
    public double CostOf(int scale) => FixedCost + _plans.Average(plan => (double)plan.Sizes[scale].Height * plan.Sizes[scale].Width) * Math.Pow(PyramidPlan.WidthOf(scale), 1.5);

    /// <summary>How many iterations a scale has.</summary>
    /// <param name="scale">The scale.</param>
    public int IterationsOf(int scale) => _options.IterationsOf(scale);

    /// <summary>One iteration of this scale: three steps of the discriminator, three of the generator.</summary>
    /// <returns>The losses.</returns>
    /// <exception cref="DivergedException">A loss became infinite or NaN.</exception>
    /// <exception cref="InvalidOperationException">All iterations of this scale have been made.</exception>
    public ScaleLosses Step()
    {
        if (_trainer is null || IsScaleFinished)
            throw new InvalidOperationException(IsFinished ? "all scales have been trained" : $"all iterations of scale {Scale} have been made: call {nameof(FinishScale)} first");
        using var scope = NewDisposeScope();
        using var random = new Generator(Seeds.Of(_options.Seed, IndexOf(Scale, Iteration)));
        var losses = _trainer.Step(Iteration, random);
        if (!double.IsFinite(losses.Real + losses.Fake + losses.Penalty + losses.Reconstruction))
        {
            throw new DivergedException(string.Create(CultureInfo.InvariantCulture,
                $"the training diverged at iteration {Iteration} of scale {Scale} ({Sizes[Scale]}): try another seed"));
        }

        Iteration++;
        return losses;
    }

    /// <summary>Adds iterations to this scale and to those after it, at the learning rate of the schedule's last.</summary>
    /// <param name="iterations">How many for each scale; at least 1.</param>
    /// <exception cref="InvalidOperationException">All scales have been trained: their generators are gone.</exception>
    public void Extend(int iterations)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(iterations, 1);
        if (IsFinished)
            throw new InvalidOperationException("all scales have been trained");
        _options = _options with { Extensions = [.. _options.Extensions, new LossExtension(Scale, iterations)] };
    }

    /// <summary>Freezes what has been trained at this scale, and begins the next one, if there is one.</summary>
    /// <exception cref="InvalidOperationException">Iterations of this scale are left, or all scales have been trained.</exception>
    public void FinishScale()
    {
        if (_trainer is null || !IsScaleFinished)
            throw new InvalidOperationException(IsFinished ? "all scales have been trained" : $"expected {IterationsOf(Scale)} iterations of scale {Scale} before its end, found {Iteration}");
        _trainer.Store();
        _discriminators[^1].Freeze();
        _generator!.Freeze();
        using (no_grad())
        {
            using var scope = NewDisposeScope();
            using var random = new Generator(Seeds.Of(_options.Seed, IndexOf(Scale, Iteration)));
            var generated = _images.Select(image => _generator.call(image.Input.Draw(random))).ToList();
            Replace(_options.IsChained ? generated : _images.Select(image => image.Real));
            _generated?.Dispose();
            _generated = Keep(InputRange.Symmetric.ToUnit(generated[0]));
        }

        End();
        (Scale, Iteration) = (Scale + 1, 0);
        if (!IsFinished)
            Begin();
    }

    /// <summary>Everything that the training needs to go on, besides the scale and the iteration.</summary>
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
        Add(GeneratorPrefix, ModuleWeights.Save(_generator!));
        Add(DiscriminatorOptimizerPrefix, optimizers.Discriminator);
        Add(GeneratorOptimizerPrefix, optimizers.Generator);
        return tensors;

        void Add(string prefix, IReadOnlyDictionary<string, StoredTensor> part)
        {
            foreach (var (name, tensor) in part)
                tensors.Add(prefix + name, tensor);
        }
    }

    /// <summary>Continues another training of the same photographs and options.</summary>
    /// <param name="tensors">What <see cref="Save"/> gave.</param>
    /// <param name="scale">Its scale.</param>
    /// <param name="iteration">How many iterations of that had been made.</param>
    /// <param name="where">Where they come from, for messages.</param>
    /// <exception cref="InputException">They are of another training, or damaged.</exception>
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
        _generator = new ScaleGenerator(width);
        ModuleWeights.Load(_discriminators[^1], Part(DiscriminatorPrefix), where);
        ModuleWeights.Load(_generator, Part(GeneratorPrefix), where);
        _discriminators[^1].to(_device);
        _generator.to(_device);
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
                : throw new InputException($"'{where}': expected photograph {photo} at the scale below, of {size}, found {stored?.ToString() ?? "none"}: the checkpoint is damaged or of another training");
        }
    }

    /// <summary>Takes the trained stack, which belongs to the caller from then on.</summary>
    /// <param name="sourceSha256">The SHA-256 of each photograph's file, for the stack's metadata.</param>
    /// <param name="program">The program that trained the last scale, for the stack's metadata; null for this one.</param>
    /// <exception cref="InvalidOperationException">Not all scales have been trained.</exception>
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
            ReconstructionWeight = _options.ReconstructionWeight,
            IsChained = _options.IsChained,
            CoarsestNoise = _options.NoiseAt(scale: 0),
            Seed = _options.Seed,
            Threads = program.Threads,
            SourceSha256 = string.Join(',', sourceSha256),
            ProgramVersion = program.Version,
        });
        _discriminators.Clear();
        return stack;
    }

    /// <summary>Frees everything but a stack that was taken.</summary>
    public void Dispose()
    {
        End();
        _generator?.Dispose();
        foreach (var discriminator in _discriminators)
            discriminator.Dispose();
        foreach (var tensor in _finest.Concat(_below))
            tensor.Dispose();
        _generated?.Dispose();
    }

    private static Tensor Keep(Tensor tensor) => tensor.alias().DetachFromDisposeScope();

    private static Tensor Resize(Tensor image, ImageSize size) => Resampler.Bicubic(image, size.Height, size.Width);

    private static long IndexOf(int scale, int iteration) => ((long)scale << 32) + iteration;

    /// <summary>Begins a scale: from the one before where the width is the same, otherwise from fresh weights.</summary>
    private void Begin()
    {
        using var random = new Generator(Seeds.Of(_options.Seed, IndexOf(Scale, -1)));
        var width = PyramidPlan.WidthOf(Scale);
        _discriminators.Add(Next(_discriminators.LastOrDefault(), new Discriminator(width), random));
        var previous = _generator;
        _generator = Next(previous, new ScaleGenerator(width), random);
        previous?.Dispose();
        BeginTrainer();
    }

    private void BeginTrainer()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        _images = [.. _finest.Select((finest, i) => new ScaleImage(
            Keep(Resize(finest, _plans[i].Sizes[Scale])),
            new GeneratorInput(Resize(_below[i], _plans[i].Sizes[Scale]), _options.Distortion, _options.NoiseAt(Scale), _areGrey[i])))];
        _trainer = ScaleTrainers.Create(_discriminators[^1], _generator!, _images, _options.ReconstructionWeight, _options.Engine, _options.Iterations);
    }

    /// <summary>Takes other images for what lies below the scale; the caller keeps ownership.</summary>
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
        foreach (var (real, input) in _images)
        {
            real.Dispose();
            input.Dispose();
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
