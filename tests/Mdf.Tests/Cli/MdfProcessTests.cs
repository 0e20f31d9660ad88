using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Mdf.Tests.Cli;

/// <summary>The real program, as a process.</summary>
public sealed class MdfProcessTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Lets the system's loader name on standard error every native file that it loads.</summary>
    private static readonly (string, string)[] s_traced = [("LD_DEBUG", "files")];

    public static TheoryData<int, string[]> HelpOfEveryCommand => [.. MdfProgram.CommandPaths().Select(path => (0, (string[])[.. path, "--help"]))];

    [Theory]
    [MemberData(nameof(HelpOfEveryCommand))]
    [InlineData(0, "--help")]
    [InlineData(0, "--version")]
    [InlineData(2)]
    [InlineData(0, "help", "loss", "train")]
    [InlineData(2, "docter")]
    [InlineData(2, "help", "docter")]
    [InlineData(2, "loss", "train")]
    [InlineData(2, "doctor", "--nope")]
    [InlineData(2, "loss", "train", "a.png", "--task", "denoise:-1", "-o", "a.safetensors")]
    [InlineData(2, "loss", "train", "a.png", "--task", "jpeg:10", "-o", "a.pt")]
    [InlineData(2, "score", "a.png", "b.png", "--loss", "ssim", "--loss", "nope")]
    [InlineData(2, "score", "a.png", "b.png", "--loss", "ssim", "--device", "gpu")]
    [InlineData(2, "optimize", "--reference", "a.png", "--loss", "ssim", "--lr", "nan")]
    [InlineData(2, "optimize", "--reference", "a.png", "--loss", "ssim", "-o", "a.gif")]
    [InlineData(2, "restore", "a.safetensors", "a.png", "-o", "b.png", "--tile", "0")]
    [InlineData(2, "restore", "a.pth", "a.png", "-o", "b.png", "--network", "edsr?factor=5")]
    [InlineData(2, "convert", "a.pth")]
    public async Task Help_and_mistakes_are_answered_without_loading_libtorch(int code, params string[] args)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "asks Linux's loader");
        using var process = MdfProgram.Start(args, s_traced);
        var answer = await MdfProgram.Finish(process);
        Assert.Equal(code, answer.ExitCode);
        Assert.Contains("libcoreclr.so", answer.Error); // the trace is on
        Assert.DoesNotMatch(@"lib(torch|LibTorchSharp)\w*\.so", answer.Error);
        Assert.DoesNotContain("libvips", answer.Error);
        Assert.DoesNotContain("libSkiaSharp", answer.Error);
    }

    [Fact]
    public async Task The_trace_that_shows_no_libtorch_above_shows_it_where_it_is_loaded()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "asks Linux's loader");
        using var process = MdfProgram.Start(["doctor"], s_traced);
        Assert.Contains("libtorch_cpu.so", (await MdfProgram.Finish(process)).Error);
    }

    [Fact]
    public async Task Doctor_says_that_all_is_well()
    {
        var answer = await MdfProgram.RunProcess("doctor");
        Assert.Equal((0, ""), (answer.ExitCode, answer.Error));
        Assert.EndsWith("all is well", answer.Output.TrimEnd());
    }

    [Fact]
    public async Task Doctor_compares_a_device_with_exact_results()
    {
        var answer = await MdfProgram.RunProcess("doctor", "--device", "cpu");
        Assert.Equal(0, answer.ExitCode);
        Assert.Matches(@"\nloss mdf: gradient +\d\.\de-\d\d +\d\.\de-\d\d  ok\n", answer.Output);
        Assert.EndsWith("all is well", answer.Output.TrimEnd());
    }

    [Fact]
    public async Task Doctor_for_a_device_that_is_not_there_says_so_beside_the_rest()
    {
        Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "there is a CUDA device");
        var answer = await MdfProgram.RunProcess("doctor", "--device", "cuda", "--json");
        Assert.Equal(1, answer.ExitCode);
        using var json = JsonDocument.Parse(answer.Output);
        Assert.StartsWith("device 'cuda:0' was asked for, but ", Assert.Single(json.RootElement.GetProperty("problems").EnumerateArray()).GetString());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("check").ValueKind);
        Assert.Equal("cpu", json.RootElement.GetProperty("libtorch").GetProperty("devices")[0].GetProperty("name").GetString());
    }

    [Fact]
    public async Task Doctor_in_json_is_one_object()
    {
        var answer = await MdfProgram.RunProcess("doctor", "--json");
        Assert.Equal((0, ""), (answer.ExitCode, answer.Error));
        using var json = JsonDocument.Parse(answer.Output);
        Assert.Equal("cpu", json.RootElement.GetProperty("libtorch").GetProperty("devices")[0].GetProperty("name").GetString());
        Assert.Equal(0, json.RootElement.GetProperty("problems").GetArrayLength());
    }

    [Fact]
    public async Task Doctor_without_a_working_libtorch_reports_the_rest_and_says_why()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "spoils Linux's file");
        using var temporary = new TemporaryFolder();
        var folder = temporary.File("");
        // The program as it is, with its native libraries linked, but for the one that is spoilt.
        var native = Path.Combine("runtimes", $"linux-{RuntimeInformation.ProcessArchitecture}".ToLowerInvariant(), "native");
        Directory.CreateDirectory(Path.Combine(folder, native));
        foreach (var file in Directory.GetFiles(AppContext.BaseDirectory))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        foreach (var file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, native)))
            File.CreateSymbolicLink(Path.Combine(folder, native, Path.GetFileName(file)), file);
        var spoilt = Path.Combine(folder, native, "libLibTorchSharp.so");
        File.Delete(spoilt);
        await File.WriteAllTextAsync(spoilt, "not a library", Token);

        using var process = MdfProgram.Start(["doctor", "--json"], [], folder);
        var answer = await MdfProgram.Finish(process);
        Assert.Equal((1, ""), (answer.ExitCode, answer.Error));
        Assert.False(Directory.Exists(Path.Combine(folder, "cpu")), "TorchSharp has copied libtorch from NuGet's cache");
        using var json = JsonDocument.Parse(answer.Output);
        var problem = Assert.Single(json.RootElement.GetProperty("problems").EnumerateArray()).GetString();
        Assert.StartsWith("libtorch cannot be loaded: ", problem);
        Assert.Contains(spoilt, problem);
        Assert.DoesNotContain("\n", problem);
        Assert.Equal(PinnedVersions.Libvips, json.RootElement.GetProperty("versions").GetProperty("libvips").GetString());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("libtorch").ValueKind);
    }

    [Fact]
    public async Task Ctrl_c_ends_the_program_with_exit_code_130()
    {
        MdfProgram.SkipUnlessInterruptible();
        using var folder = new TemporaryFolder();
        using var process = MdfProgram.Start(["optimize", "--reference", folder.Image("a.png"), "--loss", "mse", "--steps", "10000000"], []);
        var first = await process.StandardError.ReadLineAsync(Token); // it is at work once it tells of that
        MdfProgram.Interrupt(process); // before anything that can fail: nobody else would end it
        Assert.StartsWith("recovery under mse: ", first);
        var answer = await MdfProgram.Finish(process);
        Assert.Equal((130, ""), (answer.ExitCode, answer.Output));
        Assert.EndsWith("mdf: interrupted\n", answer.Error);
    }

    [Theory]
    [InlineData(nameof(Runtime.NativeLibrariesTests.Libtorch_loads_and_computes))]
    [InlineData(nameof(Runtime.NativeLibrariesTests.Something_is_mended_exactly_where_the_systems_libstdcxx_lacks_the_version))]
    [InlineData(nameof(Runtime.NativeLibrariesTests.Libraries_are_loaded_once_only_also_when_many_threads_are_first))]
    public async Task Torchsharp_works_in_a_program_that_uses_it_before_anything_of_the_library(string method)
    {
        // The tests themselves are such a program, and in a process of its own each of these is the first to use TorchSharp.
        var test = $"{typeof(Runtime.NativeLibrariesTests).FullName}.{method}";
        using var process = Process.Start(new ProcessStartInfo(
            MdfProgram.Dotnet, [typeof(MdfProcessTests).Assembly.Location, "-method", test, "-noColor"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var answer = await MdfProgram.Finish(process);
        Assert.True(answer.ExitCode == 0, answer.Output + answer.Error);
        Assert.Contains("Total: 1, Errors: 0, Failed: 0", answer.Output);
    }
}
