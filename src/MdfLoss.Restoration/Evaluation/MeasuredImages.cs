using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>Measures image files against their references.</summary>
internal static class MeasuredImages
{
    /// <summary>Measures all pairs.</summary>
    /// <param name="pairs">The files. Equal pairs are measured once.</param>
    /// <param name="measures">The measures.</param>
    /// <param name="device">The device to compute on.</param>
    /// <param name="progress">Takes a report for every image and measure.</param>
    /// <param name="cancellationToken">Stops the work between two images or two strips.</param>
    /// <returns>For each pair, a distance for each measure.</returns>
    /// <exception cref="InputException">A file is not an image, or an image cannot be measured.</exception>
    public static IReadOnlyDictionary<ImagePair, double[]> Measure(
        IEnumerable<ImagePair> pairs, IReadOnlyList<QualityMeasure> measures, Device device, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        var distances = pairs.Distinct().ToDictionary(pair => pair, _ => new double[measures.Count]);
        var meter = new ProgressMeter(progress, "measuring", (long)distances.Count * measures.Count);
        var done = 0L;
        foreach (var images in distances.Keys.GroupBy(pair => pair.Reference))
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var reference = ImageFile.Read(images.Key, cancellationToken: cancellationToken).to(device);
            // One measure after the other, so that the features of a reference are in memory for one loss only. To read an image again costs little.
            for (var i = 0; i < measures.Count; i++)
            {
                using var compared = measures[i].CompareWith(reference, images.Count());
                foreach (var pair in images)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    using var one = NewDisposeScope();
                    distances[pair][i] = compared.Distance(ImageFile.Read(pair.Image, cancellationToken: cancellationToken).to(device), pair.Image, cancellationToken);
                    meter.Report(++done);
                }
            }
        }

        return distances;
    }
}
