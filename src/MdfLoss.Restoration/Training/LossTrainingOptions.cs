using System.Globalization;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Training.Adversarial;

namespace Mdf.Training;

/// <summary>The options of phase 1, the training of a loss.</summary>
public sealed record LossTrainingOptions
{
    /// <summary>The default number of iterations per scale, as in the training of the authors' SISR stack.</summary>
    public const int DefaultIterations = 1000;

    /// <summary>The distortion of the stack's task.</summary>
    public required Distortion Distortion { get; init; }

    /// <summary>The number of scales to train, from the coarsest. Default (null): eight, or all scales if the pyramid has fewer.</summary>
    public int? Scales
    {
        get;
        init => field = value is null or >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "at least 1");
    }

    /// <summary>The largest number of iterations per scale, and the largest number that all extensions together may add. The limit keeps the total number of all scales countable.</summary>
    internal const int MostIterations = 10_000_000;

    /// <summary>The number of iterations per scale: 1 to <see cref="MostIterations"/>.</summary>
    public int Iterations
    {
        get;
        init => field = ValueRange.Whole(1, MostIterations).Check(value);
    }
    = DefaultIterations;

    /// <summary>The longest allowed side of the photograph, in pixels. A larger photograph is first scaled down to it.</summary>
    public int MaxSize
    {
        get;
        init => field = value >= PyramidPlan.MinSize ? value : throw new ArgumentOutOfRangeException(nameof(value), value, $"at least {PyramidPlan.MinSize}");
    }
    = PyramidPlan.DefaultMaxSize;

    /// <summary>The default of <see cref="ReconstructionWeight"/>: SinGAN's α.</summary>
    public const double DefaultReconstructionWeight = 10;

    /// <summary>The weight of the reconstruction error in the generator's loss, relative to the adversarial term; at least 0. A recipe without generators does not use it.</summary>
    public double ReconstructionWeight
    {
        get;
        init => field = value is >= 0 and < double.PositiveInfinity ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "at least 0 and finite");
    }
    = DefaultReconstructionWeight;

    /// <summary>The recipe: which images the discriminators learn to tell apart.</summary>
    public LossRecipe Recipe { get; init; } = LossRecipe.Default;

    /// <summary>The default of <see cref="CoarsestNoise"/>.</summary>
    public const double DefaultCoarsestNoise = 0.2;

    /// <summary>
    /// The standard deviation σ, in the range [−1, 1], of the Gaussian noise that the coarsest scale starts from, if the recipe has generators that are not chained; at least 0. Other scales have no noise.
    /// SinGAN uses 1; our default was found by experiment (<c>docs/research/stacks.md</c>). With 0, the generator's input has only one colour, and the result of the training depends on rounding.
    /// </summary>
    public double CoarsestNoise
    {
        get;
        init => field = value is >= 0 and < double.PositiveInfinity ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "at least 0 and finite");
    }
    = DefaultCoarsestNoise;

    /// <summary>The range of values in which the trained stack takes its images. Training itself uses [−1, 1]. Default: [0, 1], the range that upstream feeds to its stacks.</summary>
    public InputRange InputRange
    {
        get;
        init => field = value.IsUsable ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "expected two finite numbers, the lower first");
    }
    = InputRange.Unit;

    /// <summary>The weights of the layers of the stack in the MDF loss. They do not change the training. Default: 1 each, as upstream.</summary>
    public LayerWeights LayerWeights
    {
        get;
        init => field = value.AreUsable ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "expected weights that are finite, not negative, and not all 0");
    }
    = LayerWeights.Equal;

    /// <summary>The seed of all randomness: weights, noise, gradient penalty.</summary>
    public long Seed { get; init; }

    /// <summary>The extensions of the training. Added iterations use the last learning rate of the scale's schedule.</summary>
    public IReadOnlyList<LossExtension> Extensions
    {
        get;
        init => field = ExtensionsRange.Check([.. value]);
    }
    = [];

    /// <summary>The number of iterations of a scale, including extensions.</summary>
    /// <param name="scale">The scale.</param>
    public int IterationsOf(int scale) => Iterations + Extensions.Where(extension => extension.FromScale <= scale).Sum(extension => extension.Iterations);

    internal static ValueRange<IReadOnlyList<LossExtension>> ExtensionsRange { get; } = new(
        $"at least 1 iteration each, and at most {MostIterations} in all",
        extensions => extensions.All(extension => extension is { FromScale: >= 0, Iterations: >= 1 }) && extensions.Sum(extension => (long)extension.Iterations) <= MostIterations);

    /// <summary><see cref="ReconstructionWeight"/>, or 0 for a recipe without generators.</summary>
    internal double UsedReconstructionWeight => Recipe.HasGenerator ? ReconstructionWeight : 0;

    /// <summary>The standard deviation σ of the noise that a scale starts from.</summary>
    /// <param name="scale">The scale.</param>
    internal double NoiseAt(int scale) => Recipe.StartsFromNoise && scale == 0 ? CoarsestNoise : 0;

    /// <summary>The engine that computes the training.</summary>
    internal TrainingEngine Engine { get; init; }
}

/// <summary>An extension of the training: additional iterations for a scale and all finer scales.</summary>
/// <param name="FromScale">The scale in training at the time of the extension.</param>
/// <param name="Iterations">The number of additional iterations per scale; at least 1.</param>
public sealed record LossExtension(int FromScale, int Iterations)
{
    /// <summary>Formats extensions as a comma-separated list of <c>scale:iterations</c>; empty for none.</summary>
    /// <param name="extensions">The extensions, in the order in which they were made.</param>
    internal static string Format(IEnumerable<LossExtension> extensions) =>
        string.Join(',', extensions.Select(extension => string.Create(CultureInfo.InvariantCulture, $"{extension.FromScale}:{extension.Iterations}")));

    /// <summary>Parses the text that <see cref="Format"/> writes.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The extensions; null if the text is invalid, or adds more iterations than a training may have.</returns>
    internal static IReadOnlyList<LossExtension>? TryParse(string text)
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
