using System.Text.Json;

namespace Mdf.Tests.Cli;

public sealed class LossCalibrateCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public LossCalibrateCommandTests()
    {
        Directory.CreateDirectory(_folder.File("data"));
        _folder.Image(Path.Combine("data", "a.png"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_expression_is_printed_and_can_be_used()
    {
        string[] command = ["loss", "calibrate", "ssim+mse", "--data", _folder.File("data"), "--task", "jpeg:10", "--patch", "24", "--batches", "2"];
        var answer = MdfProgram.Run(command);
        Assert.True(answer.ExitCode == 0, answer.Error);
        var expression = answer.Output.TrimEnd('\n').Split('\n')[^1];
        Assert.Matches(@"\Assim\+[0-9.]+\*mse\z", expression);

        using var document = JsonDocument.Parse(MdfProgram.Run([.. command, "--json"]).Output);
        Assert.Equal(expression, document.RootElement.GetProperty("expression").GetString());
        Assert.Equal([0.5, 0.5], document.RootElement.GetProperty("terms").EnumerateArray().Select(term => term.GetProperty("wanted").GetDouble()));
    }

    [Theory]
    [InlineData("expected a sum of losses, such as mdf:jpeg+l1, found 'l1'", "l1", "jpeg:10")]
    [InlineData("needs patches of at least 161 pixels, found 24: use --patch", "l1+ms-ssim", "jpeg:10")]
    [InlineData("unknown loss 'l3'", "l1+l3", "jpeg:10")]
    [InlineData("task 'pairs' damages nothing itself", "l1+mse", "pairs")]
    public void Mistakes_are_refused_in_one_line(string expected, string expression, string task)
    {
        var answer = MdfProgram.Run("loss", "calibrate", expression, "--data", _folder.File("data"), "--task", task, "--patch", "24");
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Contains(expected, answer.Error.TrimEnd('\n').Split('\n')[^1]);
    }
}
