using Mdf.Evaluation;
using Mdf.Runtime;

namespace Mdf.Reports.Site;

/// <summary>Writes a site: a page, its style and scripts, pictures, plots and tables. It needs no server and no network.</summary>
internal static class SiteWriter
{
    private static readonly string[] s_assets = ["site.css", "site.js", "img-comparison-slider.js", "img-comparison-slider.LICENSE.txt"];

    /// <summary>Writes the site.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="site">The content.</param>
    /// <param name="maps">The measures of the error maps.</param>
    /// <param name="progress">Takes a report for every picture.</param>
    /// <param name="cancellationToken">Stops the work between two images.</param>
    /// <returns>The file of the page.</returns>
    /// <exception cref="InputException">A picture cannot be read, or the folder cannot be written.</exception>
    public static string Write(string folder, SiteModel site, MeasureSet maps, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(site);
        var page = Path.Combine(folder, "index.html");
        AtomicFile.Prepare(page);
        var writer = new SitePictures(folder, ErrorMaps.Of(maps, []));
        var meter = new ProgressMeter(progress, "pictures", Math.Max(1, site.Tasks.Sum(task => task.Pictures.Count)));
        var done = 0;
        var pictures = site.Tasks.Select(task => (IReadOnlyList<ShownPicture>)[.. task.Pictures.Select(picture =>
        {
            var shown = writer.Write(task, picture, cancellationToken);
            FreedMemory.Return();
            meter.Report(++done);
            return shown;
        })]).ToArray();
        foreach (var (part, plots) in site.Tasks.Select(task => (task.Id, task.Plots)).Concat(site.Searches.Select(search => (search.Id, search.Plots))))
        {
            foreach (var plot in plots)
                AtomicFile.Write(Path.Combine(folder, plot.FileOf(part)), plot.Content);
        }

        foreach (var task in site.Tasks)
            SiteTables.Write(folder, task);
        foreach (var asset in s_assets)
        {
            using var content = typeof(SiteWriter).Assembly.GetManifestResourceStream("site/" + asset) ?? throw new InvalidOperationException($"the library was built without {asset}");
            AtomicFile.Write(Path.Combine(folder, asset), content.CopyTo);
        }

        AtomicFile.Write(page, SitePage.Write(site, pictures)); // last: its pictures are there
        return page;
    }
}
