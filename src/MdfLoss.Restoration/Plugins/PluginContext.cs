using System.Reflection;
using System.Runtime.Loader;
using Mdf.Losses;

namespace Mdf.Plugins;

/// <summary>
/// Loads the assemblies of one plugin: mdf and TorchSharp are the program's own, so that types mean the same on both sides; everything else is the plugin's, from beside it,
/// so that it may have other versions of it.
/// </summary>
internal sealed class PluginContext(string path) : AssemblyLoadContext(Path.GetFileNameWithoutExtension(path))
{
    private static readonly string?[] s_shared =
        [typeof(LossExpression).Assembly.GetName().Name, typeof(PluginContext).Assembly.GetName().Name, typeof(TorchSharp.torch).Assembly.GetName().Name];

    private readonly AssemblyDependencyResolver _resolver = new(path);

    protected override Assembly? Load(AssemblyName assemblyName) =>
        !s_shared.Contains(assemblyName.Name) && _resolver.ResolveAssemblyToPath(assemblyName) is { } found ? LoadFromAssemblyPath(found) : null;

    protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
        _resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is { } found ? LoadUnmanagedDllFromPath(found) : 0;
}
