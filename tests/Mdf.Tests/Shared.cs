namespace Mdf.Tests;

/// <summary>Reference numbers and photographs that lie beside the project on some machines; tests that need them are skipped on others.</summary>
internal static class Shared
{
    public static string Path(params string[] parts)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "Mdf.slnx")))
            folder = folder.Parent;
        var path = folder?.Parent is { } parent
            ? System.IO.Path.Combine([parent.FullName, "shared", .. parts])
            : null;
        if (!File.Exists(path) && !Directory.Exists(path))
            Assert.Skip($"needs ../shared/{string.Join('/', parts)}");
        return path!;
    }
}
