using System.Text.RegularExpressions;
using Mdf.Cli;
using Mdf.Runtime;

namespace Mdf.Tests.Cli;

public sealed partial class AdviceTests
{
    private static readonly string[] s_commands = ["demo", "loss train", "loss inspect", "train", "restore", "evaluate", "score", "correlate", "optimize", "convert", "doctor"];

    public static TheoryData<string> All => [.. Enum.GetNames<Remedy>()];

    /// <summary>Advice that names an option is given where the command has it: the help of at least one such command names all options of the advice.</summary>
    [Theory]
    [MemberData(nameof(All))]
    public void Every_remedy_has_advice_that_a_command_can_follow(string remedy)
    {
        var possible = s_commands.Where(command => Advice.For(Enum.Parse<Remedy>(remedy), command) is { } advice
            && Options().Matches(advice) is var options
            && (options.Count == 0 || MdfProgram.Run([.. command.Split(' '), "--help"]).Output is var help && options.All(option => help.Contains(option.Value, StringComparison.Ordinal))));
        Assert.NotEmpty(possible);
    }

    [Fact]
    public void The_options_follow_the_message_in_brackets()
    {
        Assert.Equal("", Advice.For(new InputException("a"), "train"));
        Assert.Equal(" (--output FOLDER)", Advice.For(new InputException("a").With(Remedy.MoveRun), "train"));
        Assert.Equal(" (--run FOLDER)", Advice.For(new InputException("a").With(Remedy.MoveRun), "loss train"));
        Assert.Equal("", Advice.For(new InputException("a").With(Remedy.MoveRun), "demo"));
        var timeout = new InputException("b").With(Remedy.MoreTime);
        Assert.Equal(" (--external-timeout SECONDS; --resume)", Advice.For(new InputException("a", timeout).With(Remedy.Resume), "train"));
    }

    [GeneratedRegex("--[a-z-]+")]
    private static partial Regex Options();
}
