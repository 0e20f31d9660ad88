using System.CommandLine;
using Mdf.Distortions;
using Mdf.Losses;
using Mdf.Reports;
using Mdf.Runtime;
using Mdf.Training;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf loss calibrate</c>: finds the weights of a sum of losses.</summary>
internal sealed class LossCalibrateCommand : ComputeCommand
{
    private readonly Argument<LossExpression> _loss = new("expression")
    {
        Description = $"a sum of losses, such as mdf:jpeg+l1. Its weights are the wanted ratio of the gradients: equal if there are none; {CommonOptions.Losses}",
        CustomParser = TextParser.From(LossExpression.Parse),
    };

    private readonly Option<string[]> _data = new("--data") { Description = "folders of clean images; may be repeated", HelpName = "folder", Required = true };

    private readonly Option<string> _task = new("--task")
    {
        Description = $"the task of the network, such as {Tasks.ForNetworks}",
        HelpName = "task",
        Required = true,
        CustomParser = TextParser.From(text =>
        {
            RequireOperator(text);
            return text;
        }),
    };

    private readonly Option<int> _patch = new("--patch")
    {
        Description = "side of the patches in pixels, as in the experiment",
        HelpName = "n",
        DefaultValueFactory = _ => new SamplingOptions().Patch,
        CustomParser = TextParser.Integer("--patch", 16, 2048),
    };

    private readonly Option<int> _batch = new("--batch")
    {
        Description = "patches per batch",
        HelpName = "n",
        DefaultValueFactory = _ => new ScheduleOptions { Iterations = 1 }.Batch,
        CustomParser = TextParser.Integer("--batch", 1, 4096),
    };

    private readonly Option<int> _batches = new("--batches")
    {
        Description = "the number of batches",
        HelpName = "n",
        DefaultValueFactory = _ => 8,
        CustomParser = TextParser.Integer("--batches", 1, 10_000),
    };

    private readonly Option<int> _seed = CommonOptions.Seed("the patches and of random distortions");

    public LossCalibrateCommand()
        : base(
            "calibrate",
            "Finds the weights of a sum of losses that make the norms of the terms' gradients equal, on distorted patches, and prints the expression.",
            new Example("loss calibrate mdf:jpeg+l1 --data DIV2K --task jpeg:10", "equal gradients"),
            new Example("loss calibrate '9*l1+mdf:jpeg' --data DIV2K --task jpeg:10", "nine tenths for l1"))
    {
        Arguments.Add(_loss);
        foreach (var option in new Option[] { _data, _task, _patch, _batch, _batches, _seed })
            Options.Add(option);
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        var distortion = RequireOperator(context.Get(_task));
        var sampling = new SamplingOptions { Patch = context.Get(_patch) };
        using var loss = context.CreateLoss(context.Get(_loss), device);
        if (loss is not WeightedSum sum)
            throw new InputException($"expected a sum of losses, such as mdf:jpeg+l1, found '{loss.Expression}': a single loss needs no weight");
        if (loss.MinimumSize > sampling.Patch)
            throw new InputException($"the loss '{loss.Expression}' needs patches of at least {loss.MinimumSize} pixels, found {sampling.Patch}: use --patch");
        context.WarnOfSubfolders(context.Get(_data));
        var terms = context.WithProgress(progress =>
        {
            var images = TrainingImages.Load(context.Get(_data), sampling, progress, context.Cancellation);
            return LossCalibration.Run(sum, new PatchSampler(images, distortion, sampling, context.Get(_batch), context.Get(_seed)), context.Get(_batches), device, progress, context.Cancellation);
        });
        var expression = LossCalibration.ToExpression(terms);
        context.Result(
            new { Expression = expression, Terms = terms },
            terminal =>
            {
                terminal.Console.WriteTable(CalibrationTable.Create(terms));
                terminal.WriteLine(expression);
            });
        return CommandLine.Success;
    }

    private static Distortion RequireOperator(string task)
    {
        var distortion = Tasks.ParseForNetwork(task);
        distortion.RequireOperator();
        return distortion;
    }
}
