using System.CommandLine;
using System.Globalization;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Experiments;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Training;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf train</c>: trains a network by an experiment file.</summary>
internal sealed class TrainCommand : ComputeCommand
{
    private readonly Argument<string> _experiment = new("experiment") { Description = $"the experiment file (docs/experiment.md); its task is one of {Tasks.ForNetworks}, its network one of {string.Join(", ", Architectures.Names)}, {CommonOptions.Losses}" };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "override a key of the file, such as schedule.iterations=200",
        HelpName = "key=value",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _task = new("--task")
    {
        Description = "the task, instead of the task in the file; external:command is a program that makes the distorted file {out} (.png) from the clean file {in}; give it again with --resume",
        HelpName = "task",
        CustomParser = TextParser.From(text =>
        {
            Tasks.ParseTypedForNetwork(text, ExternalDistortion.DefaultTimeLimit);
            return text;
        }),
    };

    private readonly Option<int?> _externalTimeout = CommonOptions.ExternalTimeout();

    private readonly Option<string?> _output = new("--output", "-o") { Description = "the folder of the run [default: runs/ and the name of the file]", HelpName = "folder" };

    private readonly Option<bool> _resume = new("--resume")
    {
        Description = "resume an interrupted run; validation.* and checkpoint_every may change, and schedule.iterations too if the learning rate does not depend on it",
    };

    private readonly Option<int?> _extend = new("--extend")
    {
        Description = "with --resume: add steps to a finished run, at its last learning rate; the same command again continues them",
        HelpName = "steps",
        CustomParser = result => TextParser.Integer("--extend", 1, ScheduleOptions.MostIterations)(result),
    };

    public TrainCommand()
        : base(
            "train",
            "Trains a restoration network by an experiment file. Ctrl-C writes a checkpoint and stops. The same file, machine and thread count give the same network, with or without interruptions.",
            new Example("train experiments/quick/jpeg10.yaml", "train a small network for JPEG artefacts on the photographs of the repository"),
            new Example("train experiments/quick/jpeg10.yaml --resume", "resume after an interruption"),
            new Example("train experiments/quick/jpeg10.yaml --resume --extend 500", "add 500 steps to a finished run"),
            new Example("train mine.yaml --task 'external:python3 scanner.py {in} {out}'", "train for a distortion that a program makes"),
            new Example("train experiments/quick/jpeg10.yaml --set schedule.iterations=50 -o runs/short", "make a shorter run"))
    {
        Arguments.Add(_experiment);
        foreach (var option in new Option[] { _set, _task, _externalTimeout, _output, _resume, _extend })
            Options.Add(option);
    }

    protected override void Check(CommandContext context) => CommonOptions.RequireResume(context.Get(_extend), context.Get(_resume));

    protected override int Run(CommandContext context, torch.Device device)
    {
        var path = context.Get(_experiment);
        string[] typed = context.Get(_task) is { } given ? [given] : [];
        var task = CommonOptions.TypedTasks(context, _externalTimeout, typed, Tasks.ParseTypedForNetwork).SingleOrDefault();
        var folder = new RunFolder(context.Get(_output) ?? Path.Combine("runs", Path.GetFileNameWithoutExtension(path)));
        if (context.Get(_resume))
            ExperimentFile.RequirePlugins(folder);
        if (context.Get(_resume) && task is null)
            ExperimentFile.RequireNoProgram(folder);
        var experiment = ExperimentFile.Load(path, context.Get(_set), task, new ExperimentArguments(_set.Name, _task.Name));
        try
        {
            return Train(context, device, experiment, folder);
        }
        catch (InputException e) when (experiment.NeedsOf(e) is { } needs)
        {
            var elsewhere = context.Get(_resume) ? "" : ", or name other folders with --set data.train=FOLDER --set data.validation=FOLDER";
            throw new InputException($"{e.Message}{needs}{elsewhere}", e);
        }
    }

    private int Train(CommandContext context, torch.Device device, Experiment experiment, RunFolder folder)
    {
        using var run = new ExperimentRun(experiment, folder, device, context.Warn) { ExtendBy = context.Get(_extend) ?? 0 };
        context.WarnOfSubfolders(new[] { experiment.ValidationFolder, experiment.ValidationDistortedFolder }.OfType<string>().Concat(experiment.TrainingFolders).Concat(experiment.DistortedFolders ?? []));
        if (run.Caution is { } caution)
            context.Warn(caution);
        var result = context.WithProgress(progress => run.Run(context.Get(_resume), progress, context.Cancellation));
        foreach (var unreadable in result.Unreadable)
            context.Warn($"skipped: {unreadable}");
        context.Result(
            new
            {
                Run = folder.Path,
                result.Iterations,
                Network = folder.Best,
                Loss = result.Last.Loss,
                Measures = result.Last.Scores.Values,
                BestIteration = result.Best.Iteration,
                BestLoss = result.Best.Loss,
            },
            terminal => Write(terminal, folder, result));
        return CommandLine.Success;
    }

    private static void Write(Terminal terminal, RunFolder folder, ExperimentResult result)
    {
        terminal.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{result.Iterations} iterations: validation loss {PlainNumber.Format(result.Last.Loss, 5)}{string.Concat(Shown(result.Last.Scores))}; lowest loss {PlainNumber.Format(result.Best.Loss, 5)} at iteration {result.Best.Iteration}"));
        terminal.WriteLine($"{folder.Best}: the network; use it with mdf restore {folder.Best} in.png -o out.png");
        terminal.WriteLine($"{folder.Curves}: the curves");
    }

    // PSNR, or what the experiment measures instead.
    private static IEnumerable<string> Shown(BenchmarkScores scores)
    {
        string[] psnr = [.. new[] { Measures.Psnr, Measures.PsnrY }.Where(scores.Names.Contains)];
        return Measures.Parse(psnr.Length > 0 ? psnr : scores.Names).Select(measure => $", {measure.Title} {measure.Text(scores[measure.Name])}");
    }
}
