using System.Globalization;
using Mdf.Discriminators;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>A weighted sum of losses, such as <c>0.5*ms-ssim+l1</c>.</summary>
public sealed class WeightedSum : ReconstructionLoss
{
    private readonly IReadOnlyList<ReconstructionLoss> _terms;
    private readonly double[] _weights;

    /// <summary>Creates the sum, which owns its terms from here on.</summary>
    /// <param name="terms">At least one weight (positive, finite) and loss. Their own reductions are not used.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no term, or a weight is not positive and finite.</exception>
    public WeightedSum(IReadOnlyList<(double Weight, ReconstructionLoss Loss)> terms)
        : base("sum")
    {
        ArgumentOutOfRangeException.ThrowIfZero(terms.Count);
        if (terms.FirstOrDefault(term => !(term.Weight > 0 && double.IsFinite(term.Weight))) is { Loss: not null } odd)
            throw new ArgumentOutOfRangeException(nameof(terms), odd.Weight, "expected weights that are positive and finite");
        _terms = [.. terms.Select(term => term.Loss)];
        _weights = [.. terms.Select(term => term.Weight)];
        for (var i = 0; i < _terms.Count; i++)
            register_module(i.ToString(CultureInfo.InvariantCulture), _terms[i]);
    }

    /// <inheritdoc/>
    public override string Expression => string.Join('+', _terms.Select((loss, i) =>
        _weights[i] == 1 ? loss.Expression : string.Create(CultureInfo.InvariantCulture, $"{_weights[i]:R}*{loss.Expression}")));

    /// <inheritdoc/>
    public override int MinimumSize => _terms.Max(loss => loss.MinimumSize);

    /// <inheritdoc/>
    public override bool IsPerImage => _terms.All(loss => loss.IsPerImage);

    /// <inheritdoc/>
    public override bool IsZeroForEqualImages => _terms.All(loss => loss.IsZeroForEqualImages);

    /// <inheritdoc/>
    public override IEnumerable<DiscriminatorStack> Stacks => _terms.SelectMany(loss => loss.Stacks);

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

    private Tensor Sum(Func<int, Tensor> valuesOf) =>
        _terms.Select((loss, i) => Align(valuesOf(i), loss).Mul(_weights[i])).Aggregate((sum, term) => sum.Add(term));

    /// <summary>Per-image values stay as they are only where every term has them; otherwise each term is its mean.</summary>
    private Tensor Align(Tensor values, ReconstructionLoss loss) => loss.IsPerImage && !IsPerImage ? values.mean() : values;
}
