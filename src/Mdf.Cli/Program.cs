using Mdf.Cli;

var streams = StandardStreams.Install();
using var interruption = new Interruption(TimeProvider.System, code =>
{
    Console.Error.WriteLine("mdf: interrupted");
    Interruption.EndAtOnce(code);
});
return streams.Finish(CommandLine.Run(args, Console.Out, Console.Error, interruption));
