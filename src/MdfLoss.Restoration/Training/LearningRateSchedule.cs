using System.Globalization;

namespace Mdf.Training;

/// <summary>The decay of the learning rate after the warm-up: <see cref="ConstantDecay"/>, <see cref="StepDecay"/> or <see cref="CosineDecay"/>.</summary>
public abstract record LearningRateDecay
{
    private protected LearningRateDecay()
    {
    }

    /// <summary>Throws if the decay does not fit the schedule.</summary>
    internal virtual void Check(double rate, int iterations, int warmup)
    {
    }

    /// <summary>Computes the learning rate of an iteration.</summary>
    /// <param name="rate">The learning rate at the start of the decay.</param>
    /// <param name="iteration">The number of iterations before this one.</param>
    /// <param name="start">The iteration at which the decay starts.</param>
    /// <param name="end">The total number of iterations.</param>
    internal abstract double At(double rate, int iteration, int start, int end);
}

/// <summary>A constant learning rate.</summary>
public sealed record ConstantDecay : LearningRateDecay
{
    internal override double At(double rate, int iteration, int start, int end) => rate;
}

/// <summary>Multiplies the learning rate by a factor at given iterations: PyTorch's <c>MultiStepLR</c>.</summary>
public sealed record StepDecay : LearningRateDecay
{
    /// <summary>The default of <see cref="Factor"/>.</summary>
    public const double DefaultFactor = 0.5;

    internal static ValueRange<double> FactorRange { get; } = new("a number between 0 and 1", value => value is > 0 and < 1);

    /// <summary>The iterations after which the learning rate is multiplied, in ascending order; at least one.</summary>
    public required IReadOnlyList<int> Milestones
    {
        get;
        init => field = value.Count > 0 && value.Zip(value.Skip(1)).All(pair => pair.First < pair.Second)
            ? [.. value]
            : throw new ArgumentException("expected at least one milestone, and each above the one before", nameof(value));
    }

    /// <summary>The factor at each milestone; between 0 and 1.</summary>
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

    /// <summary>The allowed range of a milestone. A milestone outside the decay would have no effect.</summary>
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

/// <summary>Lowers the learning rate along half a cosine until the last iteration: SGDR (Loshchilov and Hutter, ICLR 2017) without restarts, PyTorch's <c>CosineAnnealingLR</c>.</summary>
public sealed record CosineDecay : LearningRateDecay
{
    /// <summary>The default of <see cref="FinalRate"/>.</summary>
    public const double DefaultFinalRate = 1e-6;

    /// <summary>The learning rate at the end; not above the rate at the start.</summary>
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
        return (rate * left) + (FinalRate * (1 - left)); // exact to the bit at both ends
    }
}

/// <summary>The learning rate as a function of only the iteration. So a resumed training has the same learning rates as one without interruption.</summary>
internal sealed class LearningRateSchedule
{
    private readonly double _rate;
    private readonly LearningRateDecay _decay;
    private readonly int _iterations;
    private readonly int _warmup;

    /// <summary>Creates the schedule.</summary>
    /// <param name="rate">The highest learning rate, at the end of the warm-up and the start of the decay; above 0.</param>
    /// <param name="decay">The decay after the warm-up.</param>
    /// <param name="iterations">The total number of iterations; at least 1.</param>
    /// <param name="warmup">The number of iterations in which the rate rises; less than <paramref name="iterations"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A number is out of range, a milestone is not between the warm-up and the end, or the cosine would rise.
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

    /// <summary>Computes the learning rate of an iteration.</summary>
    /// <param name="iteration">The number of iterations before this one, so 0 for the first. The total number of iterations is allowed: it gives the rate at the end of the decay.</param>
    /// <remarks>
    /// With a warm-up of n iterations, the first n iterations have 1/(n + 1), 2/(n + 1), …, n/(n + 1) of the full rate. So the rate rises linearly from 0
    /// before the first iteration to the full rate in the first iteration after the warm-up.
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
