using System.CommandLine;
using Mdf.Evaluation;
using Mdf.Losses;
using Mdf.Reports;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli;

/// <summary>The options of the commands that measure images: which measures and losses, and the files of the table.</summary>
internal sealed class MeasureOptions
{
    private readonly Option<string[]> _metrics = new("--metrics")
    {
        Description = $"measures, separated by commas: {string.Join(", ", Measures.Names)}, all, or a loss expression without a comma [default: {string.Join(',', Measures.DefaultNames)}, and those of NIQE with --niqe]",
        HelpName = "names",
        DefaultValueFactory = _ => [],
        CustomParser = TextParser.OfMany(text =>
        {
            Measures.Parse([text]);
            return text;
        }),
    };

    private readonly Option<LossExpression[]> _losses = new("--loss")
    {
        Description = $"a loss to compute as in training, of the whole image, such as mdf:stack.safetensors; give --loss again for another one; {CommonOptions.Losses}",
        HelpName = "expression",
        DefaultValueFactory = _ => [],
        CustomParser = TextParser.OfMany(LossExpression.Parse),
    };

    private readonly Option<string?> _niqe = new("--niqe") { Description = "path to niqe_pris_params.npz; NIQE is skipped if omitted", HelpName = "niqe_pris_params.npz" };

    private readonly Option<string[]> _save = new("--save")
    {
        Description = $"write the table to a file: {ResultTableFormats.Extensions}",
        HelpName = "file",
        DefaultValueFactory = _ => [],
    };

    /// <summary>The options, for the help.</summary>
    public IReadOnlyList<Option> All => [_metrics, _losses, _niqe, _save];

    /// <summary>Refuses values that cannot be used, before libtorch is loaded.</summary>
    /// <param name="context">The command.</param>
    /// <exception cref="InputException">A measure is named twice, or a table cannot be written to a file of this name.</exception>
    public void Check(CommandContext context)
    {
        if (context.Get(_metrics) is { Length: > 0 } names)
            Measures.Parse(names);
        foreach (var path in context.Get(_save))
            ResultTableFormats.RequireFormat(path);
    }

    /// <summary>Creates the measures.</summary>
    /// <param name="context">The command.</param>
    /// <param name="device">The device of the images.</param>
    public MeasureSet CreateMeasures(CommandContext context, torch.Device device)
    {
        var niqe = context.Get(_niqe) is { } path ? NiqeModel.Load(path) : null;
        return MeasureSet.Create(context.Get(_metrics) is { Length: > 0 } names ? Named(names, niqe is not null) : null, niqe, device, context.Warn);
    }

    /// <summary>Creates the losses, one after the other, so that those before a mistake can be freed.</summary>
    /// <param name="context">The command.</param>
    /// <param name="device">The device of the images.</param>
    /// <param name="losses">Takes the losses.</param>
    public void AddLosses(CommandContext context, torch.Device device, List<ReconstructionLoss> losses)
    {
        foreach (var expression in context.Get(_losses))
            losses.Add(context.CreateLoss(expression, device));
    }

    /// <summary>Checks before long work that the table can be written.</summary>
    /// <param name="context">The command.</param>
    public void PrepareFiles(CommandContext context)
    {
        foreach (var path in context.Get(_save))
            AtomicFile.Prepare(path);
    }

    /// <summary>Writes the table to the files that the user named.</summary>
    /// <param name="context">The command.</param>
    /// <param name="table">The table.</param>
    public void Save(CommandContext context, ResultTable table)
    {
        foreach (var path in context.Get(_save))
            table.Save(path);
    }

    // 'all' without the model leaves out NIQE. The model without the name adds NIQE.
    private static IReadOnlyList<Measure> Named(string[] names, bool hasNiqe)
    {
        var measures = Measures.Parse(names);
        var isAll = names.SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries)).Contains(Measures.All, StringComparer.OrdinalIgnoreCase);
        if (isAll && !hasNiqe)
            return [.. measures.Where(measure => measure.Source != MeasureSource.Niqe)];
        return hasNiqe && measures.All(measure => measure.Source != MeasureSource.Niqe)
            ? [.. measures, .. Measures.Table.Where(measure => measure.Source == MeasureSource.Niqe)]
            : measures;
    }
}
