using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Reports.Site;

/// <summary>Writes the pictures of a site: a part of each at most, without loss, and its error maps.</summary>
/// <param name="folder">The folder of the site.</param>
/// <param name="maps">The error maps to make.</param>
/// <param name="mostKept">The positions of maps, of all rows of a picture together, that are kept in memory between the two passes. Maps of more are computed twice.</param>
internal sealed class SitePictures(string folder, ErrorMaps maps, long mostKept = 1 << 24)
{
    // The part that a viewer shows first.
    private const int CropWidth = 128;
    private const int CropHeight = 96;

    // Convolutions pad with zeros, so networks differ most at the border, where nobody looks and which the scores of super-resolution leave out.
    private const int Border = 16;

    // The window whose mean is taken off before losses are compared: a tint of flat areas is not where they differ for the eye.
    private const int MeanWindow = 17;

    // A lossless map with all colours is as large as a picture. With 32, the steps can hardly be seen, and the file is half as large or less.
    private const int MapColours = 32;

    // The share of the pixels of all rows' maps that is below the brightest colour: a few large errors would leave the rest black.
    private const double BrightestShare = 0.995;

    // Values of a map that the scale is computed from, at most.
    private const int MostSamples = 1 << 16;

    /// <summary>Writes the files of one picture. Only one restored image at a time is in memory, and of the maps of the others a limited number of values.</summary>
    /// <param name="task">The task.</param>
    /// <param name="picture">The picture.</param>
    /// <param name="cancellationToken">Stops the work between two images.</param>
    /// <exception cref="InputException">A file cannot be read, or has another size than the original.</exception>
    public ShownPicture Write(SiteTask task, SitePicture picture, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(picture);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var original = ImageFile.Read(picture.Original, cancellationToken: cancellationToken);
        var (height, width) = ((int)original.shape[2], (int)original.shape[3]);
        // A distorted picture differs more from all restored ones than these do among each other.
        string[] trained = [.. picture.Restored.Where((file, r) => file is not null && task.Rows[r].Steps is not null).OfType<string>()];
        var difference = DifferenceOf(trained.Length > 1 ? trained : [.. picture.Restored.OfType<string>()], original, cancellationToken);
        var shown = Largest(difference, new PicturePart(0, 0, width, height), Math.Min(task.PictureSize, width), Math.Min(task.PictureSize, height));
        var crop = Largest(difference, shown, Math.Min(CropWidth, shown.Width), Math.Min(CropHeight, shown.Height));
        var path = ShownPicture.FolderOf(task.Id, picture.Id);
        var reference = Save(ShownPicture.ReferenceFile, Part(original));
        var distorted = ImageFile.Read(picture.Distorted, cancellationToken: cancellationToken);
        if (distorted.shape[2] != height || distorted.shape[3] != width)
            distorted = functional.interpolate(distorted, [height, width], mode: InterpolationMode.Nearest); // the pixels of a small input, as they are
        var input = Save(ShownPicture.InputFile, Part(distorted));
        var files = new string?[picture.Restored.Count];
        // Two passes, because all rows share one scale: the first one finds it.
        var found = new OrderedDictionary<string, FoundMap>();
        var isKept = (long)shown.Width * shown.Height * files.Length <= mostKept;
        for (var r = 0; r < files.Length; r++)
        {
            if (picture.Restored[r] is not { } file)
                continue;
            cancellationToken.ThrowIfCancellationRequested();
            using var one = NewDisposeScope();
            var restored = ReadOf(file, original, cancellationToken);
            files[r] = task.Rows[r].IsInput ? input : Save(ShownPicture.FileOf(task.Rows[r]), Part(restored));
            foreach (var (measure, usual, values) in PartsOf(restored))
            {
                if (!found.TryGetValue(measure, out var map))
                    found[measure] = map = new FoundMap(usual, files.Length);
                var all = values.flatten();
                map.Samples.Add(all.slice(0, 0, all.numel(), 1 + all.numel() / MostSamples).clone().MoveToOuterDisposeScope());
                map.Kept[r] = isKept ? values.clone().MoveToOuterDisposeScope() : null;
                map.HasRow[r] = true;
            }
        }

        foreach (var map in found.Values)
            map.Brightest = BrightestOf(map.Samples) ?? map.Usual;
        for (var r = 0; r < files.Length; r++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var one = NewDisposeScope();
            var again = isKept || !found.Values.Any(map => map.HasRow[r]) ? [] : PartsOf(ReadOf(picture.Restored[r]!, original, cancellationToken));
            var all = isKept ? found.Where(map => map.Value.Kept[r] is not null).Select(map => (map.Key, map.Value.Kept[r]!)) : again.Select(map => (map.Measure, map.Values));
            foreach (var (measure, values) in all)
            {
                var id = SafeName.Of([measure])[0];
                found[measure].Files[r] = Save(ShownMaps.FileOf(id, task.Rows[r]), ErrorMaps.Colour(values, found[measure].Brightest, MapColours, cancellationToken));
            }
        }

        return new ShownPicture(
            picture.Id, picture.Title, picture.Credit, shown.Width, shown.Height, width, height, crop with { X = crop.X - shown.X, Y = crop.Y - shown.Y }, reference, input, files,
            [.. found.Select(map => new ShownMaps(SafeName.Of([map.Key])[0], TitleOf(map.Key), map.Value.Brightest, map.Value.Files))], picture.Scores);

        // The shown part of each map.
        IEnumerable<(string Measure, double Usual, Tensor Values)> PartsOf(Tensor restored)
        {
            foreach (var map in maps.Compute(restored, original, cancellationToken: cancellationToken))
            {
                using var values = map.Values;
                using var part = Part(values).nan_to_num(0, float.MaxValue, 0);
                yield return (map.Measure, map.Brightest, part);
            }
        }

        Tensor Part(Tensor image) => image.narrow(2, shown.Y, shown.Height).narrow(3, shown.X, shown.Width);

        string Save(string name, Tensor image)
        {
            ImageFile.Write(Path.Combine(folder, path, name), image.Clamp(0, 1));
            return name;
        }
    }

