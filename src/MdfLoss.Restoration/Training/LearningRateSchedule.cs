using System.Globalization;

namespace Mdf.Training;

/// <summary>How the learning rate falls, once it has been warmed up: <see cref="ConstantDecay"/>, <see cref="StepDecay"/> or <see cref="CosineDecay"/>.</summary>
public abstract record LearningRateDecay
{
    private protected LearningRateDecay()
    {
    }

    /// <summary>Throws where the decay does not fit the schedule that it is to be part of.</summary>
    internal virtual void Check(double rate, int iterations, int warmup)
    {
    }

    /// <summary>The rate of an iteration.</summary>
    /// <param name="rate">Where it falls from.</param>
    /// <param name="iteration">How many iterations were made before.</param>
    /// <param name="start">When it begins to fall.</param>
    /// <param name="end">How many iterations there are.</param>
    internal abstract double At(double rate, int iteration, int start, int end);
}

/// <summary>The rate stays as it is.</summary>
public sealed record ConstantDecay : LearningRateDecay
{
    internal override double At(double rate, int iteration, int start, int end) => rate;
}

/// <summary>The rate is multiplied by a factor at certain iterations: PyTorch's <c>MultiStepLR</c>.</summary>
public sealed record StepDecay : LearningRateDecay
{
    /// <summary>What the rate is multiplied by, by default.</summary>
    public const double DefaultFactor = 0.5;

    internal static ValueRange<double> FactorRange { get; } = new("a number between 0 and 1", value => value is > 0 and < 1);

    /// <summary>After how many iterations the rate is multiplied, in ascending order; at least one.</summary>
    public required IReadOnlyList<int> Milestones
    {
        get;
        init => field = value.Count > 0 && value.Zip(value.Skip(1)).All(pair => pair.First < pair.Second)
            ? [.. value]
            : throw new ArgumentException("expected at least one milestone, and each above the one before", nameof(value));
    }

    /// <summary>What it is multiplied by each time; between 0 and 1.</summary>
    public double Factor
    {
        get;
        init => field = FactorRange.Check(value);
    }
    = DefaultFactor;

    /// <inheritdoc/>
    public bool Equals(StepDecay? other) => other is not null && Factor.Equals(other.Factor) && Milestones.SequenceEqual(other.Milestones);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Factor, Milestones.Count, Milestones[0]);

    /// <summary>Where a milestone may be: one outside the decay would change nothing.</summary>
    internal static ValueRange<int> MilestoneRange(int iterations, int warmup) => new(
        $"whole numbers above {warmup} (the warm-up) and below {iterations} (the iterations)",
        value => value > warmup && value < iterations);

    internal override void Check(double rate, int iterations, int warmup)
    {
        foreach (var milestone in Milestones)
            MilestoneRange(iterations, warmup).Check(milestone);
    }

    internal override double At(double rate, int iteration, int start, int end) =>
        rate * Math.Pow(Factor, Milestones.Count(milestone => milestone <= iteration));
}

/// <summary>The rate follows half a cosine to the end: SGDR (Loshchilov and Hutter, ICLR 2017) without restarts, PyTorch's <c>CosineAnnealingLR</c>.</summary>
public sealed record CosineDecay : LearningRateDecay
{
    /// <summary>Where the rate ends by default.</summary>
    public const double DefaultFinalRate = 1e-6;

    /// <summary>Where the rate ends: not above where it starts.</summary>
    public double FinalRate
    {
        get;
        init => field = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "expected a number of at least 0");
    }
    = DefaultFinalRate;

    internal static ValueRange<double> FinalRateRange(double rate) => new(
        string.Create(CultureInfo.InvariantCulture, $"a number from 0 to the learning rate, {rate}"),
        value => value >= 0 && value <= rate);

    internal override void Check(double rate, int iterations, int warmup) => FinalRateRange(rate).Check(FinalRate);

    internal override double At(double rate, int iteration, int start, int end)
    {
        var done = Math.Max(0, iteration - start) / (double)(end - start);
        var left = (1 + Math.Cos(Math.PI * done)) / 2;
        return (rate * left) + (FinalRate * (1 - left)); // to the bit at both ends
    }
}

/// <summary>The learning rate as a function of the iteration alone, so that training that is resumed goes on with the rate that it would have had.</summary>
public sealed class LearningRateSchedule
{
    private readonly double _rate;
    private readonly LearningRateDecay _decay;
    private readonly int _iterations;
    private readonly int _warmup;

    /// <summary>Plans the rate of every iteration.</summary>
    /// <param name="rate">The highest rate: where the warm-up ends and the decay begins; above 0.</param>
    /// <param name="decay">How it falls.</param>
    /// <param name="iterations">How many iterations there are; at least 1.</param>
    /// <param name="warmup">In how many of them the rate rises; fewer than there are.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A number is out of range, or a milestone is not between the warm-up and the end, or the cosine would rise.
    /// </exception>
    public LearningRateSchedule(double rate, LearningRateDecay decay, int iterations, int warmup = 0)
    {
        ArgumentNullException.ThrowIfNull(decay);
        _rate = ValueRange.Positive.Check(rate);
        _iterations = ValueRange.Whole(1).Check(iterations);
        _warmup = WarmupRange(iterations).Check(warmup);
        decay.Check(rate, iterations, warmup);
        _decay = decay;
    }

    /// <summary>The rate of an iteration.</summary>
    /// <param name="iteration">How many iterations were made before it, so 0 for the first. The number of all is allowed: where the decay ends.</param>
    /// <remarks>
    /// With a warm-up of n, the first n iterations have 1, 2, …, n parts of n + 1: the rate rises in a straight line from the 0 before the first to
    /// the full rate of the one behind the warm-up.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">There is no such iteration.</exception>
    public double At(int iteration)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(iteration);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(iteration, _iterations);
        var warm = Math.Min(1, (iteration + 1.0) / (_warmup + 1.0));
        return warm * _decay.At(_rate, iteration, _warmup, _iterations);
    }

    internal static ValueRange<int> WarmupRange(int iterations) => new(
        $"a whole number from 0 to {iterations - 1}, below the number of iterations",
        value => value >= 0 && value < iterations);
}
