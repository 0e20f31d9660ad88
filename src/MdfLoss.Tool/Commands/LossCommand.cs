using System.CommandLine;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf loss</c>: the commands that make losses.</summary>
internal sealed class LossCommand : Command
{
    public LossCommand()
        : base("loss", "Trains a loss (phase 1), and shows what it has learnt.")
    {
        Subcommands.Add(new LossTrainCommand());
        Subcommands.Add(new LossInspectCommand());
    }
}