    /// <summary>What a map shows: its values have no unit, also where those of the measure have one.</summary>
    private static string TitleOf(string measure) => measure switch
    {
        Measures.Psnr => "Difference",
        Measures.PsnrY => "Difference of Y",
        Measures.PsnrChroma => "Difference of the colours",
        _ => Measures.Parse([measure])[0].Title,
    };

    /// <summary>A round value that few samples of the maps exceed; null if all are zero.</summary>
    private static double? BrightestOf(IReadOnlyList<Tensor> samples)
    {
        using var scope = NewDisposeScope();
        var all = cat([.. samples]);
        var value = all.kthvalue(Math.Max(1, (long)(BrightestShare * all.numel())), 0).values.Number();
        if (value <= 0)
            value = all.max().Number();
        if (value <= 0)
            return null;
        var unit = Math.Pow(10, Math.Floor(Math.Log10(value)) - 1); // two digits
        return Math.Round(Math.Ceiling(value / unit) * unit, 12);
    }

    /// <summary>The maps of one measure while the files of a picture are written.</summary>
    private sealed class FoundMap(double usual, int rows)
    {
        public double Usual => usual;

        public double Brightest { get; set; }

        public List<Tensor> Samples { get; } = [];

        public Tensor?[] Kept { get; } = new Tensor?[rows];

        public bool[] HasRow { get; } = new bool[rows];

        public string?[] Files { get; } = new string?[rows];
    }

    /// <summary>For each pixel, the variance over restored pictures of their details (without the mean of the neighbourhood), <c>(1, 1, H, W)</c>; zero for fewer than two, and at the border of a picture that is large enough.</summary>
    private static Tensor DifferenceOf(IReadOnlyList<string> restoredFiles, Tensor original, CancellationToken cancellationToken)
    {
        var (sum, squares, count) = (zeros_like(original), zeros_like(original), 0);
        foreach (var file in restoredFiles)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var one = NewDisposeScope();
            var restored = ReadOf(file, original, cancellationToken);
            var details = restored - functional.avg_pool2d(restored, MeanWindow, 1, MeanWindow / 2, count_include_pad: false);
            sum.Add_(details);
            squares.Add_(details.Square());
            count++;
        }

        if (count < 2)
            return zeros_like(original).narrow(1, 0, 1);
        var variance = (squares.Div(count) - sum.Div(count).Square()).ClampMin(0).mean([1], keepdim: true);
        var (height, width) = (variance.shape[2], variance.shape[3]);
        if (height > 4 * Border && width > 4 * Border)
            variance = functional.pad(variance.narrow(2, Border, height - 2 * Border).narrow(3, Border, width - 2 * Border), [Border, Border, Border, Border]);
        return variance;
    }

    /// <summary>The part of a size with the largest sum, inside another part. Without any difference it is the middle.</summary>
    private static PicturePart Largest(Tensor values, PicturePart inside, int width, int height)
    {
        using var scope = NewDisposeScope();
        // Sums of all rectangles from the corner, so that the cost does not depend on the size of the part.
        var corner = functional.pad(values.narrow(2, inside.Y, inside.Height).narrow(3, inside.X, inside.Width).to(float64).cumsum(2).cumsum(3), [1, 0, 1, 0]);
        var (down, right) = (corner.shape[2] - height, corner.shape[3] - width);
        var sums = (corner.narrow(2, height, down).narrow(3, width, right) - corner.narrow(2, 0, down).narrow(3, width, right))
            - (corner.narrow(2, height, down).narrow(3, 0, right) - corner.narrow(2, 0, down).narrow(3, 0, right));
        if (sums.max().Number() - sums.min().Number() <= 1e-12)
            return new PicturePart(inside.X + (inside.Width - width) / 2, inside.Y + (inside.Height - height) / 2, width, height);
        var (position, across) = ((int)sums.flatten().argmax().item<long>(), (int)sums.shape[3]);
        return new PicturePart(inside.X + position % across, inside.Y + position / across, width, height);
    }

    private static Tensor ReadOf(string file, Tensor original, CancellationToken cancellationToken)
    {
        var image = ImageFile.Read(file, cancellationToken: cancellationToken);
        return image.shape.SequenceEqual(original.shape)
            ? image
            : throw new InputException($"expected '{file}' to have {original.shape[3]}×{original.shape[2]} pixels, as its reference has, found {image.shape[3]}×{image.shape[2]}");
    }
}
