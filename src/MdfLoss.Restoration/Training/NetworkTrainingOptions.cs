namespace Mdf.Training;

/// <summary>The options of phase 2, the training of a restoration network. They are the same for every network and every task.</summary>
public sealed record NetworkTrainingOptions
{
    /// <summary>The sampling of patches from the training images.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>The number of iterations and the learning rate.</summary>
    public required ScheduleOptions Schedule { get; init; }

    /// <summary>The validation on images that are not used for training.</summary>
    public ValidationOptions Validation { get; init; } = new();

    /// <summary>The number of iterations between two checkpoints; at least 1.</summary>
    public int CheckpointEvery
    {
        get;
        init => field = CheckpointEveryRange.Check(value);
    }
    = 200;

    /// <summary>The seed of all randomness: weights, patches, their order and orientation, noise.</summary>
    public long Seed { get; init; }

    internal static ValueRange<int> CheckpointEveryRange { get; } = ValueRange.Whole(1);
}

/// <summary>The options for the sampling of training patches.</summary>
public sealed record SamplingOptions
{
    /// <summary>The side of a square patch of the reference, in pixels: 16 to 2048.</summary>
    public int Patch
    {
        get;
        init => field = PatchRange.Check(value);
    }
    = 96;

    /// <summary>Whether patches are randomly flipped and rotated by multiples of 90°.</summary>
    public bool Augment { get; init; } = true;

    /// <summary>Whether to skip training images that cannot be read, and to name them, instead of ending the training.</summary>
    public bool SkipUnreadable { get; init; }

    /// <summary>
    /// The factor by which training images are first reduced, with antialiased bicubic resampling, to remove their JPEG artefacts. With 1, they are not
    /// reduced.
    /// </summary>
    public int Reduce
    {
        get;
        init => field = ReduceRange.Check(value);
    }
    = 1;

    /// <summary>
    /// Holds out one of this many training images: with 10, the first, the eleventh, … of each folder, sorted by name, are not used for training. Images that are listed one by one count as one folder. 0 for none, otherwise at least 2.
    /// </summary>
    public int HoldOut
    {
        get;
        init => field = HoldOutRange.Check(value);
    }

    internal static ValueRange<int> HoldOutRange { get; } = new("0 or a whole number of at least 2", value => value is 0 or >= 2);

    internal static ValueRange<int> PatchRange { get; } = ValueRange.Whole(16, 2048);

    internal static ValueRange<int> ReduceRange { get; } = ValueRange.Whole(1);
}

/// <summary>The schedule of a network's training: the number of steps, the batch size and the learning rate. The optimizer is Adam.</summary>
public sealed record ScheduleOptions
{
    /// <summary>The number of steps of the learning-rate schedule; at least 1.</summary>
    public required int Iterations
    {
        get;
        init => field = IterationsRange.Check(value);
    }

    /// <summary>The batch size: the number of patches per step, 1 to 4096.</summary>
    public int Batch
    {
        get;
        init => field = BatchRange.Check(value);
    }
    = 8;

    /// <summary>The highest learning rate; above 0.</summary>
    public double LearningRate
    {
        get;
        init => field = ValueRange.Positive.Check(value);
    }
    = 5e-4;

    /// <summary>The decay of the learning rate after the warm-up.</summary>
    public LearningRateDecay Decay { get; init; } = new CosineDecay();

    /// <summary>The number of warm-up iterations, in which the learning rate rises from 0; less than <see cref="Iterations"/>.</summary>
    public int Warmup
    {
        get;
        init => field = ValueRange.Whole(0).Check(value);
    }

    /// <summary>The largest Euclidean norm of the gradient of all weights together. A larger gradient is scaled down to it. Default (null): no limit.</summary>
    public double? ClipGradient
    {
        get;
        init => field = value is { } norm ? ValueRange.Positive.Check(norm) : null;
    }

    /// <summary>The decay of the exponential moving average of the weights, such as 0.999; 0 for none.</summary>
    public double Ema
    {
        get;
        init => field = ValueRange.Fraction.Check(value);
    }

    /// <summary>Adam's β₁ and β₂: the decays of the moving averages of the gradient and of its square; each at least 0 and below 1.</summary>
    public (double Gradient, double Square) Betas
    {
        get;
        init => field = (ValueRange.Fraction.Check(value.Gradient), ValueRange.Fraction.Check(value.Square));
    }
    = (0.9, 0.999);

    /// <summary>The additional steps after the schedule, with its last learning rate: one number, at least 1, for each extension of the run.</summary>
    public IReadOnlyList<int> Extensions
    {
        get;
        init => field = new EqualList<int>(ExtensionsRange.Check([.. value.Select(ExtensionRange.Check)]));
    }
    = new EqualList<int>([]);

    /// <summary>The total number of steps: the steps of the schedule and of the extensions.</summary>
    public int TotalIterations => Iterations + Extensions.Sum();

    /// <summary>The largest number of steps of a schedule, and of all its extensions together. So their sum fits in an <see cref="int"/>.</summary>
    public const int MostIterations = 1_000_000_000;

    internal static ValueRange<int> IterationsRange { get; } = ValueRange.Whole(1, MostIterations);

    internal static ValueRange<int> ExtensionRange { get; } = ValueRange.Whole(1, MostIterations);

    internal static ValueRange<IReadOnlyList<int>> ExtensionsRange { get; } = new($"at most {MostIterations} steps in all", steps => steps.Sum(static each => (long)each) <= MostIterations);

    internal static ValueRange<int> BatchRange { get; } = ValueRange.Whole(1, 4096);

    /// <summary>Whether the schedule or one of its extensions ends after a number of steps.</summary>
    /// <param name="iteration">The number of finished steps.</param>
    internal bool IsEnd(int iteration) => Enumerable.Range(0, Extensions.Count + 1).Any(count => Iterations + Extensions.Take(count).Sum() == iteration);

    /// <summary>Creates the schedule of the learning rate.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The warm-up or the decay does not fit; see <see cref="LearningRateSchedule"/>.</exception>
    internal LearningRateSchedule PlanLearningRate() => new(LearningRate, Decay, Iterations, Warmup);
}

/// <summary>The options of the validation on images that are not used for training.</summary>
public sealed record ValidationOptions
{
    /// <summary>The number of iterations between two validations; at least 1.</summary>
    public int Every
    {
        get;
        init => field = EveryRange.Check(value);
    }
    = 500;

    /// <summary>The number of restored pictures that each validation writes; at least 0.</summary>
    public int Images
    {
        get;
        init => field = ImagesRange.Check(value);
    }
    = 4;

    /// <summary>The path of NIQE's model of natural images (<c>.npz</c>). Default (null): NIQE is skipped.</summary>
    public string? Niqe { get; init; }

    /// <summary>The measures: names of <see cref="Evaluation.Measures"/>, or loss expressions; at least one. Default (null): the default measures, and those of NIQE if there is a model.</summary>
    public IReadOnlyList<string>? Measures
    {
        get;
        init => field = value is null ? null : value.Count > 0 ? new EqualList<string>(value) : throw new ArgumentException("expected at least one measure", nameof(value));
    }

    internal static ValueRange<int> EveryRange { get; } = ValueRange.Whole(1);

    internal static ValueRange<int> ImagesRange { get; } = ValueRange.Whole(0);
}
