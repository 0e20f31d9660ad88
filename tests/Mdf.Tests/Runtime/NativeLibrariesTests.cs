using System.Runtime.InteropServices;
using System.Text;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Runtime;

public sealed class NativeLibrariesTests
{
    [Fact]
    public void Libtorch_loads_and_computes()
    {
        using var sum = ones(3, 3).sum();
        Assert.Equal(9f, sum.item<float>());
    }

    /// <summary>The version that the false need names, as <c>readelf --version-info</c> shows it.</summary>
    private const string Needed = "GLIBCXX_3.4.32";

    [Fact]
    public void Something_is_mended_exactly_where_the_systems_libstdcxx_lacks_the_version()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only Linux's libraries name versions");
        Libtorch_loads_and_computes();
        var path = LoadedFiles().Single(file => Path.GetFileName(file).StartsWith("libstdc++.so", StringComparison.Ordinal));
        var hasVersion = File.ReadAllBytes(path).AsSpan().IndexOf(Encoding.ASCII.GetBytes($"{Needed}\0")) >= 0;

        Assert.Null(NativeLibraries.Failure);
        if (hasVersion)
            Assert.Null(NativeLibraries.Mended);
        else
            Assert.Contains(Needed, NativeLibraries.Mended);
    }

    [Fact]
    public void Libraries_are_loaded_once_only_also_when_many_threads_are_first()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads Linux's list of loaded files");
        Parallel.For(0, 8, _ => Libtorch_loads_and_computes());
        var files = LoadedFiles().ToList();
        Assert.Single(files, file => file.Contains("libLibTorchSharp.so", StringComparison.Ordinal));
        Assert.Single(files, file => file.EndsWith("/libtorch_cpu.so", StringComparison.Ordinal));
    }

    [Fact]
    public void Waiting_threads_soon_give_the_processor_to_others()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only libtorch for Linux uses GNU OpenMP");
        Assert.SkipUnless(Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null, "the user has chosen how to wait");
        NativeLibraries.Register();
        Assert.Equal(
            Environment.GetEnvironmentVariable("GOMP_SPINCOUNT") ?? "1000", Marshal.PtrToStringUTF8(GetEnvironment("GOMP_SPINCOUNT")));
    }

    [DllImport("libc", EntryPoint = "getenv", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern nint GetEnvironment(string name);

    [Fact]
    public void Only_this_systems_skia_is_copied()
    {
        var foreign = new[] { "linux", "osx", "win" }.Except(
            [OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux"]).ToArray();
        var skia = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "runtimes"), "libSkiaSharp.*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Path.Combine(AppContext.BaseDirectory, "runtimes"), file)).ToList();
        Assert.NotEmpty(skia);
        Assert.DoesNotContain(skia, file => foreign.Any(system => file.StartsWith(system, StringComparison.Ordinal)));
    }

    /// <summary>The distinct files mapped into this process; copies in memory have a number of their own.</summary>
    private static IEnumerable<string> LoadedFiles() => File.ReadLines("/proc/self/maps")
        .Select(line => line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries))
        .Where(fields => fields.Length == 6)
        .Select(fields => (Inode: fields[4], Path: fields[5].Trim()))
        .Distinct()
        .Select(file => file.Path);
}
