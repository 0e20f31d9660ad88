using System.CommandLine;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Losses;
using Mdf.Reports;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf score</c>: scores images against their references.</summary>
internal sealed class ScoreCommand : ComputeCommand
{
    private readonly Argument<string> _reference = new("reference") { Description = "the clean image, or a folder of clean images" };

    private readonly Argument<string[]> _images = new("image")
    {
        Description = "the images to score; folders, if the reference is a folder: files are paired by name, also with an ending such as img_x4.png or img_EDSR.png",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly MeasureOptions _measures = new();

    private readonly Option<int?> _border = new("--border")
    {
        Description = "number of pixels that the measures ignore at each side [default: 0, or that of --task]",
        HelpName = "n",
        CustomParser = result => TextParser.Integer("--border", 0)(result),
    };

    private readonly Option<string?> _task = new("--task")
    {
        Description = $"measure by the rules of benchmarks for this task (8-bit images, border), such as {Tasks.ForNetworks} [default: the files as they are]",
        HelpName = "task",
        CustomParser = TextParser.From<string?>(text =>
        {
            Tasks.ParseTypedForNetwork(text, ExternalDistortion.DefaultTimeLimit);
            return text;
        }),
    };

    private readonly Option<string?> _map = new("--map")
    {
        Description = "write pictures that show where the error lies: for each measure and loss that has a map, for each term of a sum, and for each scale and layer of an MDF loss; maps.csv lists them",
        HelpName = "folder",
    };

    public ScoreCommand()
        : base(
            "score",
            "Scores images against a reference with measures such as PSNR, SSIM and FLIP, and with any losses, and prints a table.",
            new Example("score clean.png jpeg.png blurred.png", "compare two images under the default measures"),
            new Example("score clean.png jpeg.png --metrics psnr-y,ssim-y,flip --loss mdf:stack.safetensors --loss ssim", "choose the measures, and add two losses"),
            new Example("score Set14/HR out/Set14 --task sisr:4 --save scores.tex", "compare two folders by the rules of super-resolution, and write a table for a paper"),
            new Example("score Set14/HR out/Set14 --border 4 --json", "cut a border of 4 pixels off, with JSON output"),
            new Example("score clean.png jpeg.png --metrics psnr,ssim,flip --loss mdf:jpeg --map maps", "show where the error lies"))
    {
        Arguments.Add(_reference);
        Arguments.Add(_images);
        foreach (var option in (Option[])[.. _measures.All, _border, _task, _map])
            Options.Add(option);
    }

    protected override void Check(CommandContext context) => _measures.Check(context);

    protected override int Run(CommandContext context, torch.Device device)
    {
        var rules = context.Get(_task) is { } task
            ? ScoringRules.Of(Tasks.ParseTypedForNetwork(task, ExternalDistortion.DefaultTimeLimit), context.Get(_border))
            : new ScoringRules(context.Get(_border) ?? 0);
        var pairs = ImageScoring.FindPairs(context.Get(_reference), context.Get(_images));
        context.WarnOfSubfolders([context.Get(_reference), .. context.Get(_images)]);
        var losses = new List<ReconstructionLoss>();
        try
        {
            using var measures = _measures.CreateMeasures(context, device);
            _measures.AddLosses(context, device, losses);
            _measures.PrepareFiles(context);
            var maps = context.Get(_map) is { } folder ? new MapFolder(folder, pairs, ErrorMaps.Of(measures, losses)) : null;
            var scores = context.WithProgress(progress => ImageScoring.Score(
                pairs, measures, losses, rules, device,
                (pair, image, reference) => maps?.Write(pair, image, reference, context.Cancellation),
                pairs.Count > 1 ? progress : null, context.Cancellation));
            var table = ScoreTable.Create(scores, measures.Entries, [.. losses.Select(loss => loss.Expression)], rules.Words);
            _measures.Save(context, table);
            var written = maps?.Finish();
            context.Result(
                new { Rules = rules.Words, rules.Border, Scores = table.ToRecords(), Maps = written?.ToRecords() },
                terminal =>
                {
                    terminal.Console.WriteTable(table);
                    if (written is not null)
                        terminal.WriteLine($"{context.Get(_map)}: {written.Rows.Count} maps; maps.csv has the value of the brightest colour of each");
                });
            return CommandLine.Success;
        }
        finally
        {
            losses.ForEach(loss => loss.Dispose());
        }
    }
}
