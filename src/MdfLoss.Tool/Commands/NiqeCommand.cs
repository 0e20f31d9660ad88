using System.CommandLine;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf niqe</c>: the commands for models of NIQE.</summary>
internal sealed class NiqeCommand : Command
{
    public NiqeCommand()
        : base("niqe", "Fits a model for NIQE to photographs.") => Subcommands.Add(new NiqeFitCommand());
}
