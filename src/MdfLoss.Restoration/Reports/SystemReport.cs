using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Reports;

/// <summary>The machine and the libraries that the work runs on: what a report of a fault, or of a speed, has to say.</summary>
/// <param name="Versions">The versions of what runs.</param>
/// <param name="Platform">The operating system.</param>
/// <param name="Processor">The processor.</param>
/// <param name="Memory">The memory.</param>
/// <param name="Libtorch">How libtorch was loaded and what it can use; null when it cannot be loaded.</param>
/// <param name="Notes">What is worth knowing and no fault; one line each.</param>
/// <param name="Problems">What keeps this machine from working, each with what to do; one line each. Empty when all is well.</param>
public sealed partial record SystemReport(
    VersionReport Versions,
    PlatformReport Platform,
    ProcessorReport Processor,
    MemoryReport Memory,
    LibtorchReport? Libtorch,
    IReadOnlyList<string> Notes,
    IReadOnlyList<string> Problems)
{
    /// <summary>How far a device's results are from the exact ones; null where that was not asked for.</summary>
    public DeviceCheckReport? Check { get; private init; }

    /// <summary>Looks at this machine. Loads libtorch and libvips; where one cannot be loaded, says why and goes on.</summary>
    /// <param name="device">The device whose results are to be compared with exact ones (<see cref="DeviceCheck"/>); null for none.</param>
    /// <param name="progress">Who listens to the comparison; null for nobody.</param>
    /// <param name="cancellation">Ends the comparison.</param>
    /// <returns>The report.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static SystemReport Collect(ComputeDevice? device = null, IProgressSink? progress = null, CancellationToken cancellation = default)
    {
        var notes = new List<string>();
        var problems = new List<string>();
        var libtorch = Attempt(problems, "libtorch", "", ReadLibtorch);
        problems.AddRange(libtorch?.Devices.Where(d => !d.Computes).Select(d => $"a convolution on {d.Name} gave a wrong result")
            ?? []);
        var check = device is null || libtorch is null ? null : Attempt(problems, "libtorch", "", () => DeviceCheck.Run(device.Resolve(), progress, cancellation));
        problems.AddRange(check?.Rows.Where(row => !row.IsOk).Select(row => $"{check.Device}: {row.What} {row.Failure ?? "is not what it must be"}") ?? []);
        var libvips = Attempt(problems, "libvips", "libvips cannot be loaded: ", ReadLibvipsVersion);
        Attempt(problems, "libSkiaSharp", "plots cannot be drawn: ", () => FigureStyle.Typeface);
        if (NativeLibraries.Mended is { } mended)
            notes.Add(mended);
        return new SystemReport(
            new VersionReport(
                VersionOf(typeof(SystemReport).Assembly),
                RuntimeInformation.FrameworkDescription,
                VersionOf(typeof(torch).Assembly),
                libtorch is null ? null : torch.__version__,
                libvips),
            new PlatformReport(
                RuntimeInformation.OSDescription, $"{RuntimeInformation.ProcessArchitecture}".ToLowerInvariant(),
                ReadGlibcVersion(), ReadLibstdcxxVersion()),
            ReadProcessor(),
            ReadMemory(),
            libtorch,
            notes,
            problems)
        {
            Check = check,
        };
    }

    /// <summary>A part that can be missing must not keep the rest from being reported, whatever it throws.</summary>
    private static T? Attempt<T>(List<string> problems, string library, string what, Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            var cause = e is TypeInitializationException ? e.GetBaseException() : e;
            problems.Add(what + NativeLibraries.Reason(cause, library));
            return null;
        }
    }

    private static string VersionOf(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
        ?? $"{assembly.GetName().Version}";

    private static LibtorchReport ReadLibtorch()
    {
        NativeLibraries.Load();
        var count = torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        IEnumerable<torch.Device> devices = [torch.CPU, .. Enumerable.Range(0, count).Select(i => torch.device(DeviceType.CUDA, i))];
        return new LibtorchReport(
            [.. devices.Select(d => new DeviceReport($"{d}", Computes(d)))],
            NativeLibraries.HasCuda,
            torch.get_num_threads(),
            torch.get_num_interop_threads(),
            LoadedFiles("torch_cpu").FirstOrDefault(),
            [.. LoadedFiles("torch").Concat(LoadedFiles("c10")).Order(StringComparer.Ordinal)],
            NativeLibraries.Mended);
    }

    /// <summary>A convolution of ones and its gradient, whose every value is a small whole number and so exact.</summary>
    private static bool Computes(torch.Device device)
    {
        using var scope = torch.NewDisposeScope();
        var image = torch.ones(1, 3, 8, 8, device: device, requires_grad: true);
        var kernel = torch.ones(4, 3, 3, 3, device: device);
        var result = torch.nn.functional.conv2d(image, kernel);
        result.sum().backward();
        // Each output sees 3 channels of 3×3 ones; the middle pixels are seen by 9 positions of 4 kernels.
        return result.Eq(27).all().item<bool>() && image.grad!.slice(2, 2, 6, 1).slice(3, 2, 6, 1).Eq(36).all().item<bool>();
    }

    private static string ReadLibvipsVersion() =>
        string.Join('.', Enumerable.Range(0, 3).Select(part => NetVips.NetVips.Version(part)));

    private static ProcessorReport ReadProcessor()
    {
        var lines = ReadFields("/proc/cpuinfo");
        return new ProcessorReport(
            lines.GetValueOrDefault("model name") ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER"),
            Environment.ProcessorCount,
            ProcessorFeatures.Names);
    }

    private static MemoryReport ReadMemory()
    {
        var lines = ReadFields("/proc/meminfo");
        return new MemoryReport(
            Kibibytes("MemTotal") ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            Kibibytes("MemAvailable"),
            ReadContainerLimit());

        long? Kibibytes(string name) =>
            long.TryParse(lines.GetValueOrDefault(name)?.Split(' ')[0], CultureInfo.InvariantCulture, out var value)
                ? value * 1024
                : null;
    }

    /// <summary>The smallest limit of the control groups around this process, version 2 or 1; null when there is none.</summary>
    private static long? ReadContainerLimit()
    {
        const string root = "/sys/fs/cgroup";
        var files = new List<string> { $"{root}/memory/memory.limit_in_bytes" };
        if (ReadLines("/proc/self/cgroup").FirstOrDefault(line => line.StartsWith("0::/", StringComparison.Ordinal)) is { } group)
        {
            for (var path = group[3..]; path is not null; path = Path.GetDirectoryName(path))
                files.Add($"{root}{path.TrimEnd('/')}/memory.max");
        }

        // "max", and in version 1 a number near 2^63, mean no limit.
        return files.SelectMany(ReadLines)
            .Select(line => long.TryParse(line, CultureInfo.InvariantCulture, out var value) ? value : long.MaxValue)
            .Where(value => value < long.MaxValue / 2)
            .Cast<long?>()
            .Min();
    }

    /// <summary>The first value of each "name : value" line of a file of the kernel; empty where there is no such file.</summary>
    private static Dictionary<string, string> ReadFields(string path) => ReadLines(path)
        .Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
        .Where(pair => pair.Length == 2)
        .DistinctBy(pair => pair[0])
        .ToDictionary(pair => pair[0], pair => pair[1]);

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static IEnumerable<string> LoadedFiles(string name)
    {
        using var process = Process.GetCurrentProcess();
        return [.. process.Modules.Cast<ProcessModule>().Select(module => module.FileName)
            .Where(file => Path.GetFileName(file).Contains(name, StringComparison.Ordinal))
            .Distinct()];
    }

    private static string? ReadGlibcVersion()
    {
        try
        {
            return OperatingSystem.IsLinux() ? Marshal.PtrToStringUTF8(GlibcVersion()) : null;
        }
        catch (EntryPointNotFoundException) // musl
        {
            return null;
        }
    }

    /// <summary>The newest symbol version that the loaded libstdc++ has, read from the file itself.</summary>
    private static string? ReadLibstdcxxVersion()
    {
        if (!OperatingSystem.IsLinux() || LoadedFiles("libstdc++.so").FirstOrDefault(File.Exists) is not { } path)
            return null;
        var newest = LibstdcxxVersion().Matches(Encoding.Latin1.GetString(File.ReadAllBytes(path)))
            .Select(match => Version.Parse(match.Groups[1].ValueSpan))
            .Max();
        return newest is null ? null : $"GLIBCXX_{newest}";
    }

    [GeneratedRegex(@"GLIBCXX_(\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)\0")]
    private static partial Regex LibstdcxxVersion();

    [LibraryImport("libc", EntryPoint = "gnu_get_libc_version")]
    private static partial nint GlibcVersion();
}

