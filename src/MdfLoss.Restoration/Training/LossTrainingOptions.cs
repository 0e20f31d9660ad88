using System.Globalization;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Training.Adversarial;

namespace Mdf.Training;

/// <summary>What phase 1 is asked to do.</summary>
public sealed record LossTrainingOptions
{
    /// <summary>Default iterations of each scale: what the authors' SISR stack was trained for.</summary>
    public const int DefaultIterations = 1000;

    /// <summary>The distortion that the stack's task undoes.</summary>
    public required Distortion Distortion { get; init; }

    /// <summary>How many scales to train, from the coarsest; null for eight, or all where the pyramid has fewer.</summary>
    public int? Scales
    {
        get;
        init => field = value is null or >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "at least 1");
    }

    /// <summary>The most iterations that a scale may have, and that all extensions together may add to it: so that the iterations of all scales can be counted.</summary>
    public const int MostIterations = 10_000_000;

    /// <summary>The iterations of each scale: 1 to <see cref="MostIterations"/>.</summary>
    public int Iterations
    {
        get;
        init => field = ValueRange.Whole(1, MostIterations).Check(value);
    }
    = DefaultIterations;

    /// <summary>The longer side to which a larger photograph is scaled down first, in pixels.</summary>
    public int MaxSize
    {
        get;
        init => field = value >= PyramidPlan.MinSize ? value : throw new ArgumentOutOfRangeException(nameof(value), value, $"at least {PyramidPlan.MinSize}");
    }
    = PyramidPlan.DefaultMaxSize;

    /// <summary>The reconstruction's weight beside the adversarial term in the generator's loss by default: SinGAN's α.</summary>
    public const double DefaultReconstructionWeight = 10;

    /// <summary>The reconstruction's weight beside the adversarial term in the generator's loss; at least 0.</summary>
    public double ReconstructionWeight
    {
        get;
        init => field = value is >= 0 and < double.PositiveInfinity ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "at least 0 and finite");
    }
    = DefaultReconstructionWeight;

    /// <summary>
    /// Whether a generator begins with what the one of the scale below made, as the paper's figure has it, rather than with the photograph of the scale
    /// below (at the coarsest scale: with noise). The generators restore so well that chained ones soon leave the discriminators little to find.
    /// </summary>
    public bool IsChained { get; init; }

    /// <summary>σ of the noise that the coarsest scale begins with, by default.</summary>
    public const double DefaultCoarsestNoise = 0.2;

    /// <summary>
    /// σ, on [−1, 1], of the Gaussian noise that the coarsest scale begins with, where generators are not chained; no other scale has any. At least 0.
    /// SinGAN's is 1; ours was found by trial (<c>docs/research/stacks.md</c>). With 0 the generator's input is all one colour, and what is trained depends on rounding.
    /// </summary>
    public double CoarsestNoise
    {
        get;
        init => field = value is >= 0 and < double.PositiveInfinity ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "at least 0 and finite");
    }
    = DefaultCoarsestNoise;

    /// <summary>The range that the stack is to take its images in; it is trained on [−1, 1]. [0, 1] as upstream feeds its own unless given.</summary>
    public InputRange InputRange
    {
        get;
        init => field = value.IsUsable ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "expected two finite numbers, the lower first");
    }
    = InputRange.Unit;

    /// <summary>What the MDF loss is to count of each layer of the stack: 1 each as upstream unless given. It does not change the training.</summary>
    public LayerWeights LayerWeights
    {
        get;
        init => field = value.AreUsable ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "expected weights that are finite, not negative, and not all 0");
    }
    = LayerWeights.Equal;

    /// <summary>The seed of all randomness: weights, noise, gradient penalty.</summary>
    public long Seed { get; init; }

    /// <summary>How often the training was extended, and from which scale on. More iterations keep the learning rate of a scale's last.</summary>
    public IReadOnlyList<LossExtension> Extensions
    {
        get;
        init => field = ExtensionsRange.Check([.. value]);
    }
    = [];

    /// <summary>How many iterations a scale has, with its extensions.</summary>
    /// <param name="scale">The scale.</param>
    public int IterationsOf(int scale) => Iterations + Extensions.Where(extension => extension.FromScale <= scale).Sum(extension => extension.Iterations);

    internal static ValueRange<IReadOnlyList<LossExtension>> ExtensionsRange { get; } = new(
        $"at least 1 iteration each, and at most {MostIterations} in all",
        extensions => extensions.All(extension => extension is { FromScale: >= 0, Iterations: >= 1 }) && extensions.Sum(extension => (long)extension.Iterations) <= MostIterations);

    /// <summary>σ of the noise that a scale begins with.</summary>
    /// <param name="scale">The scale.</param>
    internal double NoiseAt(int scale) => IsChained || scale > 0 ? 0 : CoarsestNoise;

    /// <summary>What to compute with.</summary>
    internal TrainingEngine Engine { get; init; }
}

/// <summary>More iterations for a scale and all finer ones.</summary>
/// <param name="FromScale">The scale that was being trained.</param>
/// <param name="Iterations">How many more; at least 1.</param>
public sealed record LossExtension(int FromScale, int Iterations)
{
    /// <summary>Extensions as text, <c>scale:iterations</c> each, with commas between; empty for none.</summary>
    /// <param name="extensions">The extensions, the first one first.</param>
    public static string Format(IEnumerable<LossExtension> extensions) =>
        string.Join(',', extensions.Select(extension => string.Create(CultureInfo.InvariantCulture, $"{extension.FromScale}:{extension.Iterations}")));

    /// <summary>Reads what <see cref="Format"/> writes.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The extensions; null where it is not such a text, or adds more than a training may have.</returns>
    public static IReadOnlyList<LossExtension>? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var extensions = new List<LossExtension>();
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.Split(':') is not [var from, var more]
                || !int.TryParse(from, NumberStyles.None, CultureInfo.InvariantCulture, out var scale) || !int.TryParse(more, NumberStyles.None, CultureInfo.InvariantCulture, out var iterations))
            {
                return null;
            }

            extensions.Add(new LossExtension(scale, iterations));
        }

        return LossTrainingOptions.ExtensionsRange.Contains(extensions) ? extensions : null;
    }
}
