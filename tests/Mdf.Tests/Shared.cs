namespace Mdf.Tests;

/// <summary>The reference material beside the checkout, which a machine with only the project lacks.</summary>
internal static class Shared
{
    /// <summary>The path of a file or folder under <c>../shared</c>; skips the test when that folder does not exist.</summary>
    public static string Path(params string[] parts)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "Mdf.slnx")))
            folder = folder.Parent;
        var shared = folder?.Parent is { } parent ? System.IO.Path.Combine(parent.FullName, "shared") : null;
        if (!Directory.Exists(shared))
            Assert.Skip("the folder ../shared with the reference material does not exist");
        return System.IO.Path.Combine([shared!, .. parts]);
    }
}
