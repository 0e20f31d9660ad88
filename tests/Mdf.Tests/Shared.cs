namespace Mdf.Tests;

/// <summary>Reference material beside the repository. Tests that need it are skipped where it is absent.</summary>
internal static class Shared
{
    public static string Path(params string[] parts)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(System.IO.Path.Combine(root.FullName, "Mdf.slnx")))
            root = root.Parent;
        var shared = root is null ? "" : System.IO.Path.Combine(root.FullName, "..", "shared");
        Assert.SkipUnless(Directory.Exists(shared), "needs ../shared");
        return System.IO.Path.GetFullPath(System.IO.Path.Combine([shared, .. parts]));
    }
}
