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
/// </remarks>
public static partial class NativeLibraries
{
    private const string TorchSharpLibrary = "LibTorchSharp";

    // What libLibTorchSharp.so needs, in the order of their dependencies on each other.
    private static readonly string[] s_libtorch = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];

    private static readonly Lock s_lock = new();

    private static int s_isRegistered;
    private static nint s_handle;

    /// <summary>What was mended in this process, as one line for a person, or null when nothing was.</summary>
    public static string? Mended { get; private set; }

    /// <summary>Why a mend that was needed could not be made, or null.</summary>
    public static string? Failure { get; private set; }

    /// <summary>Whether the program came with a libtorch that is built for CUDA.</summary>
    internal static bool HasCuda => Locate("libtorch_cuda.so") is not null || Locate("torch_cuda.dll") is not null;

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
        if (!OperatingSystem.IsLinux() || Interlocked.Exchange(ref s_isRegistered, 1) != 0)
            return;
        OpenMpWaiting.Shorten();
        var context = AssemblyLoadContext.GetLoadContext(typeof(NativeLibraries).Assembly) ?? AssemblyLoadContext.Default;
        context.ResolvingUnmanagedDll += Resolve;
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
            NativeLibrary.Load(TorchSharpLibrary, typeof(TorchSharp.torch).Assembly, searchPath: null);
            if (Locate("libtorch_cpu.so") is { } libtorch)
                Nnpack.SilenceWhereUnsupported(libtorch);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new DllNotFoundException($"libtorch cannot be loaded: {Failure ?? Reason(e, TorchSharpLibrary)}", e);
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

    private static nint Resolve(Assembly assembly, string name)
    {
        if (name != TorchSharpLibrary)
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

    /// <summary>The folders in which .NET itself looks for native libraries, then the places a build puts them.</summary>
    private static string? Locate(string file)
    {
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
        using var file = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Write);
        file.Write(library);
        file.Flush();
        return NativeLibrary.Load($"/proc/self/fd/{descriptor}");
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);
}
