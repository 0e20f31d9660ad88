using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Discriminators;

/// <summary>The metadata of a stack file. With it, the file alone is enough to use the stack and to repeat its training.</summary>
public sealed record StackMetadata
{
    /// <summary>The name of the format, with its version, that this program writes.</summary>
    internal const string CurrentFormat = FileKind.StackFormat;

    private const string Extended = "extended";
    private const string RecipeKey = "recipe";

    /// <summary>The task that the stack was trained for, such as <c>jpeg:10</c>.</summary>
    public required string Task { get; init; }

    /// <summary>The range of values in which the stack takes its images.</summary>
    public required InputRange InputRange { get; init; }

    /// <summary>Default weights of the layers in the MDF loss.</summary>
    public required LayerWeights LayerWeights { get; init; }

    /// <summary>The pyramid's factor r between neighbouring scales; in (0, 1].</summary>
    public required double ScaleFactor { get; init; }

    /// <summary>The size of every trained scale, coarse to fine.</summary>
    public required IReadOnlyList<ImageSize> Sizes { get; init; }

    /// <summary>The longest allowed side of the photograph, in pixels. A larger photograph was scaled down to it.</summary>
    public required int MaxSize { get; init; }

    /// <summary>The number of training iterations per scale.</summary>
    public required int Iterations { get; init; }

    /// <summary>
    /// The extensions of the training: a comma-separated list of <c>scale:iterations</c>. Each entry adds iterations to that scale and all finer scales. Empty
    /// if the training was not extended.
    /// </summary>
    public string Extensions { get; init; } = "";

    /// <summary>The weight of the reconstruction error in the generator's loss.</summary>
    public required double ReconstructionWeight { get; init; }

    /// <summary>The recipe of the training, such as <c>paper</c>.</summary>
    public required string Recipe { get; init; }

    /// <summary>The standard deviation σ, in the range [−1, 1], of the Gaussian noise that the coarsest scale started from; 0 if the recipe has none.</summary>
    public required double CoarsestNoise { get; init; }

    /// <summary>The seed of all randomness.</summary>
    public required long Seed { get; init; }

    /// <summary>The number of threads per operation. The last bits of a sum depend on it.</summary>
    public required int Threads { get; init; }

    /// <summary>The SHA-256 of the photograph's file, in lower-case hexadecimal digits.</summary>
    public required string SourceSha256 { get; init; }

    /// <summary>The version of the program that trained the stack.</summary>
    public required string ProgramVersion { get; init; }

    /// <summary>Converts the metadata to the entries of a safetensors file.</summary>
    internal IReadOnlyDictionary<string, string> ToDictionary()
    {
        var values = Required();
        if (Extensions.Length > 0)
            values[Extended] = Extensions;
        return values;
    }

    private SortedDictionary<string, string> Required() => new(StringComparer.Ordinal)
    {
        [FileKind.Key] = CurrentFormat,
        ["task"] = Task,
        ["input_range"] = InputRange.ToString(),
        ["layer_weights"] = LayerWeights.ToString(),
        ["scale_factor"] = ScaleFactor.ToString("R", CultureInfo.InvariantCulture),
        ["sizes"] = string.Join(',', Sizes.Select(size => string.Create(CultureInfo.InvariantCulture, $"{size.Width}x{size.Height}"))),
        ["max_size"] = MaxSize.ToString(CultureInfo.InvariantCulture),
        ["iterations"] = Iterations.ToString(CultureInfo.InvariantCulture),
        ["reconstruction_weight"] = ReconstructionWeight.ToString("R", CultureInfo.InvariantCulture),
        [RecipeKey] = Recipe,
        ["coarsest_noise"] = CoarsestNoise.ToString("R", CultureInfo.InvariantCulture),
        ["seed"] = Seed.ToString(CultureInfo.InvariantCulture),
        ["threads"] = Threads.ToString(CultureInfo.InvariantCulture),
        ["source_sha256"] = SourceSha256,
        ["program_version"] = ProgramVersion,
    };

    /// <summary>Reads the entries that <see cref="ToDictionary"/> writes.</summary>
    /// <param name="values">A file's metadata.</param>
    /// <param name="where">The file's name, for messages.</param>
    /// <returns>The metadata; null if phase 1 did not write the file (one of the authors' files, or a converted file).</returns>
    /// <exception cref="InputException">The file is of another kind, it is newer than this program, or a value is missing or invalid.</exception>
    internal static StackMetadata? Read(IReadOnlyDictionary<string, string> values, string where)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (!FileKind.Stack.IsKindOf(values, where))
            return null;
        return new StackMetadata
        {
            Task = Value("task"),
            InputRange = InputRange.TryParse(Value("input_range"), out var range) ? range : throw Invalid("input_range"),
            LayerWeights = LayerWeights.TryParse(Value("layer_weights"), out var layerWeights) ? layerWeights : throw Invalid("layer_weights"),
            ScaleFactor = double.TryParse(Value("scale_factor"), NumberStyles.Float, CultureInfo.InvariantCulture, out var factor)
                && factor is > 0 and <= 1 ? factor : throw Invalid("scale_factor"),
            Sizes = [.. Value("sizes").Split(',').Select(Size)],
            MaxSize = int.TryParse(Value("max_size"), NumberStyles.None, CultureInfo.InvariantCulture, out var maxSize)
                ? maxSize : throw Invalid("max_size"),
            Iterations = int.TryParse(Value("iterations"), NumberStyles.None, CultureInfo.InvariantCulture, out var iterations)
                ? iterations : throw Invalid("iterations"),
            Extensions = values.GetValueOrDefault(Extended, ""),
            ReconstructionWeight = Amount("reconstruction_weight"),
            Recipe = values.GetValueOrDefault(RecipeKey) ?? RecipeOfChained(),
            CoarsestNoise = Amount("coarsest_noise"),
            Seed = long.TryParse(Value("seed"), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seed)
                ? seed : throw Invalid("seed"),
            Threads = int.TryParse(Value("threads"), NumberStyles.None, CultureInfo.InvariantCulture, out var threads)
                ? threads : throw Invalid("threads"),
            SourceSha256 = Value("source_sha256"),
            ProgramVersion = Value("program_version"),
        };

        string Value(string key) => values.TryGetValue(key, out var value) ? value : throw Invalid(key);

        double Amount(string key) => double.TryParse(Value(key), NumberStyles.Float, CultureInfo.InvariantCulture, out var amount) && amount >= 0 && double.IsFinite(amount)
            ? amount : throw Invalid(key);

        // Stacks of November 2026 and before: there were two recipes, and no name.
        string RecipeOfChained() => Value("chained") switch { "true" => "paper", "false" => "photograph", _ => throw Invalid("chained") };

        InputException Invalid(string key) => new(values.TryGetValue(key, out var value)
            ? $"'{where}': its metadata has the unusable value {Untrusted.Quote(value)} for '{key}': the file is corrupt"
            : $"'{where}': its metadata lacks '{key}': the file is corrupt, or an earlier version wrote it; train the stack again");

        ImageSize Size(string text) =>
            text.Split('x') is [var width, var height]
            && int.TryParse(width, NumberStyles.None, CultureInfo.InvariantCulture, out var columns)
            && int.TryParse(height, NumberStyles.None, CultureInfo.InvariantCulture, out var rows)
                ? new ImageSize(rows, columns)
                : throw Invalid("sizes");
    }
}
