using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>The name of a measure that is compared with people: <c>psnr</c>, <c>niqe</c>, or a loss expression.</summary>
/// <param name="Text">The name, as the user wrote it.</param>
/// <param name="Loss">The loss; null for <c>psnr</c> and <c>niqe</c>.</param>
internal sealed record QualityMeasureName(string Text, LossExpression? Loss)
{
    private const string Psnr = "psnr";
    private const string Niqe = "niqe";

    /// <summary>The names of the measures that are not losses.</summary>
    public static IReadOnlyList<string> Others { get; } = [Psnr, Niqe];

    /// <summary>Whether the measure needs a model of NIQE.</summary>
    public bool NeedsNiqe => Text == Niqe;

    /// <summary>Reads a name. Uses neither libtorch nor files.</summary>
    /// <exception cref="InputException">It is no measure and no loss expression.</exception>
    public static QualityMeasureName Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Trim() is Psnr or Niqe ? new QualityMeasureName(text.Trim(), null) : new QualityMeasureName(text.Trim(), LossExpression.Parse(text));
    }
}

/// <summary>A measure that is compared with people. Its values are distances: lower is better.</summary>
internal sealed class QualityMeasure : IDisposable
{
    private readonly ReconstructionLoss? _loss;
    private readonly NiqeModel? _niqe;

    private QualityMeasure(string name, ReconstructionLoss? loss, NiqeModel? niqe) => (Name, _loss, _niqe) = (name, loss, niqe);

    /// <summary>The name in tables.</summary>
    public string Name { get; }

    /// <summary>Creates the measures.</summary>
    /// <param name="names">Their names; at least one.</param>
    /// <param name="create">Creates a loss.</param>
    /// <param name="niqe">The model for <c>niqe</c>.</param>
    /// <exception cref="InputException">A measure is named twice, or a loss cannot be created, or there is no model for <c>niqe</c>.</exception>
    public static IReadOnlyList<QualityMeasure> Create(IReadOnlyList<QualityMeasureName> names, Func<LossExpression, ReconstructionLoss> create, NiqeModel? niqe)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(create);
        if (names.GroupBy(name => name.Text).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"expected different measures, found '{twice.Key}' {twice.Count()} times: name it once");
        if (niqe is null && names.Any(name => name.NeedsNiqe))
            throw new InputException("the measure 'niqe' needs a model: give the published niqe_pris_params.npz, or a model that was fitted to photographs").With(Remedy.GiveNiqe);
        var measures = new List<QualityMeasure>();
        try
        {
            foreach (var name in names)
                measures.Add(new QualityMeasure(name.Text, name.Loss is { } expression ? create(expression) : null, name.NeedsNiqe ? niqe : null));
            return measures;
        }
        catch
        {
            measures.ForEach(measure => measure.Dispose());
            throw;
        }
    }

    /// <summary>Starts a comparison of several images with one reference.</summary>
    /// <param name="reference">The reference, <c>(1, 3, H, W)</c> in [0, 1]. The caller keeps ownership.</param>
    /// <param name="images">The number of images to compare. If there are several, the features of a small reference are computed once.</param>
    public ComparedMeasure CompareWith(Tensor reference, int images)
    {
        const long small = 1 << 20; // pixels; the features of the MDF loss take 3 kB for each
        var (height, width) = (reference.shape[2], reference.shape[3]);
        var prepares = _loss is not null && images > 1 && height * width <= small && Math.Min(height, width) >= _loss.MinimumSize;
        return new ComparedMeasure(Name, prepares ? _loss!.Prepare(reference) : null, Distance, reference);
    }

    /// <summary>Frees the loss.</summary>
    public void Dispose() => _loss?.Dispose();

    /// <returns>Null if the measure is not defined for images of this size.</returns>
    private double? Distance(Tensor image, Tensor reference, CancellationToken cancellationToken)
    {
        if (_niqe is not null)
            return _niqe.ScoreWhole(image, cancellationToken);
        if (_loss is null)
            return -Psnr.Compute(image, reference);
        return Math.Min(image.shape[2], image.shape[3]) < _loss.MinimumSize ? null : _loss.Measure(image, reference, cancellationToken);
    }
}

/// <summary>A measure that compares images with one reference.</summary>
internal sealed class ComparedMeasure(string name, PreparedLoss? prepared, Func<Tensor, Tensor, CancellationToken, double?> measure, Tensor reference) : IDisposable
{
    /// <summary>Computes the distance of an image: lower is better.</summary>
    /// <param name="image">The image, <c>(1, 3, H, W)</c> in [0, 1], on the device of the reference.</param>
    /// <param name="path">The file of the image, for messages.</param>
    /// <param name="cancellationToken">Stops the work between two strips.</param>
    /// <returns>The distance; −∞ for the PSNR of equal images.</returns>
    /// <exception cref="InputException">The sizes differ, or the image is too small for the measure, or the value is NaN.</exception>
    public double Distance(Tensor image, string path, CancellationToken cancellationToken)
    {
        if (!image.shape.SequenceEqual(reference.shape))
            throw new InputException($"expected '{path}' to have the size of its reference, {Size(reference)}, found {Size(image)}");
        var distance = (prepared is not null ? prepared.call(image).Number() : measure(image, reference, cancellationToken))
            ?? throw new InputException($"'{name}' is not defined for '{path}' of {Size(image)} pixels: it is too small; leave the measure out");
        return double.IsNaN(distance) ? throw new InputException($"'{name}' of '{path}' is NaN; leave the measure out") : distance;
    }

    /// <summary>Frees the features of the reference.</summary>
    public void Dispose() => prepared?.Dispose();

    private static string Size(Tensor image) => $"{image.shape[3]}×{image.shape[2]}";
}
