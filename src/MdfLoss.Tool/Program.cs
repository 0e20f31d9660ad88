using Mdf.Cli;

var streams = StandardStreams.Install();
using var interruption = new Interruption(TimeProvider.System, code =>
{
    // The message has its own thread, because another thread may be blocked in a write to a stopped terminal.
    var message = new Thread(() => Console.Error.WriteLine("mdf: interrupted")) { IsBackground = true };
    message.Start();
    message.Join(TimeSpan.FromMilliseconds(200));
    Interruption.EndAtOnce(code);
});
return streams.Finish(CommandLine.Run(args, Console.Out, Console.Error, interruption));
