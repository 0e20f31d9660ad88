using System.Diagnostics;
using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class RegularFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_with_content_is_accepted_directly_and_through_links()
    {
        var path = _folder.File("file", [1]);
        RegularFile.Require(path);
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege on Windows");
        File.CreateSymbolicLink(_folder.File("link"), path);
        File.CreateSymbolicLink(_folder.File("second"), _folder.File("link"));
        RegularFile.Require(_folder.File("second"));
    }

    [Fact]
    public void Everything_else_is_refused()
    {
        AssertRefused("", "an empty path");
        AssertRefused("a\0b", "a NUL character");
        AssertRefused(_folder.File("none"), "there is no such file");
        AssertRefused(Path.GetTempPath(), "found a folder");
        AssertRefused(_folder.File("empty", []), "found nothing in it, or a pipe or a device");
    }

    [Fact]
    public void Pipes_and_devices_and_links_to_them_are_refused_before_they_are_opened()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such files");
        using (var mkfifo = Process.Start("mkfifo", [_folder.File("pipe")]))
            mkfifo.WaitForExit();
        File.CreateSymbolicLink(_folder.File("link"), _folder.File("pipe"));
        foreach (var path in new[] { _folder.File("pipe"), _folder.File("link"), "/dev/zero", "/dev/null" })
            AssertRefused(path, "a pipe or a device");
        File.CreateSymbolicLink(_folder.File("one"), _folder.File("other"));
        AssertRefused(_folder.File("one"), "there is no such file");
        File.CreateSymbolicLink(_folder.File("other"), _folder.File("one"));
        AssertRefused(_folder.File("one"), "cannot read");
    }

    private static void AssertRefused(string path, string expected) =>
        Assert.Contains(expected, Assert.Throws<InputException>(() => RegularFile.Require(path)).Message);
}
