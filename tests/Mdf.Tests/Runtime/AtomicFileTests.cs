using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mdf-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_else()
    {
        var path = Path.Combine(_folder, "file.bin");
        AtomicFile.Write(path, "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half"u8);
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(_folder));
    }

    [Fact]
    public void Missing_folders_are_made()
    {
        var path = Path.Combine(_folder, "a", "b", "file.txt");
        AtomicFile.Write(path, "text");
        Assert.Equal("text", File.ReadAllText(path));
    }

    [Fact]
    public void A_parent_that_is_a_file_is_refused()
    {
        AtomicFile.Write(Path.Combine(_folder, "file"), "text");
        var error = Assert.Throws<InputException>(() => AtomicFile.Write(Path.Combine(_folder, "file", "x", "out.png"), ""));
        Assert.Contains("is a file, not a folder", error.Message);
    }

    [Fact]
    public void A_folder_is_refused() =>
        Assert.Contains("it is a folder", Assert.Throws<InputException>(() => AtomicFile.Prepare(_folder)).Message);
}
