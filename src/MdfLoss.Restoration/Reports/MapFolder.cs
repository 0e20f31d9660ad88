using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Reports;

/// <summary>
/// A folder of error maps: <c>IMAGE.MEASURE.png</c>, or <c>IMAGE.MEASURE.scale-3-body.png</c>, in a subfolder for each folder of images; and <c>maps.csv</c>, which
/// says for each picture the mean of the map and the value of the brightest colour.
/// </summary>
internal sealed class MapFolder
{
    private readonly string _folder;
    private readonly ErrorMaps _maps;
    private readonly List<object?[]> _rows = [];

    /// <summary>Takes the folder. Checks that it can be written, and that no two images have the same name.</summary>
    /// <param name="folder">The folder; it is created.</param>
    /// <param name="pairs">The images that will come.</param>
    /// <param name="maps">The maps to make.</param>
    /// <exception cref="InputException">The folder cannot be written, or two images would have the same maps.</exception>
    public MapFolder(string folder, IReadOnlyList<ImagePair> pairs, ErrorMaps maps)
    {
        if (pairs.GroupBy(NameOf, StringComparer.OrdinalIgnoreCase).FirstOrDefault(same => same.Count() > 1)?.ToArray() is { } same)
            throw new InputException($"the maps of '{same[0].Image}' and '{same[1].Image}' would have the same names in '{folder}': score them one after the other, with different folders");
        (_folder, _maps) = (folder, maps);
        AtomicFile.Prepare(Path.Combine(folder, "maps.csv"));
    }

    /// <summary>Writes the maps of one image.</summary>
    /// <param name="pair">The image and its reference.</param>
    /// <param name="image"><c>(1, 3, H, W)</c>, in [0, 1].</param>
    /// <param name="reference">The same size and device.</param>
    /// <param name="cancellationToken">Stops the work between two strips.</param>
    public void Write(ImagePair pair, Tensor image, Tensor reference, CancellationToken cancellationToken = default)
    {
        foreach (var map in _maps.Create(image, reference, cancellationToken: cancellationToken))
        {
            using var picture = map.Picture;
            var part = map.Part is null ? "" : "." + map.Part.Replace(",", "", StringComparison.Ordinal).Replace(' ', '-');
            var file = $"{NameOf(pair)}.{Plain(map.Measure)}{part}.png";
            ImageFile.Write(Path.Combine(_folder, file), picture);
            _rows.Add([pair.Image, map.Measure, map.Part, map.Mean, map.Brightest, file]);
        }
    }

    /// <summary>Writes the table.</summary>
    /// <returns>The table.</returns>
    public ResultTable Finish()
    {
        var table = new ResultTable(
            $"Maps in {_folder}",
            [new("image"), new("measure"), new("part"), ResultColumn.Number("mean", "G5"), ResultColumn.Number("brightest", "G5"), new("file")],
            _rows);
        table.Save(Path.Combine(_folder, "maps.csv"));
        return table;
    }

    private static string NameOf(ImagePair pair)
    {
        var name = Path.GetFileNameWithoutExtension(pair.Image);
        return pair.Folder is null ? name : Path.Combine(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(pair.Folder))), name);
    }

    // A loss expression may contain a path.
    private static string Plain(string key) => string.Concat(key.Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '=' or '+' or '*' ? c : '-')).Replace("*", "x", StringComparison.Ordinal);
}
