using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>A weighted sum of losses, such as <c>0.5*ms-ssim+l1</c>.</summary>
/// <remarks>
/// <example>
/// <code>using var loss = new WeightedSum((1, new L1Loss()), (0.002, MdfLoss.Load("jpeg")));</code>
/// </example>
/// <para>The sum owns its terms and disposes of them, so create a term where you create the sum, without <c>using</c>. There are no operators such as
/// <c>0.1 * loss + other</c>: each would create an intermediate loss, and it would not be clear who disposes of it.</para>
/// </remarks>
public sealed class WeightedSum : ReconstructionLoss
{
    private readonly IReadOnlyList<ReconstructionLoss> _terms;
    private readonly double[] _weights;

    /// <summary>Creates the sum. It then owns its terms.</summary>
    /// <param name="terms">At least one weight (positive, finite) and loss. A term may itself be a sum. The reductions of the terms are not used.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no term, or a weight is not positive and finite; the caller still owns the terms.</exception>
    public WeightedSum(params IReadOnlyList<(double Weight, ReconstructionLoss Loss)> terms)
        : base("sum")
    {
        ArgumentNullException.ThrowIfNull(terms);
        ArgumentOutOfRangeException.ThrowIfZero(terms.Count);
        if (terms.FirstOrDefault(term => !(term.Weight > 0 && double.IsFinite(term.Weight))) is { Loss: not null } odd)
            throw new ArgumentOutOfRangeException(nameof(terms), odd.Weight, "expected weights that are positive and finite");
        _terms = [.. terms.Select(term => term.Loss)];
        _weights = [.. terms.Select(term => term.Weight)];
        for (var i = 0; i < _terms.Count; i++)
            register_module(i.ToString(CultureInfo.InvariantCulture), _terms[i]);
    }

    /// <inheritdoc/>
    public override string Expression => string.Join('+', Flat.Select(term =>
        term.Weight == 1 ? term.Loss.Expression : string.Create(CultureInfo.InvariantCulture, $"{term.Weight:R}*{term.Loss.Expression}")));

    /// <inheritdoc/>
    public override int MinimumSize => _terms.Max(loss => loss.MinimumSize);

    /// <inheritdoc/>
    public override bool IsPerImage => _terms.All(loss => loss.IsPerImage);

    /// <inheritdoc/>
    public override bool IsZeroForEqualImages => _terms.All(loss => loss.IsZeroForEqualImages);

    /// <inheritdoc/>
    public override IEnumerable<WeightsFile> Files => _terms.SelectMany(loss => loss.Files);

    /// <inheritdoc/>
    public override string? CautionOn(Device device) => _terms.Select(loss => loss.CautionOn(device)).FirstOrDefault(caution => caution is not null);

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var parts = _terms.Select(loss => loss.Analyze(reference)).ToArray();
        return new([.. parts.SelectMany(part => part.Tensors)], restored => Sum(i => parts[i].Compare(restored)));
    }

    /// <inheritdoc/>
    protected internal override Tensor Compare(Tensor restored, Tensor reference) => Sum(i => _terms[i].Compare(restored, reference));

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips) =>
        _terms.Select((loss, i) => _weights[i] * loss.Measure(restored, reference, strips)).Sum();

    /// <summary>
    /// Computes the sum and its gradient term by term. It costs hardly more than the sum itself, because the gradient of a sum is computed term by term in any case.
    /// </summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>. Gradients do not reach it: the caller gives it the gradient that is returned.</param>
    /// <param name="reference">The same shape, type and device.</param>
    /// <param name="withParts">Whether to measure the parts of the terms. Loss and gradient do not depend on it.</param>
    /// <returns>
    /// The loss, its gradient with respect to the restored images, and the parts of the terms. The loss has the same bits as that of <see cref="ReconstructionLoss.forward"/>; the gradient
    /// differs in the order of additions.
    /// </returns>
    /// <exception cref="ArgumentException">As for <see cref="ReconstructionLoss.forward"/>.</exception>
    /// <exception cref="InputException">As for <see cref="ReconstructionLoss.forward"/>.</exception>
    internal (Tensor Value, Tensor Gradient, IReadOnlyList<TermGradient>? Terms) Differentiate(Tensor restored, Tensor reference, bool withParts = true)
    {
        RequirePair(restored, reference);
        using var scope = NewDisposeScope();
        using var _ = enable_grad();
        var leaf = restored.detach().requires_grad_();
        Tensor? sum = null, gradient = null;
        var terms = new List<TermGradient>();
        foreach (var (weight, loss) in Flat)
        {
            using var term = NewDisposeScope();
            var values = Align(loss.Compare(leaf, reference), loss);
            var weighted = values.Mul(weight);
            var part = autograd.grad([IsPerImage ? weighted.mean() : weighted], [leaf])[0];
            if (withParts)
                terms.Add(new TermGradient(loss.Expression, weight, values.mean().Number(), part.norm().Number()));
            sum = (sum is null ? weighted.detach() : sum.Add(weighted.detach())).MoveToOuterDisposeScope();
            gradient = (gradient is null ? part : gradient.Add(part)).MoveToOuterDisposeScope();
        }

        return ((IsPerImage ? sum!.mean() : sum!).MoveToOuterDisposeScope(), gradient!.MoveToOuterDisposeScope(), withParts ? terms : null);
    }

    /// <summary>The terms. The terms of an inner sum replace this sum, because an expression has no brackets.</summary>
    internal IEnumerable<(double Weight, ReconstructionLoss Loss)> Flat => _terms.SelectMany((loss, i) => loss is WeightedSum sum
        ? sum.Flat.Select(term => (_weights[i] * term.Weight, term.Loss))
        : [(_weights[i], loss)]);

    private Tensor Sum(Func<int, Tensor> valuesOf) =>
        _terms.Select((loss, i) => Align(valuesOf(i), loss).Mul(_weights[i])).Aggregate((sum, term) => sum.Add(term));

    /// <summary>Keeps the values per image if every term has them. Otherwise returns the mean of a term with values per image.</summary>
    private Tensor Align(Tensor values, ReconstructionLoss loss) => loss.IsPerImage && !IsPerImage ? values.mean() : values;
}
