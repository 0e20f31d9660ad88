using Mdf.Losses;
using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>
/// The table of all measures. <c>evaluate</c>, <c>score</c>, the validation of a training and all reports take from here the names, titles, units and directions.
/// </summary>
public static class Measures
{
    /// <summary>PSNR over the samples of all three channels, in dB; infinity for equal images.</summary>
    public const string Psnr = "psnr";

    /// <summary>SSIM, the mean over the three channels, at most 1.</summary>
    public const string Ssim = "ssim";

    /// <summary>PSNR of the luma Y of BT.601, in dB.</summary>
    public const string PsnrY = "psnr_y";

    /// <summary>SSIM of the luma Y of BT.601.</summary>
    public const string SsimY = "ssim_y";

    /// <summary>PSNR of the colour differences Cb and Cr of BT.601, in dB; null for a grey reference.</summary>
    public const string PsnrChroma = "psnr_chroma";

    /// <summary>MS-SSIM of RGB, in [0, 1].</summary>
    public const string MsSsim = "ms_ssim";

    /// <summary>The mean of the LDR-FLIP error map, in [0, 1].</summary>
    public const string Flip = "flip";

    /// <summary>NIQE of the restored image.</summary>
    public const string Niqe = "niqe";

    /// <summary>|NIQE of the restored image − NIQE of its reference|.</summary>
    public const string NiqeDifference = "niqe_difference";

    /// <summary>The word for all measures, in place of a name.</summary>
    internal const string All = "all";

    // One entry for each measure. To add one, add a line; a loss needs no code.
    private static readonly IReadOnlyList<Measure> s_table =
    [
        new(Psnr, "PSNR", Direction.Higher, "F2", "peak signal-to-noise ratio of RGB") { Unit = "dB", IsDefault = true },
        new(Ssim, "SSIM", Direction.Higher, "F4", "structural similarity, mean of R, G and B") { MinimumSize = GaussianWindows.WindowSize, IsDefault = true },
        new(PsnrY, "PSNR-Y", Direction.Higher, "F2", "PSNR of Y (BT.601, 16–235)") { Unit = "dB", IsDefault = true },
        new(SsimY, "SSIM-Y", Direction.Higher, "F4", "SSIM of Y (BT.601, 16–235)") { MinimumSize = GaussianWindows.WindowSize, IsDefault = true },
        new(PsnrChroma, "PSNR-CbCr", Direction.Higher, "F2", "PSNR of the colours Cb and Cr (BT.601, full range), which Y does not contain; none for a grey reference") { Unit = "dB", IsDefault = true },
        new(MsSsim, "MS-SSIM", Direction.Higher, "F4", "SSIM at five scales, of RGB") { MinimumSize = MsSsimLoss.SmallestSize, IsDefault = true },
        OfLoss(Flip, "FLIP", "flip", "the difference that is seen when two images alternate on a display") with { Format = "F4", IsDefault = true },
        OfLoss("haarpsi", "HaarPSI", "haarpsi", "similarity of Haar wavelet coefficients") with { IsSimilarity = true, Direction = Direction.Higher, Format = "F4" },
        OfLoss("gmsd", "GMSD", "gmsd", "deviation of the similarity of gradients; zero for an error that is the same everywhere") with { Format = "F4" },
        OfLoss("fsim", "FSIM", "fsim", "similarity of phase congruency and gradients; holds the whole image in memory") with { IsSimilarity = true, Direction = Direction.Higher, Format = "F4" },
        OfLoss("fsimc", "FSIMc", "fsimc", "FSIM with colour; holds the whole image in memory") with { IsSimilarity = true, Direction = Direction.Higher, Format = "F4" },
        OfWeights("resnet18", "ResNet-18", "resnet18", "distance of the features of a ResNet-18"),
        OfWeights("lpips_alex", "LPIPS (Alex)", "lpips-alex", "distance of the features of an AlexNet, trained on human votes"),
        OfWeights("dists", "DISTS", "dists", "distance of the textures and structures of VGG-16 features"),
        new(Niqe, "NIQE", Direction.None, "F3", "distance from the statistics of photographs; no arrow, because a restored image can reach lower values than its clean reference")
        {
            Source = MeasureSource.Niqe,
            MinimumSize = NaturalSceneStatistics.BlockSize,
        },
        new(NiqeDifference, "|ΔNIQE|", Direction.Lower, "F3", "|NIQE − NIQE of the reference|") { Source = MeasureSource.Niqe, MinimumSize = NaturalSceneStatistics.BlockSize },
    ];

