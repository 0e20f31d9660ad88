using System.CommandLine;
using System.Text.Json;
using Mdf.Cli;
using TorchSharp;

namespace Mdf.Tests.Cli;

[Collection(nameof(OneAtATime))]
public sealed class ComputeCommandTests
{
    /// <summary>A computing command, with an argument of its own.</summary>
    internal sealed class Probe : ComputeCommand
    {
        private readonly Argument<int> _count = new("count");

        public Probe()
            : base("compute", "Computes.") => Arguments.Add(_count);

        protected override int Run(CommandContext context, torch.Device device)
        {
            var result = new { Count = context.Get(_count), Device = device.ToString(), Threads = torch.get_num_threads() };
            context.Result(result, terminal => terminal.WriteLine($"{result}"));
            return 0;
        }
    }

    private static Answer Run(params string[] args)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var code = CommandLine.Run(() => [new Probe()], ["compute", .. args], output, error, cancellationToken: TestContext.Current.CancellationToken);
        return new Answer(code, output.ToString(), error.ToString());
    }

    [Fact]
    public void A_computing_command_gets_the_device_and_the_threads_that_were_asked_for()
    {
        var threads = torch.get_num_threads();
        try
        {
            var answer = Run("3", "--device", "cpu", "--threads", "1", "--json");
            Assert.Equal((0, ""), (answer.ExitCode, answer.Error));
            Assert.Equal(
                """{"count":3,"device":"cpu","threads":1}""",
                JsonSerializer.Serialize(JsonSerializer.Deserialize<JsonElement>(answer.Output)));
        }
        finally
        {
            torch.set_num_threads(threads);
        }
    }

    [Theory]
    [InlineData("unknown device 'gpu': expected auto, cpu, cuda or cuda:N (N = 0, 1, …)", "--device", "gpu")]
    [InlineData("the option '--device' needs a value", "--device")]
    [InlineData("--threads takes a whole number from 1 to 1024, found '0'", "--threads", "0")]
    [InlineData("--threads takes a whole number from 1 to 1024, found 'many'", "--threads", "many")]
    public void A_mistake_in_the_device_or_the_threads_is_in_the_librarys_words(string expected, params string[] args) =>
        Assert.Equal(
            new Answer(2, "", $"mdf: {expected}; try 'mdf compute --help'\n"),
            Run(["3", .. args]));
}
