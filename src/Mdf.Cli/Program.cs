using Mdf.Cli;

using var interruption = new Interruption(TimeProvider.System, () =>
{
    Console.Error.WriteLine("mdf: interrupted");
    Environment.Exit(CommandLine.Interrupted);
});
return CommandLine.Run(args, Console.Out, Console.Error, interruption.Watch, interruption.Token);
