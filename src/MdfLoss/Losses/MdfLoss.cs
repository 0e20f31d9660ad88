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
/// image, w_l being <see cref="LayerWeights"/>. Both images go to every D_k at full size, as upstream's code does.</para>
/// <para>Since the discriminators do not change, value and gradient are computed together, without a graph (see
/// <see cref="FrozenDistance"/>): several times faster than by autograd, in memory that does not grow with the image. Autograd through both
/// passes, the plain path, takes over for what that cannot do: gradients of the reference, of weights that are not frozen, and of gradients.</para>
/// <para>Other weights that are loaded into the stack are noticed at the next call, on the processor; on a CUDA device make a new loss for them.</para>
/// </remarks>
public sealed class MdfLoss : ReconstructionLoss
{
    /// <summary>How many scales the loss uses by default: upstream's default.</summary>
    public const int DefaultNumScales = 8;

    private readonly DiscriminatorStack stack;
    private readonly int[] _scales;
    private readonly string _expression;
    private readonly Lock _lock = new();
    private readonly List<FrozenStack> _frozen = [];

    /// <summary>Creates the loss. The stack is frozen, and belongs to the loss once it is created.</summary>
    /// <param name="stack">The trained discriminators.</param>
    /// <param name="numScales">How many scales to use; null for eight, or all where the stack has fewer.</param>
    /// <param name="ascending">Whether to count them from scale 0 upwards (coarse to fine), or from the last downwards.</param>
    /// <param name="expression">What to call this loss in tables and messages: the expression that names it, where there is one.</param>
    /// <exception cref="InputException">The stack has fewer scales than asked for.</exception>
    public MdfLoss(DiscriminatorStack stack, int? numScales = null, bool ascending = true, string? expression = null)
        : base("mdf")
    {
        ArgumentNullException.ThrowIfNull(stack);
        var count = numScales ?? Math.Min(DefaultNumScales, stack.Count);
        if (count < 1 || count > stack.Count)
            throw new InputException($"expected num_scales from 1 to {stack.Count} (the scales in this stack), found {count}{(expression is null ? "" : $" in '{expression}'")}");
        this.stack = stack;
        LayerWeights = stack.LayerWeights;
        NumScales = count;
        Ascending = ascending;
        _scales = [.. Enumerable.Range(0, count).Select(i => ascending ? i : stack.Count - 1 - i)];
        _expression = expression ?? "mdf";
        stack.Freeze();
        RegisterComponents();
    }

    /// <summary>Reads a trained stack and makes the loss of it.</summary>
    /// <param name="nameOrPath">A stack that comes with the library (one of <see cref="ShippedStacks.Names"/>, such as <c>jpeg</c>), or a path: a safetensors or PyTorch file, ours or the authors'.</param>
    /// <param name="device">Where its weights are to live, and where the images will be; the CPU unless given.</param>
    /// <param name="numScales">How many scales to use; null for eight, or all where the stack has fewer.</param>
    /// <param name="ascending">Whether to count them from scale 0 upwards (coarse to fine), or from the last downwards.</param>
    /// <param name="layerWeights">What the distance of each layer counts; null for what the stack says.</param>
    /// <param name="inputRange">The range to feed the stack images in; null for what the stack says. The loss itself always takes images in [0, 1].</param>
    /// <param name="precision">In which type to compute.</param>
    /// <returns>The loss, which owns the stack: dispose of it.</returns>
    /// <exception cref="InputException">There is no such file or stack, it is damaged or no stack, or it has fewer scales than asked for.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The layers' weights or the range cannot be used.</exception>
    public static MdfLoss Load(
        string nameOrPath, Device? device = null, int? numScales = null, bool ascending = true, LayerWeights? layerWeights = null, InputRange? inputRange = null,
        Precision precision = Precision.Fp32)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrPath);
        var loss = Load(
            nameOrPath, numScales, ascending, layerWeights, inputRange, precision, LossExpression.OfMdf(nameOrPath, numScales, ascending, layerWeights, inputRange, precision));
        if (device is not null)
            loss.to(device);
        return loss;
    }

    /// <summary>The same, under the expression that it was named by.</summary>
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

    /// <summary>How many scales are used.</summary>
    public int NumScales { get; }

    /// <summary>Whether they are counted from the coarsest.</summary>
    public bool Ascending { get; }

    /// <summary>What the distance of each layer counts; what the stack says unless given.</summary>
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

    /// <summary>In which type to compute. The plain path computes in the images' type.</summary>
    public Precision Precision { get; init; }

    /// <inheritdoc/>
    public override string Expression => _expression;

    /// <inheritdoc/>
    /// <remarks>Five 3×3 convolutions without padding: 11.</remarks>
    public override int MinimumSize => Discriminator.ReceptiveField;

    /// <inheritdoc/>
    public override string? CautionOn(Device device) =>
        Precision == Precision.Bf16 && device.type == TorchSharp.DeviceType.CPU && !ProcessorFeatures.HasBfloat16
            ? $"precision=bf16 in '{Expression}' is slower than fp32 here: this processor has {string.Join(", ", ProcessorFeatures.Names)}, and only imitates what avx512_bf16, amx_bf16 or Arm's bf16 would do"
            : null;

    /// <summary>Whether to take the plain path for everything; for comparisons.</summary>
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
    /// <param name="disposing">Whether it was called, rather than the finalizer.</param>
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

    /// <summary>The stack for the fast path and for images like the reference; null where only the plain path will do.</summary>
    private FrozenStack? FrozenFor(Tensor reference)
    {
        if (IsPlain || (reference.requires_grad && is_grad_enabled()) || stack.parameters().Any(parameter => parameter.requires_grad))
            return null;
        lock (_lock)
        {
            var type = Precision == Precision.Bf16 ? ScalarType.BFloat16 : reference.dtype;
            // What has become useless is not disposed of: a prepared loss or another thread may be using it.
            _frozen.RemoveAll(frozen => !frozen.IsOf(stack));
            var found = _frozen.Find(frozen => frozen.IsFor(type, reference.device));
            if (found is null)
                _frozen.Add(found = new FrozenStack(stack, _scales, LayerWeights, type, reference.device));
            return found;
        }
    }

    /// <summary>Autograd through both passes, differentiable in both images and in the weights, to any order.</summary>
    private ReferenceFeatures AnalyzePlainly(Tensor reference)
    {
        var wanted = Features(reference);
        var weights = LayerWeights.Values;
        return new(wanted, restored => Features(restored)
            .Zip(wanted, (found, feature) => MeanPerImage((found - feature).Square()))
            .Select((distance, i) => weights[i % weights.Count] == 1 ? distance : distance.Mul(weights[i % weights.Count]))
            .Aggregate((sum, distance) => sum.Add(distance)));
    }

    /// <summary>The plain path for images of any type and device, by the weights' own.</summary>
    private Tensor PlainDistances(Tensor restored, Tensor reference)
    {
        var weight = stack.parameters().First();
        return AnalyzePlainly(reference.to(weight.dtype, weight.device)).Compare(restored.to(weight.dtype, weight.device)).to(restored.dtype, restored.device);
    }

    /// <summary>Head, body and final map of every chosen scale, one after the other.</summary>
    private Tensor[] Features(Tensor image)
    {
        var input = stack.InputRange.FromUnit(image);
        return [.. _scales.SelectMany(scale => stack[scale].Features(input))];
    }
}
