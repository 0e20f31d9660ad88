using Mdf.Cli;

var streams = StandardStreams.Install();
using var interruption = new Interruption(TimeProvider.System, () =>
{
    Console.Error.WriteLine("mdf: interrupted");
    Environment.Exit(CommandLine.Interrupted);
});
return streams.Finish(CommandLine.Run(args, Console.Out, Console.Error, interruption.Watch, interruption.Token));
