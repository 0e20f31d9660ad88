using System.Globalization;
using Mdf.Discriminators;
using Mdf.Losses.Frozen;
using Mdf.Runtime;
using Mdf.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// The MDF loss: the multi-scale discriminative feature distance under a trained, frozen discriminator stack. Mustafa,
/// Mikhailiuk, Iliescu, Babbar and Mantiuk, "Training a Task-Specific Image Reconstruction Loss" (WACV 2022);
/// upstream file <c>mdfloss.py</c>.
/// </summary>
/// <remarks>
/// <example>
/// <code>
/// using var loss = MdfLoss.Load("jpeg");
/// loss.call(network.call(input), reference).backward();
/// </code>
/// </example>
/// <para>Σ over the chosen scales k and the layers l (head, body, final map) of w_l·mean((D_k^l(x̃) − D_k^l(x))²), for each
/// image. The w_l are the <see cref="LayerWeights"/>. Every D_k receives both images at full size, as in upstream's code.</para>
/// <para>The discriminators do not change, so value and gradient are computed together, without a graph (see <see cref="FrozenDistance"/>). This is
/// several times faster than autograd, and the memory does not grow with the image. The plain path is autograd through both passes. It computes what the
/// fast path cannot: gradients of the reference, of weights that are not frozen, and of gradients.</para>
/// <para>If you load other weights into the stack, the loss detects this at the next call on the processor. On a CUDA device, create a new loss.</para>
/// </remarks>
public sealed class MdfLoss : ReconstructionLoss
{
    /// <summary>The default number of scales, as in upstream.</summary>
    public const int DefaultNumScales = 8;

    private readonly DiscriminatorStack stack;
    private readonly int[] _scales;
    private readonly string _expression;
    private readonly Lock _lock = new();
    private readonly List<FrozenStack> _frozen = [];

    /// <summary>Creates the loss. The constructor freezes the stack, and the loss then owns it.</summary>
    /// <param name="stack">The trained discriminators.</param>
    /// <param name="numScales">The number of scales to use. Default: 8, or all scales of a stack with fewer.</param>
    /// <param name="ascending">Whether to use the scales from scale 0 upwards (coarse to fine). Otherwise from the last scale downwards.</param>
    /// <param name="expression">The name of this loss in tables and messages: the expression that it comes from, if there is one.</param>
    /// <exception cref="ArgumentOutOfRangeException">The stack has fewer scales than requested, and no expression names the loss.</exception>
    /// <exception cref="InputException">The stack has fewer scales than the expression requests.</exception>
    public MdfLoss(DiscriminatorStack stack, int? numScales = null, bool ascending = true, string? expression = null)
        : base("mdf")
    {
        ArgumentNullException.ThrowIfNull(stack);
        var count = numScales ?? Math.Min(DefaultNumScales, stack.Count);
        if (count < 1 || count > stack.Count)
        {
            throw expression is null
                ? new ArgumentOutOfRangeException(nameof(numScales), count, $"expected a number of scales from 1 to {stack.Count} (the scales in this stack)")
                : new InputException($"expected num_scales from 1 to {stack.Count} (the scales in this stack), found {count} in '{expression}'");
        }

        this.stack = stack;
        LayerWeights = stack.LayerWeights;
        NumScales = count;
        Ascending = ascending;
        _scales = [.. Enumerable.Range(0, count).Select(i => ascending ? i : stack.Count - 1 - i)];
        _expression = expression ?? "mdf";
        stack.Freeze();
        RegisterComponents();
    }

