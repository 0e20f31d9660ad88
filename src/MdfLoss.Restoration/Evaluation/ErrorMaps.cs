using Mdf.Discriminators;
using Mdf.Losses;
using Mdf.Losses.Features;
using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Evaluation;

/// <summary>A picture that shows where the error of a restored image lies.</summary>
/// <param name="Measure">The key of the measure or loss, such as <c>flip</c> or <c>loss:mdf:jpeg</c>.</param>
/// <param name="Part">The part of the measure: scale and layer of an MDF loss, such as <c>scale 3, body</c>; null if the map is of the whole measure.</param>
/// <param name="Mean">The mean of the map.</param>
/// <param name="Brightest">The value that has the brightest colour. Larger values have it too.</param>
/// <param name="Picture">The map in colours from black to light yellow, <c>(1, 3, H, W)</c> in [0, 1]. The caller disposes of it.</param>
internal sealed record ErrorMap(string Measure, string? Part, double Mean, double Brightest, Tensor Picture);

/// <summary>The values of an error map, before they become colours.</summary>
/// <param name="Measure">As in <see cref="ErrorMap"/>.</param>
/// <param name="Part">As in <see cref="ErrorMap"/>.</param>
/// <param name="Brightest">As in <see cref="ErrorMap"/>, the same for all images; the largest value of the map if the measure has no such value.</param>
/// <param name="Values"><c>(1, 1, H, W)</c>, at least 0. The caller disposes of it.</param>
internal sealed record ErrorValues(string Measure, string? Part, double Brightest, Tensor Values);

/// <summary>
/// Maps of errors: for each pixel, how much it contributes to a measure. The maps have the size of the image. They are computed strip by strip, so at most three maps
/// and one picture are in memory as a whole. FSIM and ResNet-18 are the exceptions, because each of their positions depends on the whole image, or nearly.
/// </summary>
internal sealed class ErrorMaps
{
    // A difference of 64 of 255 levels.
    private const double BrightDifference = 0.25;

    // The windows of SSIM: a strip needs one whole window also at an end of the image.
    private const int SsimReach = GaussianWindows.WindowSize - 1;
    private const int MdfReach = Discriminator.ReceptiveField - 1;

    // From black over violet, red and orange to light yellow; the luma rises steadily.
    private static readonly double[][] s_colours = [[0, 0, 0], [0.3, 0.07, 0.47], [0.77, 0.2, 0.36], [0.98, 0.6, 0.2], [1, 1, 0.75]];

    private static readonly GaussianWindows s_windows = new(padding: 0, precision: ScalarType.Float64);

    private readonly IReadOnlyList<Source> _sources;

    private ErrorMaps(IReadOnlyList<Source> sources) => _sources = sources;

    /// <summary>The colours of the scale from 0 to the brightest value, at equal distances: red, green and blue in [0, 1].</summary>
    public static IReadOnlyList<IReadOnlyList<double>> Colours => s_colours;

    /// <summary>
    /// Finds the measures and losses that have maps: PSNR, SSIM, FLIP, HaarPSI, GMSD, FSIM, ResNet-18, the MDF loss, and simple losses such as <c>l1</c>. A weighted sum has the
    /// maps of its terms, under their names.
    /// </summary>
    /// <param name="measures">The measures.</param>
    /// <param name="losses">The losses.</param>
    /// <exception cref="InputException">None of them has a map.</exception>
    public static ErrorMaps Of(MeasureSet measures, IReadOnlyList<ReconstructionLoss> losses)
    {
        Source[] sources =
        [
            .. measures.Entries.SelectMany(measure => OfMeasure(measure.Name)),
            .. measures.Losses.SelectMany(entry => OfLoss("", entry.Measure.Name, entry.Loss)),
            .. losses.SelectMany(loss => OfLoss("loss:", loss.Expression, loss)),
        ];
        return sources.Length > 0
            ? new ErrorMaps([.. sources.DistinctBy(source => (source.Measure, source.Parts[0]))]) // two sums may share a term
            : throw new InputException($"no map can be made of {string.Join(", ", measures.Names.Concat(losses.Select(loss => loss.Expression)))}: add a measure that has one, such as psnr, ssim or flip, or an MDF loss");
    }

    /// <summary>Creates the maps of one image, one after the other.</summary>
    /// <param name="image"><c>(1, 3, H, W)</c>, in [0, 1].</param>
    /// <param name="reference">The same size and device.</param>
    /// <param name="thickness">The number of rows or columns of a strip; see <see cref="ImageStrips.Divide"/>.</param>
    /// <param name="cancellationToken">Stops the work between two strips.</param>
    /// <returns>The maps. No map for a measure for which the image is too small.</returns>
    public IEnumerable<ErrorMap> Create(Tensor image, Tensor reference, long? thickness = null, CancellationToken cancellationToken = default)
    {
        foreach (var map in Compute(image, reference, thickness, cancellationToken))
        {
            using var values = map.Values;
            yield return new ErrorMap(map.Measure, map.Part, values.mean([0, 1, 2, 3], type: float64).Number(), map.Brightest, Colour(values, map.Brightest, cancellationToken: cancellationToken));
        }
    }

