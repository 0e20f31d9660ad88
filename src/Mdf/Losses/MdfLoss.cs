using Mdf.Discriminators;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// The MDF loss: the multi-scale discriminative feature distance under a trained, frozen discriminator stack. Mustafa,
/// Mikhailiuk, Iliescu, Babbar and Mantiuk, "Training a Task-Specific Image Reconstruction Loss" (WACV 2022);
/// upstream file <c>mdfloss.py</c>.
/// </summary>
/// <remarks>
/// <para>Σ over the chosen scales k and the layers l (head, body, final map) of mean((D_k^l(x̃) − D_k^l(x))²), for each
/// image. Both images go to every D_k at full size, as upstream's code does.</para>
/// <para>This is the plain path: autograd through both passes, differentiable in both images, to any order.</para>
/// </remarks>
public sealed class MdfLoss : ReconstructionLoss
{
    /// <summary>How many scales the loss uses unless told otherwise: upstream's default.</summary>
    public const int DefaultNumScales = 8;

    private readonly DiscriminatorStack stack;
    private readonly int[] _scales;
    private readonly string _expression;

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
        NumScales = count;
        Ascending = ascending;
        _scales = [.. Enumerable.Range(0, count).Select(i => ascending ? i : stack.Count - 1 - i)];
        _expression = expression ?? "mdf";
        stack.Freeze();
        RegisterComponents();
    }

    /// <summary>The discriminators.</summary>
    public DiscriminatorStack Stack => stack;

    /// <summary>How many scales are used.</summary>
    public int NumScales { get; }

    /// <summary>Whether they are counted from the coarsest.</summary>
    public bool Ascending { get; }

    /// <inheritdoc/>
    public override string Expression => _expression;

    /// <inheritdoc/>
    /// <remarks>Five 3×3 convolutions without padding: 11.</remarks>
    public override int MinimumSize => Discriminator.ReceptiveField;

    /// <summary>Does nothing: the discriminators stay in evaluation mode, also inside a network that is set to training mode.</summary>
    /// <param name="train">Ignored.</param>
    public override void train(bool train = true) => base.train(false);

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var wanted = Features(reference);
        return new(wanted, restored => Features(restored)
            .Zip(wanted, (found, feature) => MeanPerImage((found - feature).square()))
            .Aggregate((sum, distance) => sum + distance));
    }

    /// <summary>Head, body and final map of every chosen scale, one after the other.</summary>
    private Tensor[] Features(Tensor image)
    {
        var input = stack.InputRange.FromUnit(image);
        return [.. _scales.SelectMany(scale => stack[scale].Features(input))];
    }
}
