using System.Reflection;
using System.Security.Cryptography;
using Mdf.Losses;
using Mdf.Runtime;

namespace Mdf.Plugins;

/// <summary>Loads plugins. The path must come from the user's command line, because a plugin can run any code.</summary>
internal static class PluginLoader
{
    private static readonly Lock s_loading = new();
    private static readonly Dictionary<string, PluginFile> s_loaded = new(RealPath.Comparer);

    /// <summary>Loads a plugin and calls its registration. A plugin that is already loaded is not loaded again.</summary>
    /// <param name="path">The plugin's assembly.</param>
    /// <returns>The file.</returns>
    /// <exception cref="InputException">
    /// The file does not exist, is not an assembly, was built against another version of mdf, or contains no plugin; or the plugin fails, or adds a name that
    /// is taken.
    /// </exception>
    public static PluginFile Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        RegularFile.Require(path, "a plugin (.dll)");
        var (real, content) = (RealPath.Resolve(path), Read(path));
        var plugin = new PluginFile(Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(content)));
        lock (s_loading)
        {
            if (s_loaded.TryGetValue(real, out var earlier))
                return earlier == plugin ? earlier : throw new InputException($"cannot load the plugin '{path}': it has changed since it was loaded; start the program again");
            foreach (var each in Find(path, real))
                Register(each, plugin);
            s_loaded.Add(real, plugin);
        }

        return plugin;
    }

    /// <summary>Calls the registration of a plugin.</summary>
    internal static void Register(IMdfPlugin plugin, PluginFile file)
    {
        try
        {
            plugin.Register(new Registry(file));
        }
        catch (InputException e)
        {
            throw new InputException($"cannot use the plugin '{file.Name}': {e.Message}", e);
        }
        catch (Exception e) when (IsOfOtherBuild(e))
        {
            throw OtherBuild(file.Name, e.Message, e);
        }
#pragma warning disable CA1031 // The plugin is not our code. Any exception is an error of the plugin, which the message reports in one line.
        catch (Exception e)
#pragma warning restore CA1031
        {
            throw new InputException($"cannot use the plugin '{file.Name}': {plugin.GetType().Name}.Register failed: {e.Message.TrimEnd('.')} ({e.GetType().Name})", e);
        }
    }

    private static byte[] Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"cannot read the plugin '{path}': {e.Message.TrimEnd('.')}", e);
        }
    }

    private static IMdfPlugin[] Find(string path, string real)
    {
        var assembly = LoadAssembly(path, real);
        RequireThisBuild(path, assembly);
        try
        {
            IMdfPlugin[] plugins =
            [
                .. assembly.GetExportedTypes()
                    .Where(type => type.IsClass && !type.IsAbstract && type.IsAssignableTo(typeof(IMdfPlugin)) && type.GetConstructor([]) is not null)
                    .OrderBy(type => type.FullName, StringComparer.Ordinal)
                    .Select(type => (IMdfPlugin)Activator.CreateInstance(type)!),
            ];
            return plugins.Length > 0
                ? plugins
                : throw new InputException($"'{path}' contains no plugin: expected a public class with a constructor without parameters that implements {typeof(IMdfPlugin).FullName}");
        }
        catch (Exception e) when (IsOfOtherBuild(e))
        {
            throw OtherBuild(path, e.Message, e);
        }
        catch (TargetInvocationException e)
        {
            throw new InputException($"cannot use the plugin '{path}': its constructor failed: {e.InnerException!.Message.TrimEnd('.')} ({e.InnerException.GetType().Name})", e);
        }
    }

    private static Assembly LoadAssembly(string path, string real)
    {
        try
        {
            return new PluginContext(real).LoadFromAssemblyPath(real);
        }
        catch (Exception e) when (e is BadImageFormatException or InvalidOperationException)
        {
            throw new InputException($"'{path}' is not a plugin: expected a .NET assembly (.dll), built for this version of .NET or an earlier one", e);
        }
        catch (FileLoadException e)
        {
            throw new InputException($"cannot load the plugin '{path}': {e.Message.TrimEnd('.')}", e);
        }
    }

    // Versions that differ in the first two numbers may have different public types.
    private static void RequireThisBuild(string path, Assembly assembly)
    {
        var ours = typeof(LossExpression).Assembly.GetName().Version!;
        string?[] names = [typeof(LossExpression).Assembly.GetName().Name, typeof(PluginLoader).Assembly.GetName().Name];
        foreach (var reference in assembly.GetReferencedAssemblies().Where(reference => names.Contains(reference.Name)))
        {
            if (reference.Version is not { } theirs || (theirs.Major, theirs.Minor) != (ours.Major, ours.Minor))
                throw OtherBuild(path, $"it needs {reference.Name} {reference.Version?.ToString(3)}, this is {ours.ToString(3)}");
        }
    }

    private static bool IsOfOtherBuild(Exception e) => e is TypeLoadException or MissingMemberException or FileNotFoundException or FileLoadException or ReflectionTypeLoadException;

    private static InputException OtherBuild(string path, string what, Exception? inner = null) =>
        new($"the plugin '{path}' was built for another version of mdf, or one of its files is missing: {what.TrimEnd('.')}; build it for this version", inner);
}
