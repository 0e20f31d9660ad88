using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Mdf.Runtime;

/// <summary>A folder with a libtorch that the user has, such as PyTorch's <c>torch/lib</c>, looked at without loading anything of it.</summary>
internal sealed partial class LibtorchFolder
{
    /// <summary>The version of libtorch that TorchSharp is built for. libtorch's C++ functions change with every minor version.</summary>
    public const string ExpectedVersion = "2.10";

    private const int LongestVersionFile = 1 << 16;

    // In the order of their dependencies on each other.
    private static readonly string[] s_libraries = ["c10", "torch_cpu", "c10_cuda", "torch_cuda", "c10_hip", "torch_hip", "torch"];

    // Where the libraries are in a folder that is named by mistake: PyTorch's own, or the one around it.
    private static readonly string[] s_inner = ["lib", "torch/lib"];

    private LibtorchFolder(string path, string? version, IReadOnlyList<string> files) => (Path, Version, Files) = (path, version, files);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The version by the files around the folder; null where none of them is there, as in a package for .NET.</summary>
    public string? Version { get; }

    /// <summary>What is to be loaded, in the order of its dependencies on each other.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Whether this libtorch is built for CUDA, or for ROCm, which calls its devices <c>cuda</c> as well.</summary>
    public bool HasCuda => Files.Any(file => IsForDevices(System.IO.Path.GetFileName(file)));

    /// <summary>Looks at a folder.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="origin">Who named it, such as <c>--libtorch</c>.</param>
    /// <param name="torchSharp">The path of TorchSharp's native library, whose needs must be met; null where it is not known.</param>
    /// <exception cref="InputException">The folder is not there, or holds no libtorch, or one that cannot be used here.</exception>
    public static LibtorchFolder Open(string path, string origin, string? torchSharp)
    {
        var folder = System.IO.Path.GetFullPath(path);
        if (!Directory.Exists(folder))
            throw new InputException($"{origin}: there is no folder '{path}'; expected the folder 'lib' of PyTorch {ExpectedVersion} or libtorch {ExpectedVersion}, such as site-packages/torch/lib");
        var main = System.IO.Path.Combine(folder, FileName("torch_cpu"));
        if (!File.Exists(main))
        {
            var inner = s_inner.Select(below => System.IO.Path.Combine(path, below)).FirstOrDefault(below => File.Exists(System.IO.Path.Combine(below, FileName("torch_cpu"))));
            throw new InputException($"{origin}: '{path}' does not hold {FileName("torch_cpu")}: "
                + (inner is null ? $"name the folder 'lib' of PyTorch {ExpectedVersion} or libtorch {ExpectedVersion}" : $"did you mean '{inner}'?"));
        }

        var version = ReadVersion(System.IO.Path.GetDirectoryName(folder));
        if (version is var (text, source) && !IsExpected(text))
            throw new InputException($"{origin}: expected libtorch {ExpectedVersion}, found {Untrusted.Quote(text)} in '{source}'; {Advice}");
        string[] files = [.. s_libraries.Select(name => System.IO.Path.Combine(folder, FileName(name))).Where(File.Exists)];
        if (OperatingSystem.IsLinux())
            CheckSymbols(files, origin, torchSharp);
        return new LibtorchFolder(folder, version?.Text, files);
    }

    private static string Advice => $"install that version (pip install torch=={ExpectedVersion}.*), or leave the folder out";

    /// <summary>How this system names the file of a library.</summary>
    internal static string FileName(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    private static bool IsForDevices(string file) => file.Contains("_cuda", StringComparison.Ordinal) || file.Contains("_hip", StringComparison.Ordinal);

    private static bool IsExpected(string version) =>
        version.StartsWith(ExpectedVersion, StringComparison.Ordinal) && (version.Length == ExpectedVersion.Length || !char.IsAsciiDigit(version[ExpectedVersion.Length]));

    /// <summary>PyTorch writes its version into <c>version.py</c>, libtorch's own archives into <c>build-version</c>, both into a file for CMake.</summary>
    private static (string Text, string Source)? ReadVersion(string? root)
    {
        if (root is null)
            return null;
        foreach (var (file, pattern) in new[] { ("version.py", PythonVersion()), ("build-version", PlainVersion()), ("share/cmake/Torch/TorchConfigVersion.cmake", CmakeVersion()) })
        {
            var source = System.IO.Path.Combine(root, file);
            try
            {
                // Another program's folder may have a large file of this name.
                if (File.Exists(source) && new FileInfo(source).Length <= LongestVersionFile && pattern.Match(File.ReadAllText(source)) is { Success: true } match)
                    return (match.Groups[1].Value, source);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The next one may be readable; the symbols are looked at in any case.
            }
        }

        return null;
    }

    /// <summary>Refuses libraries for another processor, and those that lack what TorchSharp calls.</summary>
    private static void CheckSymbols(string[] files, string origin, string? torchSharp)
    {
        var here = ElfSymbols.MachineOf(RuntimeInformation.ProcessArchitecture);
        var defined = new HashSet<string>();
        foreach (var file in files.Where(file => !IsForDevices(System.IO.Path.GetFileName(file))))
        {
            var symbols = Read(file);
            if (symbols.Machine != here)
                throw new InputException($"{origin}: '{file}' is built for {ElfSymbols.NameOf(symbols.Machine)}, this program runs on {ElfSymbols.NameOf(here)}");
            defined.UnionWith(symbols.Defined);
        }

        if (torchSharp is null)
            return;
        var needed = Read(torchSharp).Needed;
        var missing = needed.Where(name => !defined.Contains(name)).Order(StringComparer.Ordinal).ToList();
        if (missing.Count == 0)
            return;
        // The names of functions that take a std::string say which of GCC's two it is.
        var isOldAbi = !defined.Any(name => name.Contains("__cxx11", StringComparison.Ordinal));
        throw new InputException($"{origin}: the libtorch in '{System.IO.Path.GetDirectoryName(files[0])}' lacks {missing.Count} of the {needed.Count} functions that TorchSharp calls: "
            + (isOldAbi ? "it is built with the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0)" : $"it is another version than {ExpectedVersion}") + $"; {Advice}");

        ElfSymbols Read(string file)
        {
            try
            {
                return ElfSymbols.Read(file);
            }
            catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                throw new InputException($"{origin}: '{file}' cannot be used: {e.Message}", e);
            }
        }
    }

    [GeneratedRegex(@"^__version__\s*(?::[^=\n]*)?=\s*['""]([^'""\n]{1,64})['""]", RegexOptions.Multiline)]
    private static partial Regex PythonVersion();

    [GeneratedRegex(@"^\s*([0-9][^\s]{0,63})\s*$")]
    private static partial Regex PlainVersion();

    [GeneratedRegex(@"set\(PACKAGE_VERSION ""([^""\n]{1,64})""\)")]
    private static partial Regex CmakeVersion();
}
