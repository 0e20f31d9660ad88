using System.CommandLine;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf loss</c>: the commands for losses.</summary>
internal sealed class LossCommand : Command
{
    public LossCommand()
        : base("loss", "Trains a loss (phase 1), shows what a loss has learnt, or finds the weights of a sum.")
    {
        Subcommands.Add(new LossTrainCommand());
        Subcommands.Add(new LossInspectCommand());
        Subcommands.Add(new LossCalibrateCommand());
    }
}
