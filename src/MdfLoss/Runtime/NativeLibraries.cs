using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace Mdf.Runtime;

/// <summary>
/// Loads TorchSharp's native library and libtorch. All code that deals with their loading is here.
/// </summary>
/// <remarks>
/// <para>TorchSharp's <c>libLibTorchSharp.so</c> is built with GCC 13. So it requires a version of libstdc++ that Debian 12 and
/// Ubuntu 22.04 do not have, but it does not use it (see <see cref="LibstdcxxMarker"/>). Only on such systems the normal
/// load fails, and .NET raises <see cref="AssemblyLoadContext.ResolvingUnmanagedDll"/>. The handler then loads a copy in which
/// this version is optional. If the normal load works, .NET never calls the handler, so nothing changes.</para>
/// <para>The copy exists only in memory (<c>memfd_create</c>): no file is changed, read-only installations work, and no
/// file remains. libtorch is loaded before the copy, from its own folder, because the copy has no folder in which the loader could
/// search. The loader then finds libtorch by its name. It must be the same file: a second libtorch ends the process.</para>
/// <para><b>A libtorch of the user</b> (<see cref="LibtorchVariable"/>, <see cref="UseLibtorch"/>) replaces the one beside the program.
/// TorchSharp's static constructor loads <c>torch_cpu</c>, then <c>LibTorchSharp</c>, by <see cref="NativeLibrary.TryLoad(string, Assembly, DllImportSearchPath?, out nint)"/>,
/// which calls no resolver and does not check which libraries are loaded: it opens the file beside the program by its full path. But on Linux .NET tries
/// <c>torch_cpu.so</c> before <c>libtorch_cpu.so</c>, first in the folders, then by the name alone. For a name alone, glibc first checks the names
/// (<c>DT_SONAME</c>) of the loaded libraries. So three libraries in memory, which hold nothing except the names <c>torch_cpu.so</c>, <c>torch_cuda.so</c> and
/// <c>LibTorchSharp.so</c> (<see cref="EmptyLibrary"/>), answer the static constructor, and no file is opened. The calls into the library go through the resolver of
/// TorchSharp's assembly. The resolver examines the user's folder, loads its libtorch by full paths, and then loads TorchSharp's own library, for which the loader
/// finds libtorch by name. Nothing is loaded before TorchSharp computes. A folder that cannot be used causes an <see cref="InputException"/> then.</para>
/// <para>Other methods that were tried. Loading the user's libtorch first, without more, works only if there is no libtorch beside the program; otherwise the
/// process ends with "Tried to register multiple backend fallbacks". <c>LD_LIBRARY_PATH</c> is searched after the folder of the program. An
/// <see cref="AssemblyLoadContext"/> around the whole program, whose <c>LoadUnmanagedDll</c> .NET calls first, would work for <c>mdf</c> only, not for programs
/// that use the library. On Windows and macOS the user's libtorch is loaded if .NET has found none, and refused if there is one beside the program. Nobody has
/// tested this.</para>
/// </remarks>
public static partial class NativeLibraries
{
    private const string TorchSharpLibrary = "LibTorchSharp";

    // The libraries that libLibTorchSharp.so needs, in the order of their dependencies.
    private static readonly string[] s_libtorch = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];

    private static readonly Lock s_lock = new();

    // The names that TorchSharp's static constructor loads, in the form that .NET tries first.
    private static readonly string[] s_answered = ["torch_cpu.so", "torch_cuda.so", $"{TorchSharpLibrary}.so"];

    // The files of libraries in memory. They stay open: glibc identifies a library by its path, and no other file may get the number in this path.
    private static readonly List<FileStream> s_memory = [];

    private static int s_isRegistered;
    private static nint s_handle;
    private static (string Path, string Origin)? s_request;
    private static LibtorchFolder? s_folder;
    private static bool s_isAnswering;

    /// <summary>The environment variable that names the folder of a libtorch to use instead of the one beside the program: <c>MDF_LIBTORCH</c>.</summary>
    public const string LibtorchVariable = "MDF_LIBTORCH";

    /// <summary>One line for the user that says how a native library was patched in this process; null if none was.</summary>
    public static string? Mended { get; private set; }

    /// <summary>The reason why a native library could not be patched or replaced; null if this did not happen.</summary>
    public static string? Failure { get; private set; }

    /// <summary>The folder of the user's libtorch after it is loaded; null if the libtorch beside the program is used.</summary>
    internal static string? Folder => s_folder?.Path;

    /// <summary>Whether the libtorch in use is built for CUDA.</summary>
    internal static bool HasCuda => s_folder?.HasCuda ?? (Locate("libtorch_cuda.so") is not null || Locate("torch_cuda.dll") is not null);

    /// <summary>
    /// Registers the handler, once. It is called when this library is first used. The package also adds a call at the start of every C# program that references
    /// it (a module initializer, since C# 9), so the order of use does not matter. Programs in F#, Visual Basic or C# 8 that use TorchSharp before this library
    /// must call it first.
    /// </summary>