    /// <summary>The names of all measures, in the order of the table.</summary>
    public static IReadOnlyList<string> Names => [.. s_table.Select(measure => measure.Name)];

    /// <summary>The names of the measures that are used if none are named, without those of NIQE, which needs a file.</summary>
    public static IReadOnlyList<string> DefaultNames => [.. s_table.Where(measure => measure.IsDefault).Select(measure => measure.Name)];

    /// <summary>All entries.</summary>
    internal static IReadOnlyList<Measure> Table => s_table;

    /// <summary>The measures that are computed from the samples in one pass.</summary>
    internal static IReadOnlyList<Measure> OfStrips => [.. s_table.Where(measure => measure.Source == MeasureSource.Strips)];

    /// <summary>The measures that are used if none are named.</summary>
    /// <param name="withNiqe">Whether there is a model for NIQE.</param>
    internal static IReadOnlyList<Measure> Default(bool withNiqe) => [.. s_table.Where(measure => measure.IsDefault || withNiqe && measure.Source == MeasureSource.Niqe)];

    /// <summary>Returns the entry of a name.</summary>
    /// <param name="name">The name.</param>
    internal static Measure Find(string name) => s_table.First(measure => measure.Name == name);

    /// <summary>Reads the names of measures.</summary>
    /// <param name="texts">
    /// Names, or several names in one text with commas between them, such as <c>psnr-y,ssim-y,flip</c>. Hyphens equal underscores. A name that the table does not
    /// have is a loss expression without a comma. The word <c>all</c> means every entry of the table.
    /// </param>
    /// <returns>The measures, in the given order; at least one.</returns>
    /// <exception cref="InputException">A text is empty or names no measure, or a measure is named twice.</exception>
    internal static IReadOnlyList<Measure> Parse(IEnumerable<string> texts)
    {
        Measure[] measures = [.. texts.SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries)).SelectMany(ParseOne)];
        if (measures.Length == 0)
            throw new InputException("expected the name of a measure, found none");
        RequireDifferent(measures);
        return measures;
    }

    /// <summary>Finds a measure by a name that a file has.</summary>
    /// <param name="name">The name, as <see cref="Measure.Name"/> has it.</param>
    /// <returns>The measure; null if there is none, for example because its plugin is not loaded.</returns>
    internal static Measure? Known(string name)
    {
        try
        {
            return Parse([name]) is [var measure] && measure.Name == name ? measure : null;
        }
        catch (InputException)
        {
            return null;
        }
    }

    /// <summary>Refuses a list that has a measure twice.</summary>
    /// <exception cref="InputException">A measure is named twice.</exception>
    internal static void RequireDifferent(IReadOnlyList<Measure> measures)
    {
        if (measures.GroupBy(measure => measure.Name).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"expected different measures, found '{twice.Key}' {twice.Count()} times: name it once");
    }

    private static IReadOnlyList<Measure> ParseOne(string text)
    {
        var name = text.Replace('-', '_').ToLowerInvariant();
        if (name == All)
            return s_table;
        if (s_table.FirstOrDefault(measure => measure.Name == name) is { } known)
            return [known];
        try
        {
            var loss = LossExpression.Parse(text);
            return [OfLoss(loss)];
        }
        catch (InputException e)
        {
            // A name and an expression fail differently: an expression has a sign, or the name of a loss.
            var isExpression = text.AsSpan().IndexOfAny(":+*?'") >= 0;
            var near = NearestName.Find(name, Names) is { } nearest ? $"; do you mean '{nearest}'?" : "";
            throw isExpression ? e : new InputException($"unknown measure '{text}': expected a loss expression, or one of {string.Join(", ", Names)}{near}", e);
        }
    }

    /// <summary>Creates the measure of a loss expression.</summary>
    /// <param name="loss">The expression.</param>
    internal static Measure OfLoss(LossExpression loss) => new(loss.ToString(), loss.ToString(), Direction.Lower, "G5", $"the loss {loss}") { Source = MeasureSource.Loss, Loss = loss };

    private static Measure OfLoss(string name, string title, string loss, string meaning) =>
        new(name, title, Direction.Lower, "G5", meaning) { Source = MeasureSource.Loss, Loss = LossExpression.Parse(loss) };

    private static Measure OfWeights(string name, string title, string loss, string meaning) => OfLoss(name, title, loss, meaning) with { Format = "F4", NeedsWeights = true };
}
