using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Reports;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf loss inspect</c>: shows the metadata of a stack, and the distortions in which it is specialized.</summary>
internal sealed class LossInspectCommand : ComputeCommand
{
    private static readonly string[] s_samples = ["astronaut.png", "chelsea.png", "coffee.png"];

    private const string FirstColumn = "distortion";

    private readonly Argument<string[]> _stacks = new("stack")
    {
        Description = "stack files" + (ShippedStacks.Names.Count > 0 ? $", or stacks of the program: {string.Join(", ", ShippedStacks.Names)}" : "")
            + "; each may have the options of a loss, such as 'jpeg?layer_weights=1,1,0'",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string[]> _pictures = new("--picture")
    {
        Description = "a clean image, or a folder of clean images, to probe with [default: those of the program's three photographs on which no given stack was trained, so other stacks may use other photographs]",
        HelpName = "file",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string[]> _distortions = new("--distortion")
    {
        Description = "a task to probe with in addition to the usual distortions, such as blur:3 or external:command (a program that makes {out} from {in})",
        HelpName = "task",
        DefaultValueFactory = _ => [],
        CustomParser = TextParser.OfMany(text =>
        {
            RequireOperator(Tasks.ParseTyped(text, ExternalDistortion.DefaultTimeLimit));
            return text;
        }),
    };

    private readonly Option<int?> _externalTimeout = CommonOptions.ExternalTimeout();

    private readonly Option<string?> _plot = new("--plot") { Description = "write the results as a heat map", HelpName = "file.png" };

    private readonly Option<string?> _save = new("--save") { Description = "write the table to a .md or .csv file", HelpName = "file" };

    private readonly Option<bool> _controls = new("--controls")
    {
        Description = "also probe with errors without structure, which do not count in the mean: the distortions with random phases, noise in grey only or in colours only, noise of one octave (in cycles per pixel)",
    };

    private readonly Option<int> _seed = CommonOptions.Seed("the noise");

    public LossInspectCommand()
        : base(
            "inspect",
            "Shows the metadata of a stack, its cost, and the distortions in which it is specialized: its values for distortions of equal MSE. "
                + "S is the loss for a distortion, divided by the geometric mean of the loss for all distortions except controls. Above 1, the loss penalizes the distortion more than the average.",
            new Example("loss inspect jpeg10.safetensors", "inspect your own stack"),
            new Example("loss inspect jpeg --controls", "test whether a loss detects blocks, or only their spectrum"),
            new Example("loss inspect scan.safetensors --distortion 'external:python3 scanner.py {in} {out}'", "test whether a loss is specialized in your artefact"),
            new Example("loss inspect mine.safetensors Ds_SISR.pth --picture photos --plot probe.png", "compare two stacks on your own images"))
    {
        Arguments.Add(_stacks);
        foreach (var option in new Option[] { _pictures, _distortions, _externalTimeout, _controls, _plot, _save, _seed })
            Options.Add(option);
    }

    protected override void Check(CommandContext context)
    {
        if (context.Get(_save) is { } table && Path.GetExtension(table) is not (".md" or ".csv"))
            throw new InputException($"cannot write '{table}': expected a table's name to end in .md or .csv");
        if (context.Get(_stacks).Select(WithoutPrefix).GroupBy(name => name).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"expected different stacks, found {Untrusted.Quote(twice.Key)} {twice.Count()} times: name it once");
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        using var scope = torch.NewDisposeScope();
        var names = context.Get(_stacks).Select(WithoutPrefix).ToArray();
        foreach (var file in new[] { context.Get(_plot), context.Get(_save) }.OfType<string>())
            AtomicFile.Prepare(file);
        var losses = new List<MdfLoss>();
        try
        {
            foreach (var name in names)
            {
                losses.Add(Load(name));
                losses[^1].to(device);
            }

            var labels = LabelsOf(names);
            var pictures = Pictures(context, losses).ToArray();
            context.WarnOfSubfolders(context.Get(_pictures));
            var own = CommonOptions.TypedTasks(context, _externalTimeout, context.Get(_distortions), Tasks.ParseTyped);
            var probe = context.WithProgress(progress => SpecializationProbe.Run(
                losses, [.. pictures.Select(picture => picture.Image.to(device))], context.Get(_seed), context.Get(_controls), own, progress, context.Cancellation));
            var table = Table(labels, probe);
            if (context.Get(_plot) is { } plot)
            {
                Plots.Save(plot, new HeatMap(
                    "S of each loss for distortions of equal MSE; framed: its own task",
                    [.. probe.Select(row => row.Name)], [.. labels.Select(Stacked)], [.. probe.Select(row => row.Specialization)],
                    [.. from row in Enumerable.Range(0, probe.Count) from column in Enumerable.Range(0, losses.Count) where probe[row].IsOwn[column] select (row, column)]));
            }

            if (context.Get(_save) is { } save)
                AtomicFile.Write(save, Path.GetExtension(save) == ".md" ? table.ToMarkdown() : table.ToCsv());
            context.Result(
                new
                {
                    Stacks = names.Zip(losses, Facts),
                    Pictures = pictures.Select(picture => picture.Name),
                    Probe = probe.Select(row => new { Distortion = row.Name, row.IsControl, row.IsOwn, row.Specialization, Loss = row.Values }),
                },
                terminal => Write(terminal, names, losses, pictures, table));
            return CommandLine.Success;
        }
        finally
        {
            losses.ForEach(loss => loss.Dispose());
        }
    }

    /// <summary>Removes the prefix <c>mdf:</c> that a stack has in a loss expression. A file with the whole name takes precedence.</summary>
    private static string WithoutPrefix(string name) =>
        name.StartsWith("mdf:", StringComparison.Ordinal) && !File.Exists(name) ? name["mdf:".Length..] : name;

    // The distortion of super-resolution for a loss is the upscaling, which the probe always includes.
    private static void RequireOperator(Distortion distortion)
    {
        if (distortion is Upscaling)
            throw new InputException("--distortion takes a task that distorts an image, found 'sisr'; 'down and up by 4' is always probed");
    }

    /// <summary>Creates the loss of a file with any name, or of a file or shipped stack with options.</summary>
    private static MdfLoss Load(string name)
    {
        if (File.Exists(name))
            return new MdfLoss(DiscriminatorStack.Load(name), expression: name);
        var loss = LossExpression.Parse($"mdf:{name}").Create();
        if (loss is MdfLoss ofStack)
            return ofStack;
        loss.Dispose();
        throw new InputException($"expected a discriminator stack, found the sum of losses 'mdf:{name}'");
    }

    /// <summary>Returns the names for tables: without folder and extension. Those that would be the same, or be that of the first column, have as many folders as tell them apart.</summary>
    private static string[] LabelsOf(string[] names)
    {
        var count = names.Select(name => Short(name, folders: 0)).Append(FirstColumn).CountBy(name => name).ToDictionary();
        for (var folders = 1; ; folders++)
        {
            string[] labels = [.. names.Select(name => Short(name, folders: 0) is var label && count[label] == 1 ? label : Short(name, folders))];
            if (labels.Append(FirstColumn).Distinct().Count() > labels.Length)
                return labels;
            if (folders > names.Max(name => name.Length))
                return [.. names.Select(name => $"mdf:{name}")];
        }
    }

    /// <summary>Returns a name for tables: without extension, with its innermost folders and its options.</summary>
    private static string Short(string name, int folders)
    {
        // After the quotes of the path, if there are quotes.
        var end = File.Exists(name) ? -1 : name.IndexOf('?', name.LastIndexOf('\'') + 1);
        string[] parts = (end < 0 ? name : name[..end]).Trim('\'').Split('/', '\\');
        return string.Join('/', [.. parts[..^1].TakeLast(folders), Path.GetFileNameWithoutExtension(parts[^1])]) + (end < 0 ? "" : name[end..]);
    }

    /// <summary>Returns a name for a narrow column, with its options on the next lines.</summary>
    private static string Stacked(string label) => label.Replace('?', '\n').Replace('&', '\n').Replace("=", "=\n", StringComparison.Ordinal);

    private static StackFacts Facts(string name, MdfLoss loss)
    {
        var stack = loss.Stack;
        return new StackFacts(
            name, stack.ReadFrom!.Sha256, stack.Metadata?.Task, stack.Count, [.. Enumerable.Range(0, stack.Count).Select(k => stack[k].Width)], stack.InputRange.ToString(), loss.LayerWeights.ToString(),
            stack.Metadata is { } known ? [.. known.Sizes.Select(size => size.ToString())] : null,
            stack.Metadata?.Iterations, stack.Metadata?.Extensions, stack.Metadata?.ReconstructionWeight, stack.Metadata?.CoarsestNoise, stack.Metadata?.Recipe, stack.Metadata?.Seed,
            stack.Metadata?.SourceSha256, stack.Metadata?.ProgramVersion,
            Enumerable.Range(0, loss.NumScales).Sum(i => stack[loss.Ascending ? i : stack.Count - 1 - i].MultiplicationsPerPixel));
    }

    private static ResultTable Table(IReadOnlyList<string> labels, IReadOnlyList<ProbedDistortion> probe) => new(
        $"S: the loss for a distortion, divided by the geometric mean of the loss for {(probe.Any(row => row.IsControl) ? $"the first {probe.Count(row => !row.IsControl)}" : "all")}, at equal MSE",
        [new ResultColumn(FirstColumn), .. labels.Select(label => new ResultColumn(label, null, Alignment.Right))],
        probe.Select(row => row.Specialization
            .Select((value, i) => (object?)string.Create(CultureInfo.InvariantCulture, $"{value:F2}{(row.IsOwn[i] ? " (own)" : "")}")).Prepend(row.Name)));

    private static void Write(Terminal terminal, string[] names, IReadOnlyList<MdfLoss> losses, IReadOnlyList<Probed> pictures, ResultTable table)
    {
        foreach (var facts in names.Zip(losses, Facts))
        {
            terminal.WriteLine(facts.Name);
            terminal.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {facts.Scales} scales of {string.Join(", ", facts.Widths)} channels, images in [{facts.InputRange}], layer weights {facts.LayerWeights}; {facts.MultiplicationsPerPixel / 1000.0:F0} k multiplications a pixel and image for the loss"));
            terminal.WriteLine(facts.Task is null
                ? "  its training is unknown"
                : string.Create(CultureInfo.InvariantCulture,
                    $"  trained for {facts.Task}, recipe {facts.Recipe}, {facts.Iterations} iterations a scale{(facts.Extended is { Length: > 0 } ? $" (extended: {facts.Extended})" : "")}, coarsest noise {facts.CoarsestNoise}, reconstruction weight {facts.ReconstructionWeight}, seed {facts.Seed}, on sizes {string.Join(", ", facts.Sizes!)}"));
            if (facts.SourceSha256 is { Length: > 0 } hash)
                terminal.WriteLine($"  from the photograph with the SHA-256 {hash}, by mdf {facts.ProgramVersion}");
            terminal.WriteLine($"  SHA-256 {facts.Sha256}");
        }

        terminal.WriteLine($"probed on {(pictures.Count > 3 ? $"{pictures.Count} images" : string.Join(", ", pictures.Select(picture => picture.Name)))}");
        terminal.Console.WriteTable(table);
    }

    private IEnumerable<Probed> Pictures(CommandContext context, IReadOnlyList<MdfLoss> losses) => context.Get(_pictures) is { Length: > 0 } given
        ? given.SelectMany(path => Directory.Exists(path) ? ImageFolder.List(path) : [path]).Select(path => new Probed(path, ImageFile.Read(path, cancellationToken: context.Cancellation)))
        : Samples(losses).Select(name => new Probed(name, EmbeddedPhotographs.Read(name)));

    // A stack is not probed on the photographs on which it was trained, because it may have memorized them.
    private static string[] Samples(IReadOnlyList<MdfLoss> losses)
    {
        var known = losses.SelectMany(loss => loss.Stack.Metadata?.SourceSha256.Split(',') ?? []).ToHashSet();
        var unseen = s_samples.Where(name => !known.Contains(Convert.ToHexStringLower(SHA256.HashData(EmbeddedPhotographs.Content(name))))).ToArray();
        return unseen.Length > 0 ? unseen : throw new InputException(
            "each of the program's photographs was used to train one of the stacks: name other images with --picture");
    }

    private sealed record Probed(string Name, torch.Tensor Image);

    private sealed record StackFacts(
        string Name, string Sha256, string? Task, int Scales, int[] Widths, string InputRange, string LayerWeights, string[]? Sizes, int? Iterations, string? Extended, double? ReconstructionWeight, double? CoarsestNoise, string? Recipe, long? Seed, string? SourceSha256,
        string? ProgramVersion, long MultiplicationsPerPixel);
}