#pragma warning disable CA2255 // A library that needs native loading is what module initializers are for.
    [ModuleInitializer]
#pragma warning restore CA2255
    public static void Register()
    {
        if (Interlocked.Exchange(ref s_isRegistered, 1) != 0)
            return;
        OpenMpWaiting.Shorten();
        var context = AssemblyLoadContext.GetLoadContext(typeof(NativeLibraries).Assembly) ?? AssemblyLoadContext.Default;
        context.ResolvingUnmanagedDll += Resolve;
        if (Environment.GetEnvironmentVariable(LibtorchVariable) is { Length: > 0 } folder)
            Request(folder, LibtorchVariable);
    }

    /// <summary>
    /// Makes TorchSharp use the libtorch of a folder, such as PyTorch's <c>torch/lib</c>, instead of the one beside the program. Call it before TorchSharp is
    /// used. The folder is examined when libtorch is loaded. The environment variable <see cref="LibtorchVariable"/> does the same.
    /// </summary>
    /// <param name="folder">The folder with <c>libtorch_cpu</c>.</param>
    /// <param name="origin">The option or variable that names the folder, for messages.</param>
    /// <exception cref="InputException">Another libtorch is loaded already.</exception>
    public static void UseLibtorch(string folder, string origin = nameof(UseLibtorch))
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        lock (s_lock)
        {
            if (s_handle != 0 || IsLoaded)
                throw new InputException($"{origin}: libtorch is loaded already; name its folder before TorchSharp is used");
            Request(folder, origin);
        }
    }

    /// <summary>
    /// Loads libtorch now, so that a failure is one line. Otherwise the first use of TorchSharp would write a trace to standard output, and in a second attempt
    /// copy half a gigabyte from NuGet's cache into the folder of the program.
    /// </summary>
    /// <exception cref="DllNotFoundException">libtorch cannot be loaded; the message gives the reason in one line.</exception>
    public static void Load()
    {
        try
        {
            if (s_request is null)
                NativeLibrary.Load(TorchSharpLibrary, typeof(TorchSharp.torch).Assembly, searchPath: null);
            else
                LoadRequested();
            if (Locate("libtorch_cpu.so") is { } libtorch)
                Nnpack.SilenceWhereUnsupported(libtorch);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            if (s_request is null && Locate(LibtorchFolder.FileName("torch_cpu")) is null)
            {
                _ = LocateTorchSharp();
                throw new InputException($"there is no libtorch beside the program ({AppContext.BaseDirectory}): name the folder of libtorch {LibtorchFolder.ExpectedVersion} "
                    + $"with {LibtorchVariable} (PyTorch's is torch/lib), or build the program with -p:Libtorch=cpu", e);
            }

            throw new DllNotFoundException($"libtorch cannot be loaded: {Failure ?? Reason(e, TorchSharpLibrary)}", e);
        }
    }

    /// <summary>Stores which libtorch to use, and makes TorchSharp request it. Throws nothing, because it may be called before the first line of a program.</summary>
    private static void Request(string folder, string origin)
    {
        s_request = (folder, origin);
        if (s_isAnswering)
            return;
        s_isAnswering = true;
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(TorchSharp.torch).Assembly, (name, _, _) => name == TorchSharpLibrary ? LoadRequested() : 0);
            if (OperatingSystem.IsLinux())
            {
                foreach (var name in s_answered)
                    LoadFromMemory(EmptyLibrary.Create(name), "mdf-answer");
            }
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or DllNotFoundException or EntryPointNotFoundException or UnauthorizedAccessException or BadImageFormatException)
        {
            Failure = $"{origin}: TorchSharp cannot be given another libtorch: {Reason(e, TorchSharpLibrary)}";
        }
    }

    /// <summary>Loads the requested libtorch and TorchSharp's own library, once.</summary>
    /// <exception cref="InputException">It cannot be used.</exception>
    private static nint LoadRequested()
    {
        lock (s_lock)
        {
            if (s_handle != 0)
                return s_handle;
            var (path, origin) = s_request!.Value;
            if (Failure is { } failure)
                throw new InputException(failure);
            var torchSharp = LocateTorchSharp();
            if (!OperatingSystem.IsLinux() && Locate(LibtorchFolder.FileName("torch_cpu")) is { } other)
                throw new InputException($"{origin}: on this system the program must have no libtorch of its own, and has '{other}': build it with -p:Libtorch=none");
            var folder = LibtorchFolder.Open(path, origin, torchSharp);
            try
            {
                foreach (var file in folder.Files)
                    NativeLibrary.Load(file);
                s_folder = folder;
                s_handle = NativeLibrary.TryLoad(torchSharp, out var handle) ? handle : Mend(torchSharp);
                // There is nothing to patch: the load failed for another reason.
                if (s_handle == 0 && Failure is null)
                    s_handle = NativeLibrary.Load(torchSharp);
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                Failure = $"{origin}: the libtorch in '{folder.Path}' cannot be loaded: {InputException.OneLine(e.Message)}";
            }

            return s_handle != 0 ? s_handle : throw new InputException(Failure!);
        }
    }

    /// <summary>Selects the line with the reason from the many lines that .NET writes when a native library cannot be loaded.</summary>
    /// <param name="error">The exception.</param>
    /// <param name="library">A part of the name of the library.</param>
    /// <returns>The reason of the loader, or a message that the library is missing.</returns>
    internal static string Reason(Exception error, string library)
    {
        var lines = error.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (error is not DllNotFoundException || lines.Length <= 1)
            return string.Join(' ', lines);
        // A general line, then one line for each name that .NET tried. Most say only that a file is missing; one may have a reason.
        return lines.Skip(1).FirstOrDefault(line => !IsJustMissing(line))
            ?? $"{library} is not beside the program ({AppContext.BaseDirectory}); build it again";

        bool IsJustMissing(string line) =>
            line.Split(": cannot open") is [var file, _] && file.Contains(library, StringComparison.Ordinal);
    }

    private static bool IsLoaded
    {
        get
        {
            // On Linux and macOS this is a list of mapped files. Reading it loads nothing.
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            return process.Modules.Cast<System.Diagnostics.ProcessModule>().Any(module => Path.GetFileName(module.FileName) == LibtorchFolder.FileName("torch_cpu"));
        }
    }

    private static nint Resolve(Assembly assembly, string name)
    {
        // This does not happen on Linux, because an empty library answers there.
        if (s_request is not null && name is "torch_cpu" or "torch_cuda")
            return LoadRequested();
        if (name != TorchSharpLibrary || !OperatingSystem.IsLinux())
            return 0;
        // Two threads may use TorchSharp for the first time at the same time, and two copies of the library would have separate states.
        lock (s_lock)
        {
            if (s_handle == 0 && Failure is null && Locate($"lib{name}.so") is { } path)
                s_handle = Mend(path);
            return s_handle;
        }
    }

    private static nint Mend(string path)
    {
        var name = Path.GetFileName(path);
        try
        {
            var library = File.ReadAllBytes(path);
            if (LibstdcxxMarker.Weaken(library) is not { } version)
                return 0;
            foreach (var file in s_libtorch.Select(Locate).OfType<string>())
                NativeLibrary.Load(file);
            var handle = LoadFromMemory(library, name);
            Mended = $"{name} requires {version}, which this system's libstdc++ lacks and which it does "
                + "not use: loaded from a copy in memory that does not require it";
            return handle;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or DllNotFoundException
            or EntryPointNotFoundException or UnauthorizedAccessException or BadImageFormatException)
        {
            Failure = $"{path}: {Reason(e, name)}";
            return 0;
        }
    }

    private static string LocateTorchSharp() => Locate(LibtorchFolder.FileName(TorchSharpLibrary)) ?? throw new InputException(
        $"{LibtorchFolder.FileName(TorchSharpLibrary)} is not beside the program ({AppContext.BaseDirectory}): TorchSharp has it for linux-x64, win-x64, win-arm64 and osx-arm64, and this is {PortableIdentifier}; on one of those, build the program again");

    /// <summary>Finds a library: in the user's folder, in the folders in which .NET searches for native libraries, and in the folders into which a build copies them.</summary>
    private static string? Locate(string file)
    {
        if (s_folder?.Files.FirstOrDefault(path => Path.GetFileName(path) == file) is { } own)
            return own;
        var folders = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Append(AppContext.BaseDirectory)
            .Append(Path.Combine(AppContext.BaseDirectory, "runtimes", PortableIdentifier, "native"));
        return folders.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
    }

    /// <summary>The name of the system's folder in a package, such as <c>linux-x64</c>, also on a .NET that is built for one distribution.</summary>
    private static string PortableIdentifier =>
        (OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux")
        + $"-{RuntimeInformation.ProcessArchitecture}".ToLowerInvariant();

    private static nint LoadFromMemory(byte[] library, string name)
    {
        const uint closeOnExec = 1; // MFD_CLOEXEC
        var descriptor = CreateMemoryFile(name, closeOnExec);
        if (descriptor < 0)
            throw new IOException($"memfd_create failed with error {Marshal.GetLastPInvokeError()}");
        var file = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Write);
        s_memory.Add(file);
        file.Write(library);
        file.Flush();
        return NativeLibrary.Load($"/proc/self/fd/{descriptor}");
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);
}
