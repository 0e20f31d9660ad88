using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>A weighted sum of losses, such as <c>0.5*ms-ssim+l1</c>.</summary>
/// <remarks>
/// <example>
/// <code>using var loss = new WeightedSum((1, new L1Loss()), (0.1, MdfLoss.Load("jpeg")));</code>
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

    /// <summary>The terms. The terms of an inner sum replace this sum, because an expression has no brackets.</summary>
    private IEnumerable<(double Weight, ReconstructionLoss Loss)> Flat => _terms.SelectMany((loss, i) => loss is WeightedSum sum
        ? sum.Flat.Select(term => (_weights[i] * term.Weight, term.Loss))
        : [(_weights[i], loss)]);

    private Tensor Sum(Func<int, Tensor> valuesOf) =>
        _terms.Select((loss, i) => Align(valuesOf(i), loss).Mul(_weights[i])).Aggregate((sum, term) => sum.Add(term));

    /// <summary>Keeps the values per image if every term has them. Otherwise returns the mean of a term with values per image.</summary>
    private Tensor Align(Tensor values, ReconstructionLoss loss) => loss.IsPerImage && !IsPerImage ? values.mean() : values;
}