    /// <summary>Computes the values of the maps of one image, one after the other.</summary>
    /// <inheritdoc cref="Create"/>
    public IEnumerable<ErrorValues> Compute(Tensor image, Tensor reference, long? thickness = null, CancellationToken cancellationToken = default)
    {
        foreach (var source in _sources.Where(source => Math.Min(image.shape[2], image.shape[3]) >= source.MinimumSize))
        {
            var maps = Compute(source, image, reference, thickness, cancellationToken);
            for (var i = 0; i < maps.Length; i++)
                yield return new ErrorValues(source.Measure, source.Parts[i], source.Brightest ?? maps[i].max().Number(), maps[i]);
        }
    }

    private static Tensor[] Compute(Source source, Tensor image, Tensor reference, long? thickness, CancellationToken cancellationToken)
    {
        using var _ = no_grad();
        var (height, width) = (image.shape[2], image.shape[3]);
        var strips = ImageStrips.Divide(image.shape, source.IsWhole ? Math.Max(height, width) : thickness, cancellationToken);
        var unit = source.Unit?.Invoke(image, reference, strips) ?? 1;
        Tensor[] maps = [.. source.Parts.Select(_ => empty([1, 1, height, width], float32, image.device).DetachFromDisposeScope())];
        foreach (var strip in strips)
        {
            using var scope = NewDisposeScope();
            var start = Math.Max(0, strip.Start - source.Reach);
            start -= start % 2; // where a halved image has a position
            var length = Math.Min(image.shape[strip.Axis], strip.Start + strip.Length + source.Reach) - start;
            var (part, referencePart) = (image.narrow(strip.Axis, start, length), reference.narrow(strip.Axis, start, length));
            foreach (var (map, found) in maps.Zip(source.Compute(part, referencePart)))
            {
                // A map without the positions at the ends, where no whole window lies, continues with its last values.
                var (down, across) = ((part.shape[2] - found.shape[2]) / 2, (part.shape[3] - found.shape[3]) / 2);
                var whole = down + across == 0 ? found : functional.pad(found, [across, across, down, down], mode: TorchSharp.PaddingModes.Replicate);
                strip.Cut(map).copy_(whole.narrow(strip.Axis, strip.Start - start, strip.Length).Div(unit));
            }
        }

        return maps;
    }

    /// <summary>Gives the values of a map colours, from black to light yellow.</summary>
    /// <param name="map"><c>(1, 1, H, W)</c>, at least 0.</param>
    /// <param name="brightest">The value of the brightest colour. Larger values have it too.</param>
    /// <param name="levels">The number of different colours, for small files; at least 2. Null: as many as there are.</param>
    /// <param name="cancellationToken">Stops the work between two strips.</param>
    /// <returns><c>(1, 3, H, W)</c> in [0, 1].</returns>
    public static Tensor Colour(Tensor map, double brightest, int? levels = null, CancellationToken cancellationToken = default)
    {
        var picture = empty([1, 3, map.shape[2], map.shape[3]], float32, map.device);
        foreach (var strip in ImageStrips.Divide(picture.shape, cancellationToken: cancellationToken))
        {
            using var scope = NewDisposeScope();
            var value = (brightest > 0 ? strip.Cut(map).Div(brightest) : zeros_like(strip.Cut(map))).Clamp(0, 1);
            var position = (levels is { } count ? value.Mul(count - 1).round().Div(count - 1) : value).Mul(s_colours.Length - 1);
            var channels = Enumerable.Range(0, 3).Select(channel => s_colours
                .Select((colour, i) => position.Sub(i).abs().SubFrom(1).ClampMin(0).Mul(colour[channel])) // between two neighbours
                .Aggregate((sum, term) => sum.Add(term)));
            strip.Cut(picture).copy_(cat([.. channels], 1));
        }

        return picture;
    }

    /// <summary>Repeats each position of the map of a shrunken image. The last ones also fill the samples that a factor leaves over.</summary>
    private static Tensor Enlarge(Tensor map, int factor, long[] shape)
    {
        return map.index_select(2, Positions(2)).index_select(3, Positions(3));

        Tensor Positions(int axis) =>
            tensor([.. Enumerable.Range(0, (int)shape[axis]).Select(i => Math.Min(i / factor, map.shape[axis] - 1))], device: map.device);
    }

    private static IEnumerable<Source> OfMeasure(string name)
    {
        switch (name)
        {
            case Measures.Psnr:
                yield return Source.Of(name, (x, y) => (x - y).abs().mean([1], keepdim: true)) with { Brightest = BrightDifference };
                break;
            case Measures.PsnrY:
                yield return Source.Of(name, (x, y) => (Luma(x) - Luma(y)).abs()) with { Brightest = BrightDifference };
                break;
            case Measures.PsnrChroma:
                yield return Source.Of(name, (x, y) => ColourMatrix.Apply(x - y, ChromaLoss.ColourDifferences).Square().mean([1], keepdim: true).sqrt()) with { Brightest = BrightDifference };
                break;
            case Measures.Ssim:
                yield return OfSsim(name, image => image);
                break;
            case Measures.SsimY:
                yield return OfSsim(name, Luma);
                break;
            default: // no map, or that of a loss
                break;
        }

        static Tensor Luma(Tensor image) => BenchmarkProtocol.Luma(image.to(float64));
    }

