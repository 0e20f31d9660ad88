using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Mdf.Runtime;
using Mdf.Tests.Cli;

namespace Mdf.Tests.Runtime;

/// <summary>A libtorch that the user has: what of it is refused before it is loaded, and that it alone is loaded.</summary>
public sealed class LibtorchFolderTests : IDisposable
{
    private const string Origin = "--libtorch";

    private readonly TemporaryFolder _folder = new();

    private static string Native { get; } = Path.Combine("runtimes", $"linux-{RuntimeInformation.ProcessArchitecture}".ToLowerInvariant(), "native");

    private static string Beside(string file) => Path.Combine(AppContext.BaseDirectory, Native, file);

    public void Dispose() => _folder.Dispose();

    public LibtorchFolderTests() => Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists(Beside("libtorch_cpu.so")), "only on Linux, with a libtorch beside the tests");

    [Fact]
    public void The_version_that_is_expected_is_the_one_that_is_built_with() => Assert.StartsWith(LibtorchFolder.ExpectedVersion + ".", PinnedVersions.Libtorch);

    [Fact]
    public void The_libtorch_beside_the_program_is_one_that_can_be_used()
    {
        var folder = LibtorchFolder.Open(Path.GetDirectoryName(Beside("x"))!, Origin, Beside("libLibTorchSharp.so"));
        Assert.Equal(["libc10.so", "libtorch_cpu.so", "libtorch.so"], folder.Files.Select(Path.GetFileName));
        Assert.Null(folder.Version);
        Assert.False(folder.HasCuda);
    }

    [Theory]
    [InlineData("version.py", "__version__ = '{0}'\ndebug = False\n")]
    [InlineData("version.py", "from typing import Optional\n__version__: str = \"{0}\"\n")]
    [InlineData("build-version", "{0}\n")]
    [InlineData("share/cmake/Torch/TorchConfigVersion.cmake", "# Find\nset(PACKAGE_VERSION \"{0}\")\n")]
    public void Another_version_is_refused_by_the_files_around_it(string file, string text)
    {
        var lib = Link();
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(file))!);
        foreach (var version in new[] { "2.9.1+cu128", "2.100.0", "1.13.0a0" })
        {
            File.WriteAllText(_folder.File(file), string.Format(System.Globalization.CultureInfo.InvariantCulture, text, version));
            var refusal = Refusal(lib);
            Assert.Equal($"--libtorch: expected libtorch 2.10, found '{version}' in '{_folder.File(file)}'; install that version (pip install torch==2.10.*), or leave the folder out", refusal);
        }

        foreach (var version in new[] { "2.10.0+cu128", "2.10.0", "2.10.0a0+git123" })
        {
            File.WriteAllText(_folder.File(file), string.Format(System.Globalization.CultureInfo.InvariantCulture, text, version));
            Assert.Equal(version, LibtorchFolder.Open(lib, Origin, Beside("libLibTorchSharp.so")).Version);
        }
    }

    [Fact]
    public void A_folder_that_is_not_there_or_holds_no_libtorch_is_refused()
    {
        Assert.Equal($"--libtorch: there is no folder '{_folder.File("no")}'; expected the folder 'lib' of PyTorch 2.10 or libtorch 2.10, such as site-packages/torch/lib", Refusal(_folder.File("no")));
        Assert.Equal($"--libtorch: '{_folder.File("")}' does not hold libtorch_cpu.so: name the folder 'lib' of PyTorch 2.10 or libtorch 2.10", Refusal(_folder.File("")));
        var lib = Link();
        Assert.Equal($"--libtorch: '{Path.GetDirectoryName(lib)}' does not hold libtorch_cpu.so: did you mean '{lib}'?", Refusal(Path.GetDirectoryName(lib)!));
    }

    [Fact]
    public void A_libtorch_for_another_processor_is_refused()
    {
        var here = RuntimeInformation.ProcessArchitecture;
        var other = here == Architecture.X64 ? Architecture.Arm64 : Architecture.X64;
        var library = File.ReadAllBytes(Beside("libc10.so"));
        BitConverter.TryWriteBytes(library.AsSpan(0x12), ElfSymbols.MachineOf(other));
        _folder.File("libc10.so", library);
        _folder.File("libtorch_cpu.so", library);
        Assert.Equal($"--libtorch: '{_folder.File("libc10.so")}' is built for {other}, this program runs on {here}".ToLowerInvariant(), Refusal(_folder.File("")).ToLowerInvariant());
    }

    [Fact]
    public void Libraries_that_lack_what_torchsharp_calls_are_refused()
    {
        File.Copy(Beside("libc10.so"), _folder.File("libtorch_cpu.so"));
        Assert.Matches(@"^--libtorch: the libtorch in '.*' lacks \d+ of the \d+ functions that TorchSharp calls: its version is not 2\.10; install that version", Refusal(_folder.File("")));

        // The names of GCC's new std::string are what the old C++ ABI lacks.
        var library = File.ReadAllBytes(Beside("libc10.so"));
        for (var at = 0; library.AsSpan(at).IndexOf("__cxx11"u8) is >= 0 and var found; at += found)
            "__old11"u8.CopyTo(library.AsSpan(at + found));
        _folder.File("libtorch_cpu.so", library);
        Assert.Contains("functions that TorchSharp calls: it is built with the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0); install", Refusal(_folder.File("")));
    }

    [Theory]
    [InlineData("not a library")]
    [InlineData("")]
    [InlineData("\u007fELF\u0002\u0001")]
    public void What_is_no_library_is_refused(string content)
    {
        _folder.File("libtorch_cpu.so", Encoding.Latin1.GetBytes(content));
        Assert.StartsWith($"--libtorch: '{_folder.File("libtorch_cpu.so")}' cannot be used: ", Refusal(_folder.File("")));
    }

    [Fact]
    public void Damaged_tables_are_read_or_refused_and_nothing_else()
    {
        var random = new Random(7);
        var library = File.ReadAllBytes(Beside("libc10.so"));
        var sections = (int)BitConverter.ToInt64(library, 0x28);
        for (var i = 0; i < 200; i++)
        {
            var damaged = library.ToArray();
            // The header, or the headers of the sections, which lead everywhere else.
            var (from, to) = i % 2 == 0 ? (0x10, 0x40) : (sections, damaged.Length);
            for (var j = 0; j < 1 + i % 5; j++)
                damaged[random.Next(from, to)] = (byte)random.Next(256);
            var file = _folder.File("damaged.so", damaged);
            try
            {
                ElfSymbols.Read(file);
            }
            catch (InvalidDataException)
            {
            }
        }
    }

    [Fact]
    public void An_empty_library_answers_to_its_name()
    {
        var assembly = Assembly.GetExecutingAssembly();
        Assert.False(NativeLibrary.TryLoad("mdf_empty", assembly, null, out _));
        NativeLibrary.Load(_folder.File("any.so", EmptyLibrary.Create("mdf_empty.so")));
        Assert.True(NativeLibrary.TryLoad("mdf_empty", assembly, null, out var handle));
        Assert.False(NativeLibrary.TryGetExport(handle, "anything", out _));
    }

    [Fact]
    public void It_cannot_be_chosen_once_libtorch_is_loaded()
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        TorchSharp.torch.ones(1);
        var error = Assert.Throws<InputException>(() => NativeLibraries.UseLibtorch(Path.GetDirectoryName(Beside("x"))!, Origin));
        Assert.Equal("--libtorch: libtorch is loaded already; name its folder before TorchSharp is used", error.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_program_loads_the_libtorch_of_the_folder_and_no_other(bool hasOneBeside)
    {
        var lib = Copy();
        using var process = hasOneBeside
            ? MdfProgram.Start(["doctor", "--json", "--libtorch", lib], [(NativeLibraries.LibtorchVariable, "/nowhere")])
            : MdfProgram.Start(["doctor", "--json"], [(NativeLibraries.LibtorchVariable, lib)], ProgramWithoutLibtorch());
        var answer = await MdfProgram.Finish(process);
        Assert.Equal((0, ""), (answer.ExitCode, answer.Error));
        using var json = JsonDocument.Parse(answer.Output);
        // What /proc/self/maps lists.
        var files = json.RootElement.GetProperty("libtorch").GetProperty("files").EnumerateArray().Select(file => file.GetString());
        Assert.Equal(new[] { "libc10.so", "libtorch.so", "libtorch_cpu.so" }.Select(name => Path.Combine(lib, name)), files);
    }

    [Fact]
    public async Task What_it_has_for_cuda_is_loaded_too_and_without_a_driver_the_processor_is_what_there_is()
    {
        Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "this machine has a CUDA device");
        // No libtorch for CUDA is needed to see that one would be loaded.
        var lib = Copy();
        foreach (var name in new[] { "libc10_cuda.so", "libtorch_cuda.so" })
            await File.WriteAllBytesAsync(Path.Combine(lib, name), EmptyLibrary.Create(name), TestContext.Current.CancellationToken);
        using var process = MdfProgram.Start(["doctor", "--json", "--device", "cuda"], [(NativeLibraries.LibtorchVariable, lib), ("LD_DEBUG", "files")]);
        var answer = await MdfProgram.Finish(process);
        Assert.Equal(1, answer.ExitCode);
        using var json = JsonDocument.Parse(answer.Output);
        Assert.True(json.RootElement.GetProperty("libtorch").GetProperty("isCudaBuild").GetBoolean());
        Assert.All(new[] { "libc10.so", "libc10_cuda.so", "libtorch.so", "libtorch_cpu.so", "libtorch_cuda.so" }, name => Assert.Contains($"file={Path.Combine(lib, name)} [0];  generating link map", answer.Error));
        Assert.Contains("finds no CUDA device here: check the driver with nvidia-smi", Assert.Single(json.RootElement.GetProperty("problems").EnumerateArray()).GetString());
    }

    [Fact]
    public async Task A_program_that_uses_torchsharp_first_gets_it_too()
    {
        var lib = Copy();
        var method = $"{typeof(LibtorchFolderTests).FullName}.{nameof(Only_the_named_one_is_mapped)}";
        var start = new System.Diagnostics.ProcessStartInfo(MdfProgram.Dotnet, [typeof(LibtorchFolderTests).Assembly.Location, "-method", method, "-noColor"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { [NativeLibraries.LibtorchVariable] = lib },
        };
        using var process = System.Diagnostics.Process.Start(start)!;
        var answer = await MdfProgram.Finish(process);
        Assert.True(answer.ExitCode == 0, answer.Output + answer.Error);
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", answer.Output);
    }

    [Fact]
    public void Only_the_named_one_is_mapped()
    {
        var lib = Environment.GetEnvironmentVariable(NativeLibraries.LibtorchVariable);
        Assert.SkipWhen(string.IsNullOrEmpty(lib), "for a process of its own");
        using (var sum = TorchSharp.torch.ones(3, 3).sum())
            Assert.Equal(9f, sum.item<float>());
        Assert.False(TorchSharp.torch.cuda.is_available());
        var mapped = File.ReadLines("/proc/self/maps").Select(line => line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries)).Where(fields => fields.Length == 6)
            .Select(fields => fields[5].Trim()).Where(file => Path.GetFileName(file).StartsWith("libtorch", StringComparison.Ordinal) || file.EndsWith("/libc10.so", StringComparison.Ordinal)).Distinct();
        Assert.Equal(new[] { "libc10.so", "libtorch.so", "libtorch_cpu.so" }.Select(name => Path.Combine(lib!, name)), mapped.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_wrong_folder_is_one_line_and_nothing_is_loaded()
    {
        var lib = Link();
        await File.WriteAllTextAsync(_folder.File("version.py"), "__version__ = '2.9.1'\n", TestContext.Current.CancellationToken);
        using var process = MdfProgram.Start(["score", Photograph, Photograph, "--loss", "mse", "--libtorch", lib], [("LD_DEBUG", "files")]);
        var answer = await MdfProgram.Finish(process);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.DoesNotMatch(@"libtorch_cpu\.so \[0\];  generating link map", answer.Error);
        var line = Assert.Single(answer.Error.Split('\n'), line => line.StartsWith("mdf: ", StringComparison.Ordinal));
        Assert.StartsWith("mdf: --libtorch: expected libtorch 2.10, found '2.9.1' in ", line);
        Assert.EndsWith("or leave the folder out", line);
    }

    [Fact]
    public async Task A_program_without_libtorch_says_how_to_name_one()
    {
        using var process = MdfProgram.Start(["score", Photograph, Photograph, "--loss", "mse"], [], ProgramWithoutLibtorch());
        var answer = await MdfProgram.Finish(process);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.StartsWith("mdf: there is no libtorch beside the program (", answer.Error);
        Assert.Single(answer.Error.TrimEnd().Split('\n'));
    }

    private static string Photograph => Path.Combine(Shared.Repository, "samples", "photographs", "coffee.png");

    private static string Refusal(string folder) => Assert.Throws<InputException>(() => LibtorchFolder.Open(folder, Origin, Beside("libLibTorchSharp.so"))).Message;

    /// <summary>The libtorch beside the tests, in a folder like PyTorch's, linked: to be looked at only.</summary>
    private string Link() => Put((from, to) => File.CreateSymbolicLink(to, from));

    /// <summary>The same, copied: the system's loader takes a link for the file itself.</summary>
    private string Copy() => Put(File.Copy);

    private string Put(Action<string, string> put)
    {
        var lib = Directory.CreateDirectory(_folder.File("lib")).FullName;
        foreach (var file in LibtorchFiles())
            put(file, Path.Combine(lib, Path.GetFileName(file)));
        return lib;
    }

    private static IEnumerable<string> LibtorchFiles() => Directory.GetFiles(Path.GetDirectoryName(Beside("x"))!)
        .Where(file => Path.GetFileName(file) is var name && (name.StartsWith("libtorch", StringComparison.Ordinal) || name.StartsWith("libc10", StringComparison.Ordinal) || name.StartsWith("libgomp", StringComparison.Ordinal)));

    /// <summary>The program as <c>-p:Libtorch=none</c> builds it.</summary>
    private string ProgramWithoutLibtorch()
    {
        var folder = _folder.File("program");
        Directory.CreateDirectory(Path.Combine(folder, Native));
        foreach (var file in Directory.GetFiles(AppContext.BaseDirectory))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        foreach (var file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, Native)).Except(LibtorchFiles()))
            File.Copy(file, Path.Combine(folder, Native, Path.GetFileName(file)));
        return folder;
    }
}
