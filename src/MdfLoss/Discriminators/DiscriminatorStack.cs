using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Discriminators;

/// <summary>The trained and frozen discriminators D_0 … D_{K−1}. Phase 1 trains them; the MDF loss uses them.</summary>
/// <remarks>
/// In a file, the tensors of D_k are named <c>{k}.head.conv.weight</c>, <c>{k}.body.block1.norm.running_mean</c>,
/// <c>{k}.tail.bias</c>, …: the index of the scale, then upstream's name.
/// </remarks>
public sealed class DiscriminatorStack : nn.Module
{
    /// <summary>The name of <see cref="Untrained"/> with eight scales in the place of a file: <c>mdf:untrained</c>, a control for comparisons.</summary>
    internal const string UntrainedName = "untrained";

    private const int DefaultScales = 8;

    // A file with more scales than this is refused: with scale 0 at 25 pixels and a factor of 0.75, scale 30 already has 140,000 pixels.
    private const int MostScales = 32;
    private const int LargestWidth = 512;
    private const string RangeKey = WeightConversion.InputRangeKey;
    private const string WeightsKey = WeightConversion.LayerWeightsKey;

    private readonly IReadOnlyList<Discriminator> _discriminators;

    /// <summary>Creates a stack. The stack takes ownership of the discriminators.</summary>
    /// <param name="discriminators">Coarse to fine; at least one.</param>
    /// <param name="inputRange">The range of values in which the discriminators take their images.</param>
    /// <param name="metadata">The record of the stack's training; null if unknown.</param>
    /// <param name="layerWeights">Default weights of the layers in the MDF loss. Default (null): the weights in the metadata; without metadata, 1 each.</param>
    internal DiscriminatorStack(
        IReadOnlyList<Discriminator> discriminators, InputRange inputRange, StackMetadata? metadata = null, LayerWeights? layerWeights = null)
        : base(nameof(DiscriminatorStack))
    {
        ArgumentNullException.ThrowIfNull(discriminators);
        ArgumentOutOfRangeException.ThrowIfZero(discriminators.Count);
        if (!inputRange.IsUsable)
            throw new ArgumentOutOfRangeException(nameof(inputRange), inputRange, "expected a range whose low end is below its high end");
        if (layerWeights is { AreUsable: false })
            throw new ArgumentOutOfRangeException(nameof(layerWeights), layerWeights, "expected weights that are finite, not negative, and not all 0");
        _discriminators = [.. discriminators];
        InputRange = inputRange;
        LayerWeights = layerWeights ?? metadata?.LayerWeights ?? LayerWeights.Equal;
        Metadata = metadata is null ? null : metadata with { InputRange = InputRange, LayerWeights = LayerWeights };
        for (var k = 0; k < Count; k++)
            register_module(k.ToString(CultureInfo.InvariantCulture), _discriminators[k]);
    }

    /// <summary>The number of discriminators.</summary>
    public int Count => _discriminators.Count;

    /// <summary>The range of values in which the discriminators take their images.</summary>
    public InputRange InputRange { get; }

    /// <summary>Default weights of the layers in the MDF loss.</summary>
    public LayerWeights LayerWeights { get; }

    /// <summary>The record of the stack's training; null for the authors' stacks.</summary>
    public StackMetadata? Metadata { get; }

    /// <summary>The file that the stack was read from; null if it was created in memory. Loading other weights into the stack later does not change this.</summary>
    public WeightsFile? ReadFrom { get; private init; }

    /// <summary>The discriminator of one scale.</summary>
    /// <param name="scale">Its index; 0 is the coarsest.</param>
    internal Discriminator this[int scale] => _discriminators[scale];

    /// <summary>Creates a stack with random weights, as phase 1 initialises them: a baseline to compare a trained stack with.</summary>
    /// <param name="scales">The number of discriminators; at least 1.</param>
    /// <param name="seed">The seed of the random weights.</param>
    /// <param name="inputRange">The range in which the stack takes its images. Default: [0, 1].</param>
    /// <returns>The stack: frozen, on the CPU. The running statistics of its batch norms are those of new ones, 0 and 1.</returns>
    public static DiscriminatorStack Untrained(int scales, long seed, InputRange? inputRange = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(scales, 1);
        using var random = new Generator((ulong)seed);
        var discriminators = Enumerable.Range(0, scales).Select(k => new Discriminator(PyramidPlan.WidthOf(k))).ToArray();
        foreach (var discriminator in discriminators)
            discriminator.Initialize(random);
        var stack = new DiscriminatorStack(discriminators, inputRange ?? InputRange.Unit);
        stack.Freeze();
        return stack;
    }

    /// <summary>Freezes every discriminator: evaluation mode, and no gradients for the weights.</summary>
    public void Freeze()
    {
        eval();
        foreach (var discriminator in _discriminators)
            discriminator.Freeze();
    }

