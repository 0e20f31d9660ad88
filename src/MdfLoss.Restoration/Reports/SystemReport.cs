using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Reports;

/// <summary>Describes the machine and the libraries, for bug reports and for measurements of speed.</summary>
/// <param name="Versions">The versions of the program and the libraries.</param>
/// <param name="Platform">The operating system.</param>
/// <param name="Processor">The processor.</param>
/// <param name="Memory">The memory.</param>
/// <param name="Libtorch">The loading of libtorch, and the devices it can use; null if it cannot be loaded.</param>
/// <param name="Notes">Notes that are worth knowing but are not problems; one line each.</param>
/// <param name="Problems">Problems that prevent work on this machine, each with its remedy; one line each. Empty if there are none.</param>
internal sealed partial record SystemReport(
    VersionReport Versions,
    PlatformReport Platform,
    ProcessorReport Processor,
    MemoryReport Memory,
    LibtorchReport? Libtorch,
    IReadOnlyList<string> Notes,
    IReadOnlyList<string> Problems)
{
    /// <summary>The differences between a device's results and exact ones; null if the comparison was not requested.</summary>
    public DeviceCheckReport? Check { get; private init; }

    /// <summary>Examines this machine. Loads libtorch and libvips. If one of them cannot be loaded, the report gives the reason, and the rest is still collected.</summary>
    /// <param name="device">The device whose results are compared with exact ones (<see cref="DeviceCheck"/>); null for none.</param>
    /// <param name="progress">Receives the progress of the comparison; may be null.</param>
    /// <param name="cancellationToken">Cancels the comparison.</param>
    /// <returns>The report.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static SystemReport Collect(ComputeDevice? device = null, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        var notes = new List<string>();
        var problems = new List<string>();
        var libtorch = Attempt(problems, "libtorch", "", ReadLibtorch);
        problems.AddRange(libtorch?.Devices.Where(d => !d.Computes).Select(d => $"a convolution on {d.Name} gave a wrong result")
            ?? []);
        var check = device is null || libtorch is null ? null : Attempt(problems, "libtorch", "", () => DeviceCheck.Run(device.Resolve(), progress, cancellationToken));
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

    /// <summary>Reads one part of the report. If the part fails with any exception, the rest of the report is still collected.</summary>
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

    /// <summary>Whether a device computes correctly. Tests a convolution of ones and its gradient: all values are small integers, so the results are exact.</summary>
    private static bool Computes(torch.Device device)
    {
        using var scope = torch.NewDisposeScope();
        var image = torch.ones(1, 3, 8, 8, device: device, requires_grad: true);
        var kernel = torch.ones(4, 3, 3, 3, device: device);
        var result = torch.nn.functional.conv2d(image, kernel);
        result.sum().backward();
        // Each output is a sum over 3 channels of 3×3 ones. Each pixel in the middle contributes at 9 positions of 4 kernels.
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

    /// <summary>Reads the smallest memory limit of the control groups (version 2 or 1) of this process; null if there is none.</summary>
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

    /// <summary>Reads the first value of each line "name : value" in a file of the kernel; empty if the file does not exist.</summary>
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

    /// <summary>Reads the newest symbol version of the loaded libstdc++ from its file.</summary>
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

/// <summary>The versions of the program and the libraries.</summary>
/// <param name="Mdf">The version of this library.</param>
/// <param name="Dotnet">The name and version of .NET.</param>
/// <param name="TorchSharp">The version of TorchSharp.</param>
/// <param name="Libtorch">The version of libtorch; null if it cannot be loaded.</param>
/// <param name="Libvips">The version of libvips; null if it cannot be loaded.</param>
internal sealed record VersionReport(string Mdf, string Dotnet, string TorchSharp, string? Libtorch, string? Libvips);

/// <summary>The operating system.</summary>
/// <param name="Description">The description that the operating system gives.</param>
/// <param name="Architecture">The architecture of the process, such as <c>x64</c> or <c>arm64</c>.</param>
/// <param name="Glibc">The version of glibc; null if the C library is another one.</param>
/// <param name="Libstdcxx">The newest symbol version of the loaded libstdc++, such as <c>GLIBCXX_3.4.30</c>; null if the C++ library is another one.</param>
internal sealed record PlatformReport(string Description, string Architecture, string? Glibc, string? Libstdcxx);

/// <summary>The processor.</summary>
/// <param name="Name">The manufacturer's name of the processor; null if the system does not give it.</param>
/// <param name="Cores">The number of logical processors that this process may use.</param>
/// <param name="Features">The instruction sets that determine the speed of convolutions, with the names that the operating system's kernel uses.</param>
internal sealed record ProcessorReport(string? Name, int Cores, IReadOnlyList<string> Features);

/// <summary>The memory, in bytes.</summary>
/// <param name="Total">The memory of the machine.</param>
/// <param name="Available">The memory that is free or can be freed now; null if the system does not give it.</param>
/// <param name="Limit">The memory limit of the container; null if there is none.</param>
internal sealed record MemoryReport(long Total, long? Available, long? Limit);

/// <summary>The loading of libtorch, and the devices it can use.</summary>
/// <param name="Devices">The devices, the processor first.</param>
/// <param name="IsCudaBuild">Whether this is a CUDA build of libtorch.</param>
/// <param name="Threads">The number of threads within one operation.</param>
/// <param name="InteropThreads">The number of threads across operations.</param>
/// <param name="File">The loaded file.</param>
/// <param name="Files">All loaded files of libtorch. Each name must appear once.</param>
/// <param name="Mended">The repair that was necessary to load libtorch; null if there was none. See <see cref="NativeLibraries.Mended"/>.</param>
internal sealed record LibtorchReport(
    IReadOnlyList<DeviceReport> Devices, bool IsCudaBuild, int Threads, int InteropThreads, string? File, IReadOnlyList<string> Files, string? Mended);

/// <summary>A device and whether it works.</summary>
/// <param name="Name">The name of the device, in the form that <c>--device</c> accepts.</param>
/// <param name="Computes">Whether a convolution and its gradient on this device are correct.</param>
internal sealed record DeviceReport(string Name, bool Computes);
