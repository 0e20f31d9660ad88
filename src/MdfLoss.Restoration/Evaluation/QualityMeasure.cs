using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>A measure that is compared with people: an entry of <see cref="Measures"/>, or a loss. Its values are distances: lower is better.</summary>
internal sealed class QualityMeasure : IDisposable
{
    private readonly Measure _measure;
    private readonly MeasureSet _set;

    private QualityMeasure(Measure measure, MeasureSet set) => (_measure, _set) = (measure, set);

    /// <summary>The names of the measures that are not losses.</summary>
    public static IReadOnlyList<string> Others { get; } = [.. Measures.Table.Where(IsOther).Select(measure => measure.Name.Replace('_', '-'))];

    /// <summary>The name in tables.</summary>
    public string Name => _measure.Name;

    /// <summary>Reads a name: that of a loss, otherwise that of a measure. Uses neither libtorch nor files.</summary>
    /// <param name="text">A loss expression, or a name such as <c>psnr-y</c>; hyphens equal underscores.</param>
    /// <exception cref="InputException">It is no measure and no loss expression.</exception>
    public static Measure Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var name = text.Trim().Replace('-', '_');
        return Measures.Table.FirstOrDefault(measure => measure.Name == name && IsOther(measure)) ?? Measures.OfLoss(LossExpression.Parse(text));
    }

    /// <summary>Creates the measures.</summary>
    /// <param name="measures">The measures of <see cref="Parse"/>; at least one.</param>
    /// <param name="niqe">The model for those of NIQE.</param>
    /// <param name="device">The device of the images.</param>
    /// <param name="warn">Takes warnings of the losses.</param>
    /// <exception cref="InputException">A measure is named twice, or a loss cannot be created, or there is no model for NIQE.</exception>
    public static IReadOnlyList<QualityMeasure> Create(IReadOnlyList<Measure> measures, NiqeModel? niqe, Device device, Action<string>? warn)
    {
        ArgumentNullException.ThrowIfNull(measures);
        Measures.RequireDifferent(measures);
        var created = new List<QualityMeasure>();
        try
        {
            foreach (var measure in measures)
                created.Add(new QualityMeasure(measure, MeasureSet.Create([measure], niqe, device, warn)));
            return created;
        }
        catch
        {
            created.ForEach(measure => measure.Dispose());
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
        var loss = _set.Losses.Select(entry => entry.Loss).SingleOrDefault();
        var prepares = loss is not null && images > 1 && height * width <= small && Math.Min(height, width) >= loss.MinimumSize;
        return new ComparedMeasure(Name, prepares ? loss!.Prepare(reference) : null, Distance, reference);
    }

    /// <summary>Frees the loss.</summary>
    public void Dispose() => _set.Dispose();

    /// <returns>Null if the measure is not defined for images of this size.</returns>
    private double? Distance(Tensor image, Tensor reference, CancellationToken cancellationToken)
    {
        var value = _set.Score(image, reference, border: 0, isRounded: false, cancellationToken)[Name];
        return _measure.Direction == Direction.Higher ? -value : value;
    }

    // The names of some measures are also those of losses, such as ssim and flip. These order images in the same way.
    private static bool IsOther(Measure measure) => measure.Source != MeasureSource.Loss && !LossExpression.Names.Contains(measure.Name.Replace('_', '-'));
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
