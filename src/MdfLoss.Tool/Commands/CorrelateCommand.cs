using System.CommandLine;
using Mdf.Evaluation;
using Mdf.Reports;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf correlate</c>: compares losses and measures with the votes or the scores of people.</summary>
internal sealed class CorrelateCommand : ComputeCommand
{
    private readonly Argument<string[]> _scores = new("scores.csv")
    {
        Description = "a table with the columns reference, image and score: the mean opinion score of each image. If it also has the column human, human is the score of people, and score is a measure of another program",
        Arity = ArgumentArity.ZeroOrOne,
        DefaultValueFactory = _ => [],
        CustomParser = TextParser.OfMany(text => text),
    };

    private readonly Option<string?> _votes = new("--votes")
    {
        Description = "a table with the columns reference, a, b, votes_a and votes_b: two versions of an image, and how many people preferred each",
        HelpName = "votes.csv",
    };

    private readonly Option<Measure[]> _measures = new("--loss")
    {
        Description = $"a measure: {string.Join(", ", QualityMeasure.Others)}, or a loss expression; may be repeated; {CommonOptions.Losses}",
        HelpName = "name",
        Arity = ArgumentArity.OneOrMore,
        DefaultValueFactory = _ => [],
        CustomParser = TextParser.OfMany(QualityMeasure.Parse),
    };

    private readonly Option<bool> _withoutReference = new("--without-reference") { Description = "leave out the pairs of --votes that contain the reference" };

    private readonly Option<bool> _degradation = new("--dmos") { Description = "higher scores of people mean worse images, as in LIVE" };

    private readonly Option<string?> _niqe = new("--niqe") { Description = "the model for the measure niqe: niqe_pris_params.npz, or a file of mdf niqe fit", HelpName = "file.npz" };

    private readonly Option<string?> _save = new("--save") { Description = "write the table to a .md or .csv file", HelpName = "file" };

    private readonly Option<int> _seed = CommonOptions.Seed("the bootstrap");

    public CorrelateCommand()
        : base(
            "correlate",
            "Compares losses and measures with the votes or the scores of people, with 95 % intervals. A good loss for training need not predict quality well.",
            new Example("correlate --votes votes.csv --loss psnr --loss ms-ssim --loss mdf:jpeg", "in how many pairs does a measure prefer the version that people prefer?"),
            new Example("correlate tid2013.csv --loss psnr --loss fsim --save tid2013.md", "correlations with mean opinion scores"),
            new Example("correlate live.csv --dmos --loss niqe --niqe niqe_pris_params.npz", "scores of degradation: higher is worse"))
    {
        Arguments.Add(_scores);
        foreach (var option in new Option[] { _votes, _measures, _withoutReference, _degradation, _niqe, _save, _seed })
            Options.Add(option);
    }

    protected override void Check(CommandContext context)
    {
        var (scores, votes) = (context.Get(_scores).FirstOrDefault(), context.Get(_votes));
        if (scores is null == votes is null)
            throw new InputException($"expected a table of scores, or --votes with a table of votes, found {(scores is null ? "neither" : "both")}");
        if (votes is null && context.Get(_withoutReference))
            throw new InputException("--without-reference is for --votes: remove the rows from the table of scores");
        if (votes is not null && context.Get(_degradation))
            throw new InputException("--dmos is for a table of scores: leave it out");
        if (votes is not null && context.Get(_measures).Length == 0)
            throw new InputException("expected at least one measure: give --loss NAME");
        if (context.Get(_niqe) is not null && context.Get(_measures).All(measure => measure.Source != MeasureSource.Niqe))
            throw new InputException("--niqe is for the measure niqe: add --loss niqe");
        if (context.Get(_save) is { } table && Path.GetExtension(table) is not (".md" or ".csv"))
            throw new InputException($"cannot write '{table}': expected a table's name to end in .md or .csv");
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        var chosen = context.Get(_measures);
        if (context.Get(_save) is { } file)
            AtomicFile.Prepare(file);
        var (votes, scores) = (context.Get(_votes), context.Get(_scores).FirstOrDefault());
        // The tables are read first, because their mistakes are found in an instant.
        var pairs = votes is null ? [] : VoteTable.Read(votes, context.Get(_withoutReference));
        var images = scores is null ? [] : OpinionTable.Read(scores, measured: chosen.Length > 0);
        var measures = QualityMeasure.Create(chosen, context.Get(_niqe) is { } path ? NiqeModel.Load(path) : null, device, context.Warn);
        try
        {
            return votes is null ? Correlate(context, device, images, measures) : Compare(context, device, pairs, measures);
        }
        finally
        {
            foreach (var measure in measures)
                measure.Dispose();
        }
    }

    private int Compare(CommandContext context, torch.Device device, IReadOnlyList<VotedPair> pairs, IReadOnlyList<QualityMeasure> measures)
    {
        var distances = context.WithProgress(progress => MeasuredImages.Measure(pairs.SelectMany(pair => new[] { pair.A, pair.B }), measures, device, progress, context.Cancellation));
        var result = VoteAgreement.Compute(pairs, [.. measures.Select(measure => measure.Name)], distances, context.Get(_seed));
        return Finish(context, result, CorrelationTable.Create(result));
    }

    private int Correlate(CommandContext context, torch.Device device, IReadOnlyList<JudgedImage> images, IReadOnlyList<QualityMeasure> measures)
    {
        var distances = measures.Count == 0 ? null
            : context.WithProgress(progress => MeasuredImages.Measure(images.Select(image => image.Pair), measures, device, progress, context.Cancellation));
        var qualities = new List<(string Name, double[] Values)>();
        if (images[0].Score is not null)
            qualities.Add(("score", [.. images.Select(image => image.Score!.Value)]));
        for (var i = 0; i < measures.Count; i++)
        {
            var index = i;
            qualities.Add((measures[i].Name, [.. images.Select(image => -distances![image.Pair][index])]));
        }

        var result = context.WithProgress(progress => OpinionCorrelation.Compute(images, context.Get(_degradation), qualities, context.Get(_seed), progress, context.Cancellation));
        return Finish(context, result, CorrelationTable.Create(result));
    }

    private int Finish<T>(CommandContext context, T result, ResultTable table)
    {
        if (context.Get(_save) is { } save)
            AtomicFile.Write(save, Path.GetExtension(save) == ".md" ? table.ToMarkdown() : table.ToCsv());
        context.Result(result, terminal => terminal.Console.WriteTable(table));
        return CommandLine.Success;
    }
}
