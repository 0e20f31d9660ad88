using System.Globalization;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>A term of a sum of losses, and the weight that gives it the wanted part of the gradient.</summary>
/// <param name="Expression">The loss of the term, without its weight.</param>
/// <param name="Value">The mean value of the loss, without the weight.</param>
/// <param name="GradientNorm">The mean norm of the gradient of the loss, without the weight, with respect to the images of a batch.</param>
/// <param name="Wanted">The wanted share of the sum of the norms, in (0, 1).</param>
/// <param name="GivenShare">The share if the weights of the expression are used as they are.</param>
/// <param name="Weight">The weight that gives the wanted share.</param>
internal sealed record CalibratedTerm(string Expression, double Value, double GradientNorm, double Wanted, double GivenShare, double Weight);

/// <summary>
/// Finds the weights of a sum of losses that give each term a wanted share of the gradient. The values of losses say little about this: a loss may be large and have a small
/// gradient.
/// </summary>
internal static class LossCalibration
{
    // More digits would suggest an accuracy that the patches do not give.
    private const int Digits = 3;

    /// <summary>Measures the gradients on distorted patches, where a training begins.</summary>
    /// <param name="loss">The sum. Its weights are the wanted ratio of the norms of the gradients.</param>
    /// <param name="sampler">Makes the patches. Distorted patches of super-resolution are enlarged with bicubic resampling.</param>
    /// <param name="batches">The number of batches.</param>
    /// <param name="device">The device of the loss.</param>
    /// <param name="progress">Takes a report for every batch.</param>
    /// <param name="cancellationToken">Stops the work between two batches.</param>
    /// <returns>The terms, in their order. The first keeps its weight; the others have three significant digits.</returns>
    /// <exception cref="InputException">A term has no gradient on these patches, or one that is not finite.</exception>
    public static IReadOnlyList<CalibratedTerm> Run(
        WeightedSum loss, PatchSampler sampler, int batches, Device device, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        var meter = new ProgressMeter(progress, "measuring", batches);
        var steps = new List<IReadOnlyList<TermGradient>>();
        for (var i = 0; i < batches; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var batch = sampler.Sample(i);
            var reference = batch.Reference.to(device);
            var (height, width) = ((int)reference.shape[2], (int)reference.shape[3]);
            var distorted = batch.Distorted.to(device);
            steps.Add(loss.Differentiate(distorted.shape[3] == width ? distorted : Resampler.Bicubic(distorted, height, width), reference).Terms!);
            meter.Report(i + 1);
        }

        var terms = steps[0].Select((term, i) => (term.Expression, term.Weight, Value: steps.Average(step => step[i].Value), Norm: steps.Average(step => step[i].GradientNorm / step[i].Weight))).ToArray();
        if (terms.FirstOrDefault(term => !(term.Norm > 0 && double.IsFinite(term.Norm))) is { Expression: { } odd } without)
            throw new InputException($"expected a gradient of every term, found the norm {without.Norm.ToString(CultureInfo.InvariantCulture)} for '{odd}' on these patches: no weight gives it a share; leave it out, or use other images");
        var (wanted, given) = (terms.Sum(term => term.Weight), terms.Sum(term => term.Weight * term.Norm));
        return [.. terms.Select((term, i) => new CalibratedTerm(
            term.Expression, term.Value, term.Norm, term.Weight / wanted, term.Weight * term.Norm / given,
            i == 0 ? term.Weight : double.Parse(PlainNumber.Format(term.Weight * terms[0].Norm / term.Norm, Digits), CultureInfo.InvariantCulture)))];
    }

    /// <summary>Writes the terms as a loss expression.</summary>
    public static string ToExpression(IEnumerable<CalibratedTerm> terms) =>
        string.Join('+', terms.Select(term => term.Weight == 1 ? term.Expression : string.Create(CultureInfo.InvariantCulture, $"{term.Weight:R}*{term.Expression}")));
}