/// <summary>The versions of what runs.</summary>
/// <param name="Mdf">This library.</param>
/// <param name="Dotnet">.NET, with its name.</param>
/// <param name="TorchSharp">TorchSharp.</param>
/// <param name="Libtorch">libtorch; null when it cannot be loaded.</param>
/// <param name="Libvips">libvips; null when it cannot be loaded.</param>
public sealed record VersionReport(string Mdf, string Dotnet, string TorchSharp, string? Libtorch, string? Libvips);

/// <summary>The operating system.</summary>
/// <param name="Description">Its own description.</param>
/// <param name="Architecture">The process's: <c>x64</c>, <c>arm64</c>.</param>
/// <param name="Glibc">The C library's version; null where it is another.</param>
/// <param name="Libstdcxx">The newest symbol version of the loaded C++ library (<c>GLIBCXX_3.4.30</c>); null where it is another.</param>
public sealed record PlatformReport(string Description, string Architecture, string? Glibc, string? Libstdcxx);

/// <summary>The processor.</summary>
/// <param name="Name">Its maker's name for it; null when the system does not say.</param>
/// <param name="Cores">Logical processors that this process may use.</param>
/// <param name="Features">Instruction sets that decide the speed of convolutions, by the kernel's names for them.</param>
public sealed record ProcessorReport(string? Name, int Cores, IReadOnlyList<string> Features);

/// <summary>The memory, in bytes.</summary>
/// <param name="Total">What the machine has.</param>
/// <param name="Available">What is free or can be freed now; null when the system does not say.</param>
/// <param name="Limit">What a container allows; null without a limit.</param>
public sealed record MemoryReport(long Total, long? Available, long? Limit);

/// <summary>How libtorch was loaded and what it can use.</summary>
/// <param name="Devices">The devices, the processor first.</param>
/// <param name="IsCudaBuild">Whether this libtorch is one for CUDA.</param>
/// <param name="Threads">Threads within one operation.</param>
/// <param name="InteropThreads">Threads across operations.</param>
/// <param name="File">The file that is loaded.</param>
/// <param name="Files">All files of libtorch that are loaded; one of each name, or something is wrong.</param>
/// <param name="Mended">What had to be mended to load it, or null; see <see cref="NativeLibraries.Mended"/>.</param>
public sealed record LibtorchReport(
    IReadOnlyList<DeviceReport> Devices, bool IsCudaBuild, int Threads, int InteropThreads, string? File, IReadOnlyList<string> Files, string? Mended);

/// <summary>A device and whether it works.</summary>
/// <param name="Name">As <c>--device</c> takes it.</param>
/// <param name="Computes">Whether a convolution and its gradient, computed on it, are what they must be.</param>
public sealed record DeviceReport(string Name, bool Computes);