    /// <summary>Reads a stack: a file from phase 1, one of the authors' files, a converted file of either kind, or a shipped stack.</summary>
    /// <param name="path">A safetensors or PyTorch file, one of <see cref="ShippedStacks.Names"/>, or <see cref="UntrainedName"/>.</param>
    /// <param name="inputRange">The range in which the stack takes its images. Default (null): the range in the file; [0, 1] if the file has none.</param>
    /// <returns>The stack, frozen, on the CPU.</returns>
    /// <exception cref="InputException">The file is missing, corrupt, or not a discriminator stack.</exception>
    public static DiscriminatorStack Load(string path, InputRange? inputRange = null)
    {
        if (path == UntrainedName)
            return Untrained(DefaultScales, seed: 1, inputRange);
        using var file = ShippedStacks.Files.Open(path);
        var metadata = StackMetadata.Read(file.Metadata, path);
        var byScale = GroupByScale(file.Tensors, path);
        if (metadata is not null && metadata.Sizes.Count != byScale.Count)
            throw new InputException($"'{path}': expected {metadata.Sizes.Count} discriminators, as its metadata says, found {byScale.Count}: the file is corrupt");

        var discriminators = new List<Discriminator>();
        try
        {
            for (var k = 0; k < byScale.Count; k++)
            {
                if (!byScale.TryGetValue(k, out var tensors))
                    throw NotAStack(path, $"scale {k} is missing");
                if (!tensors.TryGetValue("head.conv.weight", out var first) || first.Shape is not [> 0 and <= LargestWidth, 3, 3, 3])
                    throw NotAStack(path, $"'{k}.head.conv.weight' is missing or is not of shape (width, 3, 3, 3)");
                var discriminator = new Discriminator((int)first.Shape[0]);
                discriminators.Add(discriminator);
                ModuleWeights.Load(discriminator, tensors, $"{path}, scale {k}");
            }

            var used = inputRange ?? metadata?.InputRange ?? (TextOf(RangeKey, file, path) is not { } range ? InputRange.Unit
                : InputRange.TryParse(range, out var parsedRange) ? parsedRange : throw NotAStack(path, $"its '{RangeKey}' is not a range"));
            var weights = metadata?.LayerWeights ?? (TextOf(WeightsKey, file, path) is not { } text ? LayerWeights.Equal
                : LayerWeights.TryParse(text, out var parsedWeights) ? parsedWeights : throw NotAStack(path, $"its '{WeightsKey}' are not three weights"));
            var stack = new DiscriminatorStack(discriminators, used, metadata, weights) { ReadFrom = new WeightsFile(path, file.Sha256()) };
            stack.Freeze();
            return stack;
        }
        catch
        {
            discriminators.ForEach(discriminator => discriminator.Dispose());
            throw;
        }
    }

    /// <summary>Writes the stack with its metadata. The file alone is enough to use the stack.</summary>
    /// <param name="path">A <c>.safetensors</c> file.</param>
    /// <exception cref="InputException">The path cannot be written.</exception>
    public void Save(string path)
    {
        var metadata = Metadata?.ToDictionary()
            ?? new Dictionary<string, string> { [RangeKey] = InputRange.ToString(), [WeightsKey] = LayerWeights.ToString() };
        SafetensorsFormat.Write(path, ModuleWeights.Save(this), metadata);
    }

    private static Dictionary<int, Dictionary<string, StoredTensor>> GroupByScale(IReadOnlyDictionary<string, StoredTensor> tensors, string path)
    {
        var byScale = new Dictionary<int, Dictionary<string, StoredTensor>>();
        foreach (var (key, value) in tensors)
        {
            if (key is RangeKey or WeightsKey)
                continue;

            var dot = key.IndexOf('.', StringComparison.Ordinal);
            if (dot < 0 || !int.TryParse(key.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var scale)
                || scale >= MostScales || key[..dot] != scale.ToString(CultureInfo.InvariantCulture))
            {
                throw NotAStack(path, $"found {Untrusted.Quote(key)}");
            }

            if (!byScale.TryGetValue(scale, out var ofScale))
                byScale.Add(scale, ofScale = new Dictionary<string, StoredTensor>(StringComparer.Ordinal));
            ofScale.Add(key[(dot + 1)..], value);
        }

        return byScale.Count > 0 ? byScale : throw NotAStack(path, "found no such tensor");
    }

    /// <summary>
    /// The input range or the layer weights of a stack without metadata of its training. They are an entry of the file's metadata; after a conversion to
    /// PyTorch's format they are a tensor of two or three numbers. Null if the file has neither.
    /// </summary>
    private static string? TextOf(string key, TensorFile file, string path)
    {
        if (file.Metadata.TryGetValue(key, out var text))
            return text;
        if (!file.Tensors.TryGetValue(key, out var stored))
            return null;
        if (stored.Shape is not [<= 3])
            throw NotAStack(path, $"'{key}' is not a list of at most 3 numbers");
        using var scope = NewDisposeScope();
        return string.Join(',', stored.ToTensor().to(float32).data<float>().ToArray().Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
    }

    private static InputException NotAStack(string path, string found) =>
        new($"'{path}' is not a discriminator stack: expected tensors named 0.head.conv.weight, 0.head.norm.weight, …, {found}");
}
