using Mdf.Evaluation;
using Mdf.Runtime;

namespace Mdf.Reports.Site;

/// <summary>Writes a site: a page, its style and scripts, pictures, plots and tables. It needs no server and no network.</summary>
internal static class SiteWriter
{
    private static readonly string[] s_assets = ["site.css", "site.js", "img-comparison-slider.js", "img-comparison-slider.LICENSE.txt"];

    // The page itself, and the folders in it, which may be links.
    private static readonly string[] s_folders = ["", "pictures", "plots", SiteTables.Folder];

    /// <summary>Writes the site.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="site">The content.</param>
    /// <param name="maps">The measures of the error maps; null if no picture is to be made.</param>
    /// <param name="progress">Takes a report for every picture.</param>
    /// <param name="cancellationToken">Stops the work between two images.</param>
    /// <returns>The file of the page.</returns>
    /// <exception cref="InputException">A picture cannot be read, the folder cannot be written, or it is that of a page which is read.</exception>
    public static string Write(string folder, SiteModel site, MeasureSet? maps, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(site);
        if (string.IsNullOrWhiteSpace(folder))
            throw new InputException("expected a folder for the page, found an empty path");
        RequireOther(folder, site);
        RequireDifferentPlots(site);
        var page = Path.Combine(folder, "index.html");
        AtomicFile.Prepare(page);
        var writer = maps is null ? null : new SitePictures(folder, ErrorMaps.Of(maps, []));
        var meter = new ProgressMeter(progress, "pictures", Math.Max(1, site.Tasks.Sum(task => task.Source is null ? task.Pictures.Count : task.Shown.Count)));
        var done = 0;
        site = site with { Tasks = [.. site.Tasks.Select(task => task with { Shown = task.Source is null ? Make(task) : Copy(task, task.Source) })] };
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

        SiteFile.Write(folder, site);
        AtomicFile.Write(page, SitePage.Write(site)); // last: its pictures are there
        return page;

        IReadOnlyList<ShownPicture> Make(SiteTask task) => [.. task.Pictures.Select(picture =>
        {
            var shown = (writer ?? throw new ArgumentNullException(nameof(maps))).Write(task, picture, cancellationToken);
            FreedMemory.Return();
            meter.Report(++done);
            return shown;
        })];

        IReadOnlyList<ShownPicture> Copy(SiteTask task, SitePart source)
        {
            foreach (var picture in task.Shown)
            {
                cancellationToken.ThrowIfCancellationRequested();
                foreach (var file in picture.Files)
                    SiteFile.Copy(source.Folder, picture.FolderOf(source.Id) + file, Path.Combine(folder, picture.FolderOf(task.Id) + file));
                meter.Report(++done);
            }

            return task.Shown;
        }
    }

    /// <summary>Refuses to write over a page that is read: its files could be exchanged before they are copied.</summary>
    private static void RequireOther(string folder, SiteModel site)
    {
        var sources = site.Tasks.Select(task => task.Source?.Folder).Concat(site.Searches.Select(search => search.Source?.Folder)).OfType<string>().Distinct();
        if (sources.Any(source => s_folders.Any(name => RealPath.Comparer.Equals(RealPath.Resolve(Path.Combine(source, name)), RealPath.Resolve(Path.Combine(folder, name))))))
            throw new InputException($"cannot write '{folder}': the page in it is one of those to read; choose another folder, and replace the old one when the new page is complete");
    }

    private static void RequireDifferentPlots(SiteModel site)
    {
        var plots = site.Tasks.SelectMany(task => task.Plots.Select(plot => plot.FileOf(task.Id))).Concat(site.Searches.SelectMany(search => search.Plots.Select(plot => plot.FileOf(search.Id))));
        if (plots.GroupBy(file => file, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1) is { } same)
            throw new InputException($"two plots have the file {Untrusted.Quote(same.Key)}: put their tasks on two pages");
    }
}
