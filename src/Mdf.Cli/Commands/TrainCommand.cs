using System.CommandLine;
using System.Globalization;
using Mdf.Distortions;
using Mdf.Experiments;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf train</c>: one experiment file becomes a trained network.</summary>
internal sealed class TrainCommand : ComputeCommand
{
    private readonly Argument<string> _experiment = new("experiment") { Description = "the experiment file (docs/experiment.md)" };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "another value for a key of the file, such as schedule.iterations=200",
        HelpName = "key=value",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _task = new("--task")
    {
        Description = "what the network undoes, in place of the file's task; external:command is a program that makes the damaged file {out} (.png) of the clean file {in}, and is given again with --resume",
        HelpName = "task",
        CustomParser = TextParser.Of(text =>
        {
            ExternalDistortion.ParseTypedForNetwork(text, ExternalDistortion.DefaultTimeLimit);
            return text;
        }),
    };

    private readonly Option<int> _externalTimeout = CommonOptions.ExternalTimeout();

    private readonly Option<string?> _output = new("--output", "-o") { Description = "the run's folder [default: runs/ and the file's name]", HelpName = "folder" };

    private readonly Option<bool> _resume = new("--resume") { Description = "go on with a run that was interrupted" };

    public TrainCommand()
        : base(
            "train",
            "Trains a restoration network as an experiment file says. Ctrl-C leaves a checkpoint; the same file, machine and thread count give the same network, interrupted or not.",
            new Example("train experiments/cpu/jpeg10-l1.yaml", "train a small network against JPEG artefacts"),
            new Example("train experiments/cpu/jpeg10-l1.yaml --resume", "go on after an interruption"),
            new Example("train mine.yaml --task 'external:python3 scanner.py {in} {out}'", "train against a program's artefact"),
            new Example("train experiments/cpu/jpeg10-l1.yaml --set schedule.iterations=200 -o runs/short", "try something shorter"))
    {
        Arguments.Add(_experiment);
        foreach (var option in new Option[] { _set, _task, _externalTimeout, _output, _resume })
            Options.Add(option);
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        var path = context.Get(_experiment);
        var task = context.Get(_task) is { } typed ? ExternalDistortion.ParseTypedForNetwork(typed, TimeSpan.FromSeconds(context.Get(_externalTimeout))) : null;
        var folder = new RunFolder(context.Get(_output) ?? Path.Combine("runs", Path.GetFileNameWithoutExtension(path)));
        if (context.Get(_resume) && task is null)
            ExperimentFile.RequireNoProgram(folder);
        var experiment = ExperimentFile.Load(path, context.Get(_set), task);
        using var run = new ExperimentRun(experiment, folder, device);
        if (run.Caution is { } caution)
            context.Warn(caution);
        var result = context.WithProgress(progress => run.Run(context.Get(_resume), progress, context.Cancellation));
        foreach (var unreadable in result.Unreadable)
            context.Warn($"passed over: {unreadable}");
        context.Result(
            new
            {
                Run = folder.Path,
                result.Iterations,
                Network = folder.Best,
                Loss = result.Last.Losses[0],
                result.Last.Scores.PsnrRgb,
                result.Last.Scores.PsnrY,
                result.Last.Scores.SsimY,
                result.Last.Scores.Niqe,
                BestIteration = result.Best.Iteration,
                BestLoss = result.Best.Loss,
            },
            terminal => Write(terminal, folder, result));
        return CommandLine.Success;
    }

    private static void Write(Terminal terminal, RunFolder folder, ExperimentResult result)
    {
        terminal.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{result.Iterations} iterations: validation loss {result.Last.Losses[0]:G5}, PSNR {result.Last.Scores.PsnrRgb:F2} dB, on Y {result.Last.Scores.PsnrY:F2} dB; lowest loss {result.Best.Loss:G5} at iteration {result.Best.Iteration}"));
        terminal.WriteLine($"{folder.Best}: the network; use it with mdf restore {folder.Best} in.png -o out.png");
        terminal.WriteLine($"{folder.Curves}: the curves");
    }
}
