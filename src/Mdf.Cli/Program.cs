using Mdf.Cli;

using var interruption = new Interruption();
return CommandLine.Run(args, Console.Out, Console.Error, interruption.Token);
