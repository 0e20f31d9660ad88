using System.CommandLine;
using Mdf.Plugins;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>Loads the plugins of the command line. They are loaded before the rest of the line is parsed, because the line and the help may use their names.</summary>
internal static class Plugins
{
    /// <summary>The name of the option.</summary>
    public const string Name = "--plugin";

    /// <summary>Creates the option, for one root command.</summary>
    public static Option<string[]> Option() => new(Name)
    {
        Description = "load a plugin, which adds losses, tasks, networks or restorers (docs/plugins.md); may be repeated; give it again with --resume",
        HelpName = "file.dll",
        Recursive = true,
        DefaultValueFactory = _ => [],
    };

    /// <summary>Loads the plugins.</summary>
    /// <param name="args">The words after <c>mdf</c>.</param>
    /// <exception cref="InputException">A plugin cannot be used.</exception>
    public static void Load(IReadOnlyList<string> args)
    {
        if (!args.Any(word => word.StartsWith(Name, StringComparison.Ordinal)))
            return;
        var option = Option();
        var alone = new RootCommand { option };
        alone.TreatUnmatchedTokensAsErrors = false;
        var parsed = alone.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        foreach (var path in parsed.GetResult(option)?.Tokens ?? [])
            PluginLoader.Load(path.Value);
    }
}
