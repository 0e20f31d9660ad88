using System.CommandLine;
using Mdf.Runtime;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf help loss train</c>: prints the same as <c>mdf loss train --help</c>.</summary>
internal sealed class HelpCommand : MdfCommand
{
    private readonly Argument<string[]> _path = new("command")
    {
        Description = "the command, such as train or loss train [default: the list of all commands]",
        Arity = ArgumentArity.ZeroOrMore,
    };

    public HelpCommand()
        : base(
            "help",
            "Shows the help of a command.",
            new Example("help", "list the commands"),
            new Example("help loss train", "print the same as mdf loss train --help")) => Arguments.Add(_path);

    public override int Run(CommandContext context)
    {
        Command command = context.Root;
        foreach (var name in context.Get(_path))
            command = command.Subcommands.FirstOrDefault(each => each.Name == name) ?? throw new InputException(CommandNames.Unknown(command, name));
        return context.ShowHelp(context.Get(_path));
    }
}
