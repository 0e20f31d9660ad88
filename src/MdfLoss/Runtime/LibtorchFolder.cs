using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Mdf.Runtime;

/// <summary>A folder with a libtorch of the user, such as PyTorch's <c>torch/lib</c>. The class examines it without loading any library.</summary>
internal sealed partial class LibtorchFolder
{
    /// <summary>The version of libtorch that TorchSharp is built for. libtorch's C++ functions change with every minor version.</summary>
    public const string ExpectedVersion = "2.10";

    private const int LongestVersionFile = 1 << 16;

    // In the order of their dependencies: a library comes after those that it needs.
    private static readonly string[] s_libraries = ["c10", "torch_cpu", "c10_cuda", "torch_cuda", "c10_hip", "torch_hip", "torch"];

    // The subfolders with the libraries, if the user names PyTorch's own folder or its parent folder by mistake.
    private static readonly string[] s_inner = ["lib", "torch/lib"];

    private LibtorchFolder(string path, string? version, IReadOnlyList<string> files) => (Path, Version, Files) = (path, version, files);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The version, from files next to the folder. Null if none of these files exists, as in a package for .NET.</summary>
    public string? Version { get; }

    /// <summary>The paths of the libraries to load, in the order of their dependencies.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Whether this libtorch is built for CUDA or for ROCm. In ROCm the name of the devices is also <c>cuda</c>.</summary>
    public bool HasCuda => Files.Any(file => IsForDevices(System.IO.Path.GetFileName(file)));

    /// <summary>Examines a folder.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="origin">The option or variable that names the folder, for messages, such as <c>--libtorch</c>.</param>
    /// <param name="torchSharp">The path of TorchSharp's native library; the libtorch must define the functions that it needs. Null if the path is not known.</param>
    /// <exception cref="InputException">The folder does not exist, contains no libtorch, or contains a libtorch that cannot be used here.</exception>
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

    /// <summary>The file name of a library on this system.</summary>
    internal static string FileName(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    private static bool IsForDevices(string file) => file.Contains("_cuda", StringComparison.Ordinal) || file.Contains("_hip", StringComparison.Ordinal);

    private static bool IsExpected(string version) =>
        version.StartsWith(ExpectedVersion, StringComparison.Ordinal) && (version.Length == ExpectedVersion.Length || !char.IsAsciiDigit(version[ExpectedVersion.Length]));

    /// <summary>Reads the version. PyTorch has it in <c>version.py</c>, the archives of libtorch in <c>build-version</c>, and both in a file for CMake.</summary>
    private static (string Text, string Source)? ReadVersion(string? root)
    {
        if (root is null)
            return null;
        foreach (var (file, pattern) in new[] { ("version.py", PythonVersion()), ("build-version", PlainVersion()), ("share/cmake/Torch/TorchConfigVersion.cmake", CmakeVersion()) })
        {
            var source = System.IO.Path.Combine(root, file);
            try
            {
                // The folder of another program may have a large file with this name.
                if (File.Exists(source) && new FileInfo(source).Length <= LongestVersionFile && pattern.Match(File.ReadAllText(source)) is { Success: true } match)
                    return (match.Groups[1].Value, source);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The next file may be readable. The symbols are checked in any case.
            }
        }

        return null;
    }

    /// <summary>Refuses libraries for another processor, and libraries without the functions that TorchSharp calls.</summary>
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
        // GCC has two ABIs for std::string. Only the new ABI has "__cxx11" in the names of functions that take one.
        var isOldAbi = !defined.Any(name => name.Contains("__cxx11", StringComparison.Ordinal));
        throw new InputException($"{origin}: the libtorch in '{System.IO.Path.GetDirectoryName(files[0])}' lacks {missing.Count} of the {needed.Count} functions that TorchSharp calls: "
            + (isOldAbi ? "it is built with the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0)" : $"its version is not {ExpectedVersion}") + $"; {Advice}");

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
