using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace Mdf.Runtime;

/// <summary>
/// The one place that has to do with how TorchSharp's native library is loaded.
/// </summary>
/// <remarks>
/// <para>TorchSharp's <c>libLibTorchSharp.so</c> is built with GCC 13 and so claims to need a libstdc++ that Debian 12 and
/// Ubuntu 22.04 do not have; it is a false need (see <see cref="LibstdcxxMarker"/>). There, and only there, the ordinary
/// load fails and .NET raises <see cref="AssemblyLoadContext.ResolvingUnmanagedDll"/>. The handler then loads a copy whose
/// need is marked optional. Where the ordinary load works the handler is never called, so nothing changes.</para>
/// <para>The copy lives in memory only (<c>memfd_create</c>): no file is changed, read-only installations work, and
/// nothing is left behind. libtorch itself is loaded first, from its own folder, because the copy has no folder to
/// search; the loader then recognises it by its name. It must be that very file: a second libtorch ends the process.</para>
/// <para><b>A libtorch that the user has</b> (<see cref="LibtorchVariable"/>, <see cref="UseLibtorch"/>) takes the place of the one beside the program.
/// TorchSharp's static constructor loads <c>torch_cpu</c>, then <c>LibTorchSharp</c>, by <see cref="NativeLibrary.TryLoad(string, Assembly, DllImportSearchPath?, out nint)"/>,
/// which asks neither a resolver nor the loader for what is loaded already, but opens the file beside the program by its whole path. On Linux .NET tries
/// <c>torch_cpu.so</c> before <c>libtorch_cpu.so</c>, though, in the folders and then by the name alone, and for a name alone glibc looks first at the names
/// (<c>DT_SONAME</c>) of what is loaded. So three libraries in memory that are empty but for the names <c>torch_cpu.so</c>, <c>torch_cuda.so</c> and
/// <c>LibTorchSharp.so</c> (<see cref="EmptyLibrary"/>) answer the static constructor, and no file is opened. The calls themselves go through the resolver of
/// TorchSharp's assembly; that looks at the user's folder, loads its libtorch by whole paths, and after it TorchSharp's own library, whose needs the loader
/// then meets by name. Nothing is loaded before TorchSharp computes, and a folder that cannot be used is an <see cref="InputException"/> there.</para>
/// <para>Tried as well: to load the user's libtorch first and nothing else works only where none lies beside the program (with one, the process ends:
/// "Tried to register multiple backend fallbacks"); <c>LD_LIBRARY_PATH</c> comes after the folder beside the program; to put the whole program into an
/// <see cref="AssemblyLoadContext"/> whose <c>LoadUnmanagedDll</c> is asked first would be for <c>mdf</c> alone, not for programs that use the library.
/// On Windows and macOS, where nobody has tried it, the user's libtorch is loaded when .NET has found none, and refused where one lies beside the program.</para>
/// </remarks>
public static partial class NativeLibraries
{
    private const string TorchSharpLibrary = "LibTorchSharp";

