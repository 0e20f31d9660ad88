using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Mdf.Cli;

/// <summary>Prints the normal help, followed by the examples of the command.</summary>
internal sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    /// <summary>True, so that help is printed even if the rest of the line has mistakes.</summary>
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var code = help.Invoke(parseResult);
        if (parseResult.CommandResult.Command is MdfCommand { Examples.Count: > 0 } command)
        {
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (var example in command.Examples)
            {
                output.WriteLine($"  mdf {example.Line}");
                output.WriteLine($"      {example.Does}");
            }

            output.WriteLine();
        }

        return code;
    }
}
