namespace Mdf.Tests;

/// <summary>Reference material beside the repository. Tests that need it are skipped where it is absent.</summary>
internal static class Shared
{
    /// <summary>The repository's own folder.</summary>
    public static string Repository { get; } = FindRepository();

    public static string Path(params string[] parts)
    {
        var shared = System.IO.Path.Combine(Repository, "..", "shared");
        Assert.SkipUnless(Directory.Exists(shared), "needs ../shared");
        return System.IO.Path.GetFullPath(System.IO.Path.Combine([shared, .. parts]));
    }

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(System.IO.Path.Combine(folder.FullName, "Mdf.slnx")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("the tests run outside the repository");
        return folder.FullName;
    }
}