    // What libLibTorchSharp.so needs, in the order of their dependencies on each other.
    private static readonly string[] s_libtorch = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];

    private static readonly Lock s_lock = new();

    // What TorchSharp's static constructor loads by name, as .NET spells it first.
    private static readonly string[] s_answered = ["torch_cpu.so", "torch_cuda.so", $"{TorchSharpLibrary}.so"];

    // The files of libraries in memory. They stay open: glibc knows a library by the path it was opened by, and the number in that path must not be another's.
    private static readonly List<FileStream> s_memory = [];

    private static int s_isRegistered;
    private static nint s_handle;
    private static (string Path, string Origin)? s_request;
    private static LibtorchFolder? s_folder;
    private static bool s_isAnswering;

    /// <summary>The environment variable that names the folder of a libtorch to use instead of the one beside the program: <c>MDF_LIBTORCH</c>.</summary>
    public const string LibtorchVariable = "MDF_LIBTORCH";

    /// <summary>What was mended in this process, as one line for a person, or null when nothing was.</summary>
    public static string? Mended { get; private set; }

    /// <summary>Why a mend that was needed could not be made, or null.</summary>
    public static string? Failure { get; private set; }

    /// <summary>The folder of the user's libtorch, once it is loaded; null where the one beside the program is used.</summary>
    internal static string? Folder => s_folder?.Path;

    /// <summary>Whether the libtorch that is used is built for CUDA.</summary>
    internal static bool HasCuda => s_folder?.HasCuda ?? (Locate("libtorch_cuda.so") is not null || Locate("torch_cuda.dll") is not null);

    /// <summary>
    /// Registers the handler, once. Called when this library is first used; the package also has every application
    /// that references it call it at its start, so that the order of use does not matter. In C# the package does that
    /// by itself (a module initializer, which C# has since version 9); programs in F#, Visual Basic or C# 8 that use
    /// TorchSharp before this library call it themselves, first.
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
    /// Has TorchSharp use the libtorch of a folder, such as PyTorch's <c>torch/lib</c>, instead of the one beside the program. Call it before TorchSharp is
    /// used. The folder is looked at when libtorch is loaded. The environment variable <see cref="LibtorchVariable"/> does the same.
    /// </summary>
    /// <param name="folder">The folder with <c>libtorch_cpu</c>.</param>
    /// <param name="origin">Who named it, for messages.</param>
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
    /// Loads libtorch now, for programs that want a failure to be one line. TorchSharp's own first use would write its
    /// trace to standard output, and copy half a gigabyte from NuGet's cache to beside the program in a second attempt.
    /// </summary>
    /// <exception cref="DllNotFoundException">libtorch cannot be loaded; the message is one line that says why.</exception>
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

    /// <summary>Remembers which libtorch is to be used, and has TorchSharp ask for it. Throws nothing: it may be called before the first line of a program.</summary>
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

    /// <summary>Loads the libtorch that was asked for, and TorchSharp's own library, once.</summary>
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
                // Nothing to mend: the reason is another.
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

    /// <summary>What is wrong, in one line, from the many that .NET writes when a native library cannot be loaded.</summary>
    /// <param name="error">What was thrown.</param>
    /// <param name="library">A part of the name that was to be loaded.</param>
    /// <returns>The loader's reason, or that the library is not there.</returns>
    internal static string Reason(Exception error, string library)
    {
        var lines = error.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (error is not DllNotFoundException || lines.Length <= 1)
            return string.Join(' ', lines);
        // A general line, then one for each name that was tried: most are just not there, and one may have a reason.
        return lines.Skip(1).FirstOrDefault(line => !IsJustMissing(line))
            ?? $"{library} is not beside the program ({AppContext.BaseDirectory}); build it again";

        bool IsJustMissing(string line) =>
            line.Split(": cannot open") is [var file, _] && file.Contains(library, StringComparison.Ordinal);
    }

    private static bool IsLoaded
    {
        get
        {
            // On Linux and macOS this is a list of files that are mapped; nothing is loaded by asking.
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            return process.Modules.Cast<System.Diagnostics.ProcessModule>().Any(module => Path.GetFileName(module.FileName) == LibtorchFolder.FileName("torch_cpu"));
        }
    }

    private static nint Resolve(Assembly assembly, string name)
    {
        // Not on Linux, where an empty library answers.
        if (s_request is not null && name is "torch_cpu" or "torch_cuda")
            return LoadRequested();
        if (name != TorchSharpLibrary || !OperatingSystem.IsLinux())
            return 0;
        // Two threads may use TorchSharp for the first time at once; two copies would each have their own state.
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
            Mended = $"{name} asks for {version}, which this system's libstdc++ lacks and which it does "
                + "not use: loaded from a copy in memory that does not ask for it";
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

    /// <summary>The folders in which .NET itself looks for native libraries, then the places a build puts them.</summary>
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

    /// <summary>The folder's name in a package: <c>linux-x64</c>, also on a .NET that was built for one distribution.</summary>
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
