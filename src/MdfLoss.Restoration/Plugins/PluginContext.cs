using System.Reflection;
using System.Runtime.Loader;
using Mdf.Losses;

namespace Mdf.Plugins;

/// <summary>
/// Loads the assemblies of one plugin. The plugin shares mdf and TorchSharp with the program, so both use the same types. All other assemblies come from the
/// plugin's folder, so the plugin may use other versions of them.
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
