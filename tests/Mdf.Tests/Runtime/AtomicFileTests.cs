using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_else()
    {
        var path = _folder.File("file.bin", "old"u8);
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half"u8);
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], _folder.Content());
    }

    [Fact]
    public void A_failure_of_the_device_is_no_bad_input()
    {
        var full = new IOException("No space left on device");
        Assert.Same(full, Assert.Throws<IOException>(() => AtomicFile.Write(_folder.File("file.bin"), _ => throw full)));
        Assert.Empty(_folder.Content());
    }

    [Fact]
    public void Missing_folders_are_made()
    {
        var path = _folder.File(Path.Combine("a", "b", "file.txt"));
        AtomicFile.Write(path, "text");
        Assert.Equal("text", File.ReadAllText(path));
    }

    [Fact]
    public void A_parent_that_is_a_file_is_refused()
    {
        _folder.File("file", "text"u8);
        var error = Assert.Throws<InputException>(() => AtomicFile.Write(_folder.File(Path.Combine("file", "x", "out.png")), ""));
        Assert.Contains("is a file, not a folder", error.Message);
    }

    [Fact]
    public void A_folder_is_refused() =>
        Assert.Contains("it is a folder", Assert.Throws<InputException>(() => AtomicFile.Prepare(_folder.Local("{}"))).Message);

    [Fact]
    public void A_name_may_be_as_long_as_the_system_allows_and_no_longer()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows limits the whole path");
        var path = _folder.File(new string('x', 255));
        AtomicFile.Write(path, "text");
        Assert.Equal("text", File.ReadAllText(path));
        Assert.Throws<InputException>(() => AtomicFile.Write(path + "x", "text"));
        Assert.Throws<InputException>(() => AtomicFile.Prepare(path + "x"));
        Assert.Equal([path], _folder.Content());
    }

    [Fact]
    public void A_link_stays_and_the_file_it_names_is_replaced()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows asks for a privilege to make links");
        var (file, link, dangling) = (_folder.File("file", "old"u8), _folder.File("link"), _folder.File("dangling"));
        File.CreateSymbolicLink(link, "file");
        File.CreateSymbolicLink(dangling, "new");
        AtomicFile.Write(link, "text");
        AtomicFile.Write(dangling, "text");
        Assert.Equal("file", new FileInfo(link).LinkTarget);
        Assert.Equal(("text", "text"), (File.ReadAllText(file), File.ReadAllText(_folder.File("new"))));

        File.CreateSymbolicLink(_folder.File("loop"), "loop");
        Assert.Throws<InputException>(() => AtomicFile.Write(_folder.File("loop"), "text"));
    }

    [Fact]
    public void The_permissions_of_an_existing_file_are_kept()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Unix permissions");
        if (OperatingSystem.IsWindows())
            return; // for the analyzer, which does not know the line above
        const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite; // no umask gives this
        var path = _folder.File("file", "old"u8);
        File.SetUnixFileMode(path, mode);
        AtomicFile.Write(path, "text");
        Assert.Equal(mode, File.GetUnixFileMode(path));
    }

    [Fact]
    public void A_folder_that_vanishes_is_bad_input()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows does not remove the folder of an open file");
        var folder = _folder.File("gone");
        Assert.Throws<InputException>(() => AtomicFile.Write(Path.Combine(folder, "file"), _ => Directory.Delete(folder, recursive: true)));
        Assert.Empty(_folder.Content());
    }

    [Fact]
    public void A_read_only_file_system_is_bad_input()
    {
        // The kernel's own is the one that is read-only for everyone, root included.
        Assert.SkipUnless(OperatingSystem.IsLinux() && Directory.Exists("/proc/self"), "writes to Linux's /proc");
        Assert.Throws<InputException>(() => AtomicFile.Write("/proc/self/file", "text"));
        Assert.Throws<InputException>(() => AtomicFile.Write("/proc/folder/file", "text"));
    }
}
