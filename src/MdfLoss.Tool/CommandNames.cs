using System.CommandLine;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>Creates messages about unknown commands and options, with the name that was probably meant.</summary>
internal static class CommandNames
{
    /// <summary>Creates the message for an unknown command: <c>unknown command 'tarin' (did you mean 'train'?)</c>.</summary>
    /// <param name="parent">The parent command, whose subcommands are searched.</param>
    /// <param name="name">The word that was typed.</param>
    public static string Unknown(Command parent, string name)
    {
        // This also finds a command of a group that was typed without the group: 'inspect' means 'loss inspect'.
        var known = Below(parent, []).OrderBy(path => path.Length).ToList();
        var nearest = NearestName.Find(name, known.Select(path => path[^1]));
        return $"unknown command {Untrusted.Quote(name)}{Hint(nearest is null ? null : string.Join(' ', known.First(path => path[^1] == nearest)))}";
    }

    /// <summary>Creates the message for an unknown option.</summary>
    /// <param name="name">The word that was typed, with its dashes.</param>
    /// <param name="known">The options of the command.</param>
    /// <param name="meant">The option that was probably meant; null if no name is near enough.</param>
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
