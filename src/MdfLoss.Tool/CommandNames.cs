using System.CommandLine;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>Names that the command line does not know, and those that were likely meant.</summary>
internal static class CommandNames
{
    /// <summary>Says that a command is unknown, and which was likely meant: <c>unknown command 'tarin' (did you mean 'train'?)</c>.</summary>
    /// <param name="parent">The command below which it was looked for.</param>
    /// <param name="name">What was typed.</param>
    public static string Unknown(Command parent, string name)
    {
        // A command of a group that was typed without the group: 'inspect' is 'loss inspect'.
        var known = Below(parent, []).OrderBy(path => path.Length).ToList();
        var nearest = NearestName.Find(name, known.Select(path => path[^1]));
        return $"unknown command {Untrusted.Quote(name)}{Hint(nearest is null ? null : string.Join(' ', known.First(path => path[^1] == nearest)))}";
    }

    /// <summary>Says that an option is unknown, and which was likely meant.</summary>
    /// <param name="name">What was typed, with its dashes.</param>
    /// <param name="known">The command's options.</param>
    /// <param name="meant">The option that was likely meant; null if none is near.</param>
    public static string Unknown(string name, IEnumerable<Option> known, out Option? meant)
    {
        name = name.Split('=', 2)[0];
        var options = known.ToDictionary(option => option.Name.TrimStart('-'));
        meant = NearestName.Find(name.TrimStart('-'), options.Keys) is { } nearest ? options[nearest] : null;
        return $"unknown option {Untrusted.Quote(name)}{Hint(meant?.Name)}";
    }

    private static string Hint(string? meant) => meant is null ? "" : $" (did you mean '{meant}'?)";

    private static IEnumerable<string[]> Below(Command parent, string[] path) =>
        parent.Subcommands.SelectMany(command => Below(command, [.. path, command.Name]).Prepend([.. path, command.Name]));
}
