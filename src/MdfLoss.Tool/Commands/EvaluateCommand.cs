using System.CommandLine;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Reports;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf evaluate</c>: measures networks on the images of a benchmark, by the rules of the benchmark.</summary>
internal sealed class EvaluateCommand : ComputeCommand
{
    private readonly Argument<string[]> _models = new("model")
    {
        Description = $"network files, weights of another project with --network, or for comparison {Restorers.Described}",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> _task = new("--task")
    {
        Description = $"the task, such as {Tasks.ForNetworks}",
        HelpName = "task",
        Required = true,
        CustomParser = TextParser.From(text =>
        {
            Tasks.ParseTypedForNetwork(text, ExternalDistortion.DefaultTimeLimit);
            return text;
        }),
    };

    private readonly Option<int?> _externalTimeout = CommonOptions.ExternalTimeout();

    private readonly Option<NetworkArchitecture?> _network = CommonOptions.Network();

    private readonly Option<string> _data = new("--data") { Description = "the clean images: a folder, or one image", HelpName = "folder|file", Required = true };

    private readonly Option<string?> _distorted = new("--distorted") { Description = "the folder of their distorted versions [default: computed]", HelpName = "folder" };

    private readonly MeasureOptions _measures = new();

    private readonly Option<bool> _means = new("--means") { Description = "print only the means" };

    private readonly Option<string?> _output = new("--output", "-o") { Description = "write the restored images, with a subfolder for each model", HelpName = "folder" };

    private readonly Option<int> _seed = CommonOptions.Seed("random distortions");

    public EvaluateCommand()
        : base(
            "evaluate",
            "Measures networks on the images of a benchmark: PSNR and SSIM on RGB and on Y, other measures, any losses, and the time. Prints the rules of the measurement with the numbers.",
            new Example("evaluate bicubic runs/edsr/best.safetensors --task sisr:4 --data Set14/HR", "compare a network with bicubic"),
            new Example("evaluate bicubic --task sisr:4 --data Set5/HR --distorted Set5/LR --json", "use given low-resolution files"),
            new Example("evaluate folder:results sr4.safetensors --task sisr:4 --data Set14/HR", "compare a network with the results of another program"),
            new Example("evaluate identity scan.safetensors --task pairs --data clean --distorted scanned", "use given pairs of files"),
            new Example("evaluate identity jpeg.safetensors --task jpeg:10 --data LIVE1 --loss mdf:jpeg10.safetensors --save table.md -o out", "write the table and the restored images"))
    {
        Arguments.Add(_models);
        foreach (var option in (Option[])[_task, _externalTimeout, _network, _data, _distorted, .. _measures.All, _means, _output, _seed])
            Options.Add(option);
    }

    protected override void Check(CommandContext context)
    {
        _measures.Check(context);
        if (context.Get(_output) is not null && FolderNames(context.Get(_models)).GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"the images of two models would be written to the same folder '{twice.Key}': name each model once, or use two commands with different folders");
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        var task = CommonOptions.TypedTasks(context, _externalTimeout, [context.Get(_task)], Tasks.ParseTypedForNetwork, context.Get(_models).Any(Restorers.IsProgram)).Single();
        var images = new BenchmarkImages(context.Get(_data), task, context.Get(_distorted), context.Get(_seed));
        context.WarnOfSubfolders(context.Get(_distorted) is { } distorted ? [context.Get(_data), distorted] : [context.Get(_data)], except: context.Get(_output));
        var (models, losses) = (new List<IRestorer>(), new List<ReconstructionLoss>());
        try
        {
            using var measures = _measures.CreateMeasures(context, device);
            var setup = new RestorerSetup
            {
                Task = task,
                Device = device,
                Architecture = context.Get(_network),
                Warn = context.Warn,
                Images = [.. Enumerable.Range(0, images.Count).Select(images.NameOf)],
                ProgramTimeLimit = CommonOptions.ProgramTimeLimit(context, _externalTimeout),
            };
            foreach (var model in context.Get(_models))
                models.Add(Restorers.Open(model, setup));
            if (context.Get(_network) is not null && !models.Any(model => model is NetworkRestorer { IsForeign: true }))
                throw new InputException("expected another project's weights for --network, found none among the models: leave it out");
            _measures.AddLosses(context, device, losses);
            _measures.PrepareFiles(context);
            var folder = context.Get(_output);
            var folders = models.Zip(FolderNames(context.Get(_models))).ToDictionary();
            var results = context.WithProgress(progress => Benchmark.Run(
                models, images, measures, losses, device,
                (model, image, restored) =>
                {
                    if (folder is not null)
                        ImageFile.Write(Path.Combine(folder, folders[model], image + ".png"), restored);
                },
                progress, context.Cancellation));
            Write(context, images, results, measures.Entries, [.. losses.Select(loss => loss.Expression)]);
            return CommandLine.Success;
        }
        finally
        {
            models.ForEach(model => model.Dispose());
            losses.ForEach(loss => loss.Dispose());
        }
    }

    private void Write(CommandContext context, BenchmarkImages images, IReadOnlyList<BenchmarkResult> results, IReadOnlyList<Measure> measures, IReadOnlyList<string> losses)
    {
        var (all, means) = (BenchmarkTable.Create(results, measures, losses, images.Protocol), BenchmarkTable.OfMeans(results, measures, losses, images.Protocol));
        var shown = context.Get(_means) ? means : all;
        _measures.Save(context, shown);
        context.Result(
            new { images.Protocol, Task = images.Distortion.Task, images.Border, Means = means.ToRecords(), Images = BenchmarkTable.OfImages(results, measures, losses, images.Protocol).ToRecords() },
            terminal => terminal.Console.WriteTable(shown));
    }

    // The names of the models' folders: the last parts of their paths, as many as are needed to distinguish them. 'best' and 'last' of a run get one more part.
    private static string[] FolderNames(string[] models)
    {
        var parts = models.Select(Parts).ToArray();
        for (var depth = 1; ; depth++)
        {
            string[] names = [.. parts.Select(model => string.Join('-', model.TakeLast(model[^1] is "best" or "last" ? depth + 1 : depth)))];
            if (names.Distinct(StringComparer.OrdinalIgnoreCase).Count() == names.Length || parts.All(model => model.Length <= depth))
                return names;
        }
    }

    // A restorer of the program has a name and no path. A command is named by its first word.
    private static string[] Parts(string model) => Restorers.IsProgram(model)
        ? [.. Parts(model.Split(':', 2)[1].Trim().Split(' ')[0].Trim('"')).TakeLast(1)]
        : PartsOfPath(model.StartsWith("folder:", StringComparison.Ordinal) ? Path.TrimEndingDirectorySeparator(model["folder:".Length..]) : model.Replace(':', '-'));

    private static string[] PartsOfPath(string model) => Path.GetDirectoryName(model) is { Length: > 0 }
        ? Path.ChangeExtension(Path.GetFullPath(model), null).Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries)
        : [Path.ChangeExtension(model, null)];
}
