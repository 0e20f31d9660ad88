using System.CommandLine;
using Mdf.Evaluation;
using Mdf.Losses;
using Mdf.Reports;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf score</c>: scores images against their references.</summary>
internal sealed class ScoreCommand : ComputeCommand
{
    private readonly Argument<string> _reference = new("reference") { Description = "the clean image, or a folder of clean images" };

    private readonly Argument<string[]> _images = new("image")
    {
        Description = "the images to score; folders, paired by file name, if the reference is a folder",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<LossExpression[]> _losses = new("--loss")
    {
        Description = $"loss expressions, such as mse, 0.5*ms-ssim+l1, mdf:stack.safetensors; {CommonOptions.Losses}",
        HelpName = "expression",
        Required = true,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = true,
        CustomParser = TextParser.OfMany(ParseLoss),
    };

    public ScoreCommand()
        : base(
            "score",
            "Scores images against a reference with PSNR and any losses, and prints a table.",
            new Example("score clean.png jpeg.png blurred.png --loss mse ssim mdf:stack.safetensors", "compare two images under three losses"),
            new Example("score Set14/HR out/Set14 --loss ms-ssim --json", "compare two folders, with JSON output"))
    {
        Arguments.Add(_reference);
        Arguments.Add(_images);
        Options.Add(_losses);
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        var pairs = ImageScoring.FindPairs(context.Get(_reference), context.Get(_images));
        context.WarnOfSubfolders([context.Get(_reference), .. context.Get(_images)]);
        var losses = new List<ReconstructionLoss>();
        try
        {
            foreach (var expression in context.Get(_losses))
                losses.Add(context.CreateLoss(expression, device));
            var scores = context.WithProgress(progress => ImageScoring.Score(
                pairs, losses, device, pairs.Count > 1 ? progress : null, context.Cancellation));
            var table = ScoreTable.Create(scores, [.. losses.Select(loss => loss.Expression)]);
            context.Result(
                new { Scores = table.ToRecords() },
                terminal => terminal.Console.WriteTable(table));
            return CommandLine.Success;
        }
        finally
        {
            losses.ForEach(loss => loss.Dispose());
        }
    }

    // The option takes all words up to the next option, so it may also take the names of images.
    private static LossExpression ParseLoss(string text)
    {
        try
        {
            return LossExpression.Parse(text);
        }
        catch (InputException e)
        {
            throw new InputException($"{e.Message}: --loss takes every word up to the next option, so name the images before it", e);
        }
    }
}
