using System.Collections.ObjectModel;

namespace Mdf.Training;

/// <summary>What phase 2 is asked to do: how a restoration network is trained, whatever it is and whatever it undoes.</summary>
public sealed record NetworkTrainingOptions
{
    /// <summary>What is cut out of the training images.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>How long and how fast the network learns.</summary>
    public required ScheduleOptions Schedule { get; init; }

    /// <summary>When the network is tried on images that it does not learn from.</summary>
    public ValidationOptions Validation { get; init; } = new();

    /// <summary>After how many iterations each a checkpoint is written; at least 1.</summary>
    public int CheckpointEvery
    {
        get;
        init => field = CheckpointEveryRange.Check(value);
    }
    = 200;

    /// <summary>The seed of all randomness: weights, patches, their order and turns, noise.</summary>
    public long Seed { get; init; }

    internal static ValueRange<int> CheckpointEveryRange { get; } = ValueRange.Whole(1);
}

/// <summary>Which patches a network learns from.</summary>
public sealed record SamplingOptions
{
    /// <summary>The side of a square patch of the reference, in pixels: 16 to 2048.</summary>
    public int Patch
    {
        get;
        init => field = PatchRange.Check(value);
    }
    = 96;

    /// <summary>Whether patches are flipped and turned by quarters at random.</summary>
    public bool Augment { get; init; } = true;

    /// <summary>Whether training images that cannot be read are passed over, and named, instead of ending the training.</summary>
    public bool SkipUnreadable { get; init; }

    /// <summary>
    /// By what factor training images are reduced first, with antialiased bicubic resampling, so that nothing is left of what JPEG did to
    /// them; 1 leaves them as they are.
    /// </summary>
    public int Reduce
    {
        get;
        init => field = ReduceRange.Check(value);
    }
    = 1;

    /// <summary>
    /// Of how many training images one is set aside, and not trained on: with 10, in each folder the first, the eleventh and so on, by name; images that are named one by one count as one folder. 0 for none; at least 2.
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

/// <summary>How long and how fast a network learns. The optimizer is Adam.</summary>
public sealed record ScheduleOptions
{
    /// <summary>How many steps the schedule of the learning rate has; at least 1.</summary>
    public required int Iterations
    {
        get;
        init => field = IterationsRange.Check(value);
    }

    /// <summary>How many patches a step sees: 1 to 4096.</summary>
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

    /// <summary>How the learning rate falls from there.</summary>
    public LearningRateDecay Decay { get; init; } = new CosineDecay();

    /// <summary>In how many iterations it rises from 0 first; fewer than <see cref="Iterations"/>.</summary>
    public int Warmup
    {
        get;
        init => field = ValueRange.Whole(0).Check(value);
    }

    /// <summary>The largest Euclidean norm that the gradient of all weights together may have; a larger one is scaled down to it. Null for no bound.</summary>
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

    /// <summary>Adam's decays of the gradient's average and of its square's; each at least 0 and below 1.</summary>
    public (double Gradient, double Square) Betas
    {
        get;
        init => field = (ValueRange.Fraction.Check(value.Gradient), ValueRange.Fraction.Check(value.Square));
    }
    = (0.9, 0.999);

    /// <summary>Steps that follow the schedule, at its last learning rate: one number, at least 1, for each time that the run was extended.</summary>
    public IReadOnlyList<int> Extensions
    {
        get;
        init => field = new EqualList(ExtensionsRange.Check([.. value.Select(ExtensionRange.Check)]));
    }
    = new EqualList([]);

    /// <summary>How many steps the optimizer makes: those of the schedule and of the extensions.</summary>
    public int TotalIterations => Iterations + Extensions.Sum();

    /// <summary>The most steps that a schedule may have, and that all extensions together may add: so that their sum is an <see cref="int"/>.</summary>
    public const int MostIterations = 1_000_000_000;

    internal static ValueRange<int> IterationsRange { get; } = ValueRange.Whole(1, MostIterations);

    internal static ValueRange<int> ExtensionRange { get; } = ValueRange.Whole(1, MostIterations);

    internal static ValueRange<IReadOnlyList<int>> ExtensionsRange { get; } = new($"at most {MostIterations} steps in all", steps => steps.Sum(static each => (long)each) <= MostIterations);

    internal static ValueRange<int> BatchRange { get; } = ValueRange.Whole(1, 4096);

    /// <summary>Two options are equal if their extensions are, one by one.</summary>
    private sealed class EqualList(IEnumerable<int> values) : ReadOnlyCollection<int>([.. values])
    {
        public override bool Equals(object? obj) => obj is EqualList other && this.SequenceEqual(other);

        public override int GetHashCode() => Count;
    }

    /// <summary>Whether the schedule or one of its extensions ends after so many steps.</summary>
    /// <param name="iteration">How many steps have been made.</param>
    internal bool IsEnd(int iteration) => Enumerable.Range(0, Extensions.Count + 1).Any(count => Iterations + Extensions.Take(count).Sum() == iteration);

    /// <summary>The learning rate of every iteration of the schedule.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The warm-up or the decay does not fit; see <see cref="LearningRateSchedule"/>.</exception>
    public LearningRateSchedule PlanLearningRate() => new(LearningRate, Decay, Iterations, Warmup);
}

/// <summary>When a network is tried on images that it does not learn from, and what is written then.</summary>
public sealed record ValidationOptions
{
    /// <summary>After how many iterations each; at least 1.</summary>
    public int Every
    {
        get;
        init => field = EveryRange.Check(value);
    }
    = 500;

    /// <summary>How many restored pictures are written each time; at least 0.</summary>
    public int Images
    {
        get;
        init => field = ImagesRange.Check(value);
    }
    = 4;

    /// <summary>The file of NIQE's model of natural images (<c>.npz</c>); null where NIQE is not to be computed.</summary>
    public string? Niqe { get; init; }

    internal static ValueRange<int> EveryRange { get; } = ValueRange.Whole(1);

    internal static ValueRange<int> ImagesRange { get; } = ValueRange.Whole(0);
}