    private static IEnumerable<Source> OfLoss(string prefix, string name, ReconstructionLoss loss) => loss is WeightedSum sum
        ? sum.Flat.SelectMany(term => OfLoss(prefix, term.Loss.Expression, term.Loss))
        : OfLoss(prefix + name, loss);

    private static IEnumerable<Source> OfLoss(string key, ReconstructionLoss loss) => loss switch
    {
        SsimLoss => [OfSsim(key, image => image)],
        // The brightest values of these three: the strongest artefacts of jpeg:10 exceed them.
        GmsdLoss => [Source.Of(key, (x, y) => Enlarge(GmsdLoss.MapOf(x, y), 2, x.shape)) with
        {
            Brightest = 0.5, Reach = GmsdLoss.Reach, MinimumSize = loss.MinimumSize,
        }],
        HaarPsiLoss => [Source.Of(key, (x, y) => Enlarge(HaarPsiLoss.MapOf(x, y), 2, x.shape)) with
        {
            Brightest = 0.1, Unit = HaarPsiLoss.MeanWeight, Reach = HaarPsiLoss.Reach, MinimumSize = loss.MinimumSize,
        }],
        FsimLoss fsim => [Source.Of(key, (x, y) => Enlarge(fsim.MapOf(x, y), FsimLoss.FactorOf(x.shape), x.shape)) with
        {
            Brightest = 1, IsWhole = true, MinimumSize = loss.MinimumSize,
        }],
        GradientLoss => [Source.Of(key, (x, y) => GradientLoss.MapOf(x, y).mean([1], keepdim: true)) with { Reach = 1, MinimumSize = loss.MinimumSize }],
        ChromaLoss => [Source.Of(key, (x, y) => ChromaLoss.MapOf(x, y).mean([1], keepdim: true))],
        FlipLoss flip => [Source.Of(key, flip.MapOf) with { Brightest = 1, Reach = flip.Reach }],
        // The brightest value: the networks that L1 trains for jpeg:10 have means of 0.4.
        ResNet18Loss resnet => [Source.Of(key, resnet.MapOf) with { Brightest = 2, IsWhole = true, MinimumSize = loss.MinimumSize }],
        // The root, because a few large distances would leave the rest black.
        MdfLoss mdf => mdf.Scales.Select(scale => new Source(key, [$"scale {scale}, head", $"scale {scale}, body", $"scale {scale}, final map"],
            (x, y) => mdf.MapsOf(scale, x, y).Select(map => map.sqrt()))
        { Reach = MdfReach, MinimumSize = mdf.MinimumSize }),
        PixelwiseLoss local => [Source.Of(key, (x, y) => local.MapOf(x, y).mean([1], keepdim: true))],
        _ => [],
    };

    private static Source OfSsim(string key, Func<Tensor, Tensor> channelsOf)
    {
        return Source.Of(key, (x, y) => Dissimilarity(channelsOf(x), channelsOf(y)).mean([1], keepdim: true)) with { Brightest = 1, Reach = SsimReach, MinimumSize = GaussianWindows.WindowSize };

        static Tensor Dissimilarity(Tensor x, Tensor y)
        {
            var (luminance, contrastStructure) = s_windows.Similarities(x.to(float64), s_windows.Statistics(y.to(float64)));
            return (luminance * contrastStructure).SubFrom(1);
        }
    }

    /// <summary>The maps of one measure, or of one scale of a loss.</summary>
    /// <param name="Measure">The key of the measure.</param>
    /// <param name="Parts">The names of the maps.</param>
    /// <param name="Compute">Computes the maps, <c>(1, 1, h, w)</c> each, from parts of both images. They may lack the same number of positions at all ends.</param>
    private sealed record Source(string Measure, IReadOnlyList<string?> Parts, Func<Tensor, Tensor, IEnumerable<Tensor>> Compute)
    {
        /// <summary>The number of samples, to each side, on which a position depends.</summary>
        public int Reach { get; init; }

        /// <summary>Whether a position depends on the whole image, so that there are no strips.</summary>
        public bool IsWhole { get; init; }

        /// <summary>Computes the number by which the maps are divided, from both images and their strips. Null: 1.</summary>
        public Func<Tensor, Tensor, IEnumerable<ImageStrip>, double>? Unit { get; init; }

        /// <summary>The smallest image that has the maps.</summary>
        public int MinimumSize { get; init; } = 1;

        /// <summary>The value of the brightest colour, the same for all images. Null: the largest value of the map.</summary>
        public double? Brightest { get; init; }

        public static Source Of(string measure, Func<Tensor, Tensor, Tensor> compute) => new(measure, [null], (x, y) => [compute(x, y)]);
    }
}
