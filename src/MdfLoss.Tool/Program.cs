using Mdf.Cli;

var streams = StandardStreams.Install();
using var interruption = new Interruption(TimeProvider.System, code =>
{
    // On a thread of its own: another may be in the middle of a write to a terminal that is stopped.
    var message = new Thread(() => Console.Error.WriteLine("mdf: interrupted")) { IsBackground = true };
    message.Start();
    message.Join(TimeSpan.FromMilliseconds(200));
    Interruption.EndAtOnce(code);
});
return streams.Finish(CommandLine.Run(args, Console.Out, Console.Error, interruption));
