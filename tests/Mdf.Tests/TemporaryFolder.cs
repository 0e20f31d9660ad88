namespace Mdf.Tests;

/// <summary>A folder for one test, removed after it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mdf-");

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public string File(string name, ReadOnlySpan<byte> content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    /// <summary>Puts the folder in place of <c>{}</c>.</summary>
    public string Local(string text) => text.Replace("{}", _folder.FullName + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    /// <summary>The names of all files and folders in it, in order.</summary>
    public string[] Content() => [.. _folder.EnumerateFileSystemInfos("*", SearchOption.AllDirectories).Select(entry => entry.FullName).Order(StringComparer.Ordinal)];

    public void Dispose() => _folder.Delete(recursive: true);
}
