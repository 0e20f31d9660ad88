using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Losses.Features;

/// <summary>A loss that compares features of a frozen network that was trained on other images. Gradients reach the images, never the weights.</summary>
/// <remarks>
/// The weights are on no device: they follow the type and the device of the images. A loss is a function of sums over the positions of each feature map, so a large
/// image is measured in strips with the margins that the network needs.
/// </remarks>
public abstract class FeatureLoss : ReconstructionLoss
{
    private readonly Trunk _trunk;
    private readonly string _expression;
    private readonly IReadOnlyList<WeightsFile> _files;

    private protected FeatureLoss(string name, string? expression, Trunk trunk, IReadOnlyList<WeightsFile> files)
        : base(name)
    {
        (_expression, _trunk, _files) = (expression ?? name, trunk, files);
        MinimumSize = trunk.Description.MinimumSize;
    }

    /// <inheritdoc/>
    public override string Expression => _expression;

    /// <inheritdoc/>
    /// <remarks>The smallest size for which every layer of the network has an output.</remarks>
    public override int MinimumSize { get; }

    /// <inheritdoc/>
    public override IEnumerable<WeightsFile> Files => _files;

    /// <summary>The number of multiplications of the network for one pixel of one image, for a large image.</summary>
    internal double MultiplicationsPerPixel => _trunk.Description.MultiplicationsPerPixel;

    /// <summary>Does nothing: the network stays in evaluation mode, also inside a network that is set to training mode.</summary>
    /// <param name="train">Ignored.</param>
    public override void train(bool train = true) => base.train(false);

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var wanted = Maps(reference);
        return new(wanted, restored => CompareMaps(Maps(restored), wanted));
    }

    /// <summary>Converts images in [0, 1] to the range that the network was trained on.</summary>
    private protected abstract Tensor Normalize(Tensor images);

    /// <summary>Changes the features of one layer position by position, before they are compared. Default: no change.</summary>
    private protected virtual Tensor Transform(Tensor features) => features;

    /// <summary>The sums over the positions of one layer that the loss needs. Each has the batch as its first dimension.</summary>
    /// <param name="layer">The index of the layer.</param>
    /// <param name="restored">Shape <c>(N, C, h, w)</c>: whole maps, or parts of them.</param>
    /// <param name="reference">The same shape.</param>
    private protected abstract Tensor[] Sums(int layer, Tensor restored, Tensor reference);

    /// <summary>Computes the loss from the sums.</summary>
    /// <param name="sums">For each layer, the result of <see cref="Sums"/> over all positions.</param>
    /// <param name="positions">For each layer, the number of positions.</param>
    /// <returns>Shape <c>(N)</c>.</returns>
    private protected abstract Tensor Combine(IReadOnlyList<Tensor[]> sums, IReadOnlyList<long> positions);

    /// <summary>Compares whole feature maps.</summary>
    private protected virtual Tensor CompareMaps(IReadOnlyList<Tensor> restored, IReadOnlyList<Tensor> reference) => Combine(
        [.. restored.Select((map, layer) => Sums(layer, map, reference[layer]))], [.. reference.Select(map => map.shape[2] * map.shape[3])]);

    /// <summary>The normalized images and the features that the loss compares, layer after layer.</summary>
    private protected virtual Tensor[] Maps(Tensor images) => [.. _trunk.Features(Normalize(images)).Select(Transform)];

    /// <summary>The places of the maps of <see cref="Maps"/> in the image; see <see cref="TrunkDescription.Reach"/>.</summary>
    private protected virtual IEnumerable<(long Step, long Before, long After)> Reaches => _trunk.Taps.Select(_trunk.Description.Reach);

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        using var scope = NewDisposeScope();
        (long Step, long Before, long After)[] reaches = [.. Reaches];
        var walk = new FeatureStrips(reaches, restored.shape);
        var (sums, positions) = (new Tensor[reaches.Length][], new long[reaches.Length]);
        foreach (var strip in strips)
        {
            if (walk.Extend(strip) is not { } part)
                continue;
            using var step = NewDisposeScope();
            var (x, y) = (Maps(part.Cut(restored)), Maps(part.Cut(reference)));
            for (var layer = 0; layer < sums.Length; layer++)
            {
                using var inner = NewDisposeScope();
                var (map, wanted) = (part.Keep(layer, x[layer]), part.Keep(layer, y[layer]));
                positions[layer] += map.shape[2] * map.shape[3];
                var added = Sums(layer, map.to(float64), wanted.to(float64));
                if (sums[layer] is null)
                {
                    foreach (var sum in sums[layer] = added)
                        scope.Attach(sum);
                    continue;
                }

                for (var i = 0; i < added.Length; i++)
                    sums[layer][i].Add_(added[i]);
            }
        }

        return Combine(sums, positions).mean().Number();
    }

    /// <summary>Computes <c>(x − mean) / deviation</c> for each of the three channels.</summary>
    private protected static Tensor Standardize(Tensor images, double[] mean, double[] deviation) =>
        (images - tensor(mean, [1, 3, 1, 1], images.dtype, images.device)) / tensor(deviation, [1, 3, 1, 1], images.dtype, images.device);

    /// <summary>Frees the loss's weights.</summary>
    /// <param name="disposing">Whether Dispose was called. False: the finalizer runs.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _trunk.Dispose();
        base.Dispose(disposing);
    }
}