    /// <summary>Reads a trained stack and creates its loss.</summary>
    /// <param name="nameOrPath">The name of a stack of the library (one of <see cref="ShippedStacks.Names"/>, such as <c>jpeg</c>), or the path of a safetensors or PyTorch file, from mdf or from the authors.</param>
    /// <param name="device">The device of the weights and of the images. Default: the CPU.</param>
    /// <param name="numScales">The number of scales to use. Default: 8, or all scales of a stack with fewer.</param>
    /// <param name="ascending">Whether to use the scales from scale 0 upwards (coarse to fine). Otherwise from the last scale downwards.</param>
    /// <param name="layerWeights">The weight of each layer's distance. Default: the weights in the stack file.</param>
    /// <param name="inputRange">The range into which images are scaled for the discriminators. Default: the range in the stack file. The loss itself always takes images in [0, 1].</param>
    /// <param name="precision">The type to compute in. Default: float32.</param>
    /// <returns>The loss. It owns the stack; the caller disposes of the loss.</returns>
    /// <exception cref="InputException">There is no such file or stack, it is damaged or no stack, or it has fewer scales than asked for.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of scales is less than 1, or the layers' weights or the range cannot be used.</exception>
    public static MdfLoss Load(
        string nameOrPath, Device? device = null, int? numScales = null, bool ascending = true, LayerWeights? layerWeights = null, InputRange? inputRange = null,
        Precision precision = Precision.Fp32)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrPath);
        ArgumentOutOfRangeException.ThrowIfLessThan(numScales ?? 1, 1, nameof(numScales));
        var loss = Load(
            nameOrPath, numScales, ascending, layerWeights, inputRange, precision, ExpressionFor(nameOrPath, numScales, ascending, layerWeights, inputRange, precision));
        if (device is not null)
            loss.to(device);
        return loss;
    }

    /// <summary>Does the same, and keeps the expression that names the loss.</summary>
    internal static MdfLoss Load(
        string nameOrPath, int? numScales, bool ascending, LayerWeights? layerWeights, InputRange? inputRange, Precision precision, string expression)
    {
        var stack = DiscriminatorStack.Load(nameOrPath, inputRange);
        try
        {
            return new MdfLoss(stack, numScales, ascending, expression) { LayerWeights = layerWeights ?? stack.LayerWeights, Precision = precision };
        }
        catch
        {
            stack.Dispose();
            throw;
        }
    }

    /// <summary>The discriminators.</summary>
    public DiscriminatorStack Stack => stack;

    /// <inheritdoc/>
    public override IEnumerable<WeightsFile> Files => stack.ReadFrom is { } file ? [file] : [];

    /// <summary>The number of scales in use.</summary>
    public int NumScales { get; }

    /// <summary>Whether the scales are used from the coarsest upwards.</summary>
    public bool Ascending { get; }

    /// <summary>The weight of each layer's distance. Default: the weights in the stack file.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A weight is negative or not finite, or all are 0.</exception>
    public LayerWeights LayerWeights
    {
        get;
        init
        {
            if (!value.AreUsable)
                throw new ArgumentOutOfRangeException(nameof(value), value, "expected weights that are finite, not negative, and not all 0");
            field = value;
        }
    }

    /// <summary>The type to compute in. The plain path computes in the type of the images.</summary>
    public Precision Precision { get; init; }

    /// <inheritdoc/>
    public override string Expression => _expression;

    /// <inheritdoc/>
    /// <remarks>Five 3×3 convolutions without padding: 11.</remarks>
    public override int MinimumSize => Discriminator.ReceptiveField;

    /// <inheritdoc/>
    public override string? CautionOn(Device device) =>
        Precision == Precision.Bf16 && device.type == TorchSharp.DeviceType.CPU && !ProcessorFeatures.HasBfloat16
            ? $"precision=bf16 in '{Expression}' is slower than fp32 here: this processor has {string.Join(", ", ProcessorFeatures.Names)}, but not avx512_bf16, amx_bf16 or Arm's bf16, and emulates bf16"
            : null;

    /// <summary>Whether to use the plain path for everything. For comparisons.</summary>
    internal bool IsPlain { get; init; }

    /// <summary>Does nothing: the discriminators stay in evaluation mode, also inside a network that is set to training mode.</summary>
    /// <param name="train">Ignored.</param>
    public override void train(bool train = true) => base.train(false);

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        if (FrozenFor(reference) is not { } frozen)
            return AnalyzePlainly(reference);
        var features = frozen.Distance.Prepare(reference);
        return new([reference, .. features.Tensors], restored => frozen.IsOf(stack)
            ? FrozenDistances(restored, reference, frozen.Distance, features)
            : throw new InvalidOperationException("the discriminators have changed since the reference was prepared: prepare it again"));
    }

    /// <inheritdoc/>
    protected internal override Tensor Compare(Tensor restored, Tensor reference) => FrozenFor(reference) is { } frozen
        ? FrozenDistances(restored, reference, frozen.Distance, features: null)
        : AnalyzePlainly(reference).Compare(restored);

    /// <summary>Frees the loss's weights.</summary>
    /// <param name="disposing">Whether Dispose was called. False: the finalizer runs.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _frozen.ForEach(frozen => frozen.Dispose());
        base.Dispose(disposing);
    }

    private Tensor FrozenDistances(Tensor restored, Tensor reference, FrozenDistance distance, FrozenFeatures? features)
    {
        var withGradient = restored.requires_grad && is_grad_enabled();
        var (values, gradient) = distance.Compute(restored, reference, features, withGradient);
        return gradient is null
            ? values
            : StoredGradient.Attach(restored, values, gradient, reference, PlainDistances);
    }

    /// <summary>Writes the loss expression, with only those options that differ from their defaults.</summary>
    private static string ExpressionFor(string nameOrPath, int? numScales, bool ascending, LayerWeights? layerWeights, InputRange? inputRange, Precision precision)
    {
        var argument = nameOrPath.AsSpan().IndexOfAny("+*?") < 0 ? nameOrPath : $"'{nameOrPath}'";
        string?[] options =
        [
            numScales is null ? null : string.Create(CultureInfo.InvariantCulture, $"num_scales={numScales}"),
            ascending ? null : "ascending=false",
            layerWeights is null ? null : $"layer_weights={layerWeights}",
            inputRange is null ? null : $"input_range={inputRange}",
            precision == Precision.Fp32 ? null : "precision=bf16",
        ];
        var given = string.Join('&', options.Where(option => option is not null));
        return $"mdf:{argument}{(given.Length > 0 ? "?" : "")}{given}";
    }

    /// <summary>The frozen stack for the fast path and for images of the reference's type and device; null if only the plain path can be used.</summary>
    private FrozenStack? FrozenFor(Tensor reference)
    {
        if (IsPlain || (reference.requires_grad && is_grad_enabled()) || stack.parameters().Any(parameter => parameter.requires_grad))
            return null;
        lock (_lock)
        {
            var type = Precision == Precision.Bf16 ? ScalarType.BFloat16 : reference.dtype;
            // Outdated stacks are not disposed of here: a prepared loss or another thread may use them.
            _frozen.RemoveAll(frozen => !frozen.IsOf(stack));
            var found = _frozen.Find(frozen => frozen.IsFor(type, reference.device));
            if (found is null)
                _frozen.Add(found = new FrozenStack(stack, _scales, LayerWeights, type, reference.device));
            return found;
        }
    }

    /// <summary>The plain path: autograd through both passes. It has derivatives of any order, for both images and for the weights.</summary>
    private ReferenceFeatures AnalyzePlainly(Tensor reference)
    {
        var wanted = Features(reference);
        var weights = LayerWeights.Values;
        return new(wanted, restored => Features(restored)
            .Zip(wanted, (found, feature) => MeanPerImage((found - feature).Square()))
            .Select((distance, i) => weights[i % weights.Count] == 1 ? distance : distance.Mul(weights[i % weights.Count]))
            .Aggregate((sum, distance) => sum.Add(distance)));
    }

    /// <summary>The plain path for images of any type and device. It converts them to the type and the device of the weights.</summary>
    private Tensor PlainDistances(Tensor restored, Tensor reference)
    {
        var weight = stack.parameters().First();
        return AnalyzePlainly(reference.to(weight.dtype, weight.device)).Compare(restored.to(weight.dtype, weight.device)).to(restored.dtype, restored.device);
    }

    /// <summary>The scales in use, in their order.</summary>
    internal IReadOnlyList<int> Scales => _scales;

    /// <summary>Computes where the distances of one scale lie: for each layer the mean over its channels of the squared differences, times the weight of the layer.</summary>
    /// <param name="scale">The scale.</param>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>.</param>
    /// <param name="reference">The same.</param>
    /// <returns>
    /// Three tensors: head <c>(N, 1, H − 2, W − 2)</c>, body <c>(N, 1, H − 8, W − 8)</c>, final map <c>(N, 1, H − 10, W − 10)</c>. The sum of their means over all scales in
    /// use is the loss.
    /// </returns>
    internal IReadOnlyList<Tensor> MapsOf(int scale, Tensor restored, Tensor reference)
    {
        var (found, wanted) = (stack[scale].Features(stack.InputRange.FromUnit(restored)), stack[scale].Features(stack.InputRange.FromUnit(reference)));
        return [.. found.Zip(wanted, (x, y) => (x - y).Square().mean([1], keepdim: true)).Zip(LayerWeights.Values, (map, weight) => map.Mul(weight))];
    }

    /// <summary>Computes the features of every chosen scale: head, body and final map.</summary>
    private Tensor[] Features(Tensor image)
    {
        var input = stack.InputRange.FromUnit(image);
        return [.. _scales.SelectMany(scale => stack[scale].Features(input))];
    }
}
