using System.CommandLine;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf loss</c>: the commands for losses.</summary>
internal sealed class LossCommand : Command
{
    public LossCommand()
        : base("loss", "Trains a loss (phase 1), or shows what a loss has learnt.")
    {
        Subcommands.Add(new LossTrainCommand());
        Subcommands.Add(new LossInspectCommand());
    }
}
