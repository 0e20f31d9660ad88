using System.CommandLine;
using System.Text.Json;
using Mdf.Benchmarks;
using Mdf.Reports;
using Mdf.Runtime;
using TorchSharp;

var size = new Option<string?>("--size") { Description = "one image: WIDTHxHEIGHT", HelpName = "512x384" };
var patches = new Option<string?>("--patches") { Description = "a batch of square patches: COUNTxSIDE", HelpName = "16x96" };
var stack = new Option<string?>("--stack") { Description = "a stack file [default: the authors' where ../shared has it, else random weights]", HelpName = "file" };
var rounds = new Option<int>("--rounds") { Description = "how often everything is timed", HelpName = "n", DefaultValueFactory = _ => 5 };
var steps = new Option<int>("--steps") { Description = "steps of Adam", HelpName = "n", DefaultValueFactory = _ => 200 };
var json = new Option<bool>("--json") { Description = "print the result as one JSON object", Recursive = true };
var threads = new Option<int?>("--threads") { Description = "threads to compute with", HelpName = "n", Recursive = true };
var plots = new Option<string?>("--plots") { Description = "write plots into this folder", HelpName = "folder" };
var task = new Option<string>("--task") { Description = "what the loss is trained for", HelpName = "task", DefaultValueFactory = _ => "sisr" };
var way = new Option<string?>("--way") { HelpName = "name" };
var folder = new Option<string?>("--folder") { HelpName = "folder" };
var niqe = new Option<string?>("--niqe") { Description = "also measure NIQE, with these parameters", HelpName = "niqe_pris_params.npz" };
var cells = new Option<int>("--cells") { Description = "cells of the sweep", HelpName = "n", DefaultValueFactory = _ => 200 };
var lossName = new Option<string?>("--loss") { HelpName = "name" };

var root = new RootCommand("Measures the speed and memory of mdf, as ratios within one run.") { json, threads };
Add("loss", "the MDF loss against the authors' way and the arithmetic floor", [size, patches, stack, rounds], arguments =>
{
    var (work, words) = WorkOf(arguments, "512x384", null);
    Print(arguments, LossBenchmark.Run(work, words, arguments.GetValue(stack), arguments.GetValue(rounds)));
});
Add("large", "the MDF loss of a 3840x2160 image", [stack, rounds], arguments =>
    Print(arguments, LargeBenchmark.Run(arguments.GetValue(stack), arguments.GetValue(rounds))));
Add("losses", "what every loss costs", [size, patches, rounds], arguments =>
{
    var (work, words) = WorkOf(arguments, null, "4x192");
    PrintTable(arguments, LossesBenchmark.Run(work, words, arguments.GetValue(rounds)));
});
Add("scaling", "how the cost of the MDF loss grows", [rounds, plots], arguments =>
    PrintTable(arguments, ScalingBenchmark.Run(arguments.GetValue(rounds), arguments.GetValue(plots))));
Add("precision", "pixel recovery in fp32 and in bf16: how far the curves lie apart", [size, stack, steps], arguments =>
    Print(arguments, PrecisionBenchmark.Run(WorkOf(arguments, "512x384", null).Work, arguments.GetValue(stack), arguments.GetValue(steps))));
Add("training", "a step of a network's training with the sampler against one with a fixed batch", [rounds], arguments =>
    Print(arguments, TrainingBenchmark.Run(arguments.GetValue(rounds))));
Add("phase1", "an iteration of phase 1 at each scale: SinGAN's published schedule, ours, and the arithmetic floor", [task, rounds], arguments =>
    Print(arguments, Phase1Benchmark.Run(
        arguments.GetValue(task)!, Mdf.Imaging.ImageFile.Read(Path.Combine("samples", "photographs", "coffee.png")), arguments.GetValue(rounds))));
Add("training-memory", "resident memory during 2,000 steps of a network's training", [], arguments =>
    Print(arguments, TrainingBenchmark.RunForMemory()));
Add("measures", "peak memory of every default measure of a 4000x3000 picture", [niqe], arguments =>
    PrintTable(arguments, MeasuresBenchmark.Run(4000, 3000, arguments.GetValue(niqe))));
Add("sweep", "a sweep of short cells against the same runs in one process", [cells, rounds], arguments =>
    PrintTable(arguments, SweepBenchmark.Run(arguments.GetValue(cells), arguments.GetValue(rounds))));
Add("peak", "prints the peak memory of one way or loss; the other benchmarks start it", [way, lossName, size, patches, stack, folder, niqe], arguments =>
{
    if (arguments.GetValue(folder) is { } pictures)
    {
        PeakMemory.Print(() => MeasuresBenchmark.RunForMemory(arguments.GetValue(way)!, pictures, arguments.GetValue(niqe)));
        return;
    }

    var (work, _) = WorkOf(arguments, "512x384", null);
    PeakMemory.Print(() =>
    {
        if (arguments.GetValue(lossName) is { } name)
            LossesBenchmark.RunForMemory(name, work);
        else
            LossBenchmark.RunForMemory(arguments.GetValue(way)!, work, arguments.GetValue(stack));
    });
});
root.Subcommands[^1].Hidden = true;
return root.Parse(args).Invoke();

void Add(string name, string description, Option[] options, Action<ParseResult> run)
{
    var command = new Command(name, description);
    foreach (var option in options)
        command.Options.Add(option);
    command.SetAction(arguments =>
    {
        try
        {
            NativeLibraries.Load();
            torch.set_num_threads(arguments.GetValue(threads) ?? Math.Min(torch.get_num_threads(), Environment.ProcessorCount));
            run(arguments);
            return 0;
        }
        catch (InputException e)
        {
            Console.Error.WriteLine($"benchmarks: {e.Message}");
            return 2;
        }
    });
    root.Subcommands.Add(command);
}

(Workload Work, string[] Words) WorkOf(ParseResult arguments, string? otherwiseSize, string? otherwisePatches)
{
    var ofPatches = arguments.GetValue(patches) ?? (arguments.GetValue(size) is null ? otherwisePatches : null);
    var ofSize = arguments.GetValue(size) ?? otherwiseSize;
    return ofPatches is not null ? (Workload.OfPatches(ofPatches), ["--patches", ofPatches]) : (Workload.OfSize(ofSize!), ["--size", ofSize!]);
}

void Print<T>(ParseResult arguments, T result)
{
    var options = new JsonSerializerOptions
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };
    var text = JsonSerializer.Serialize(result, options);
    Console.WriteLine(arguments.GetValue(json) ? text : text.Trim('{', '}', '\n').Replace("\"", "", StringComparison.Ordinal));
}

void PrintTable(ParseResult arguments, ResultTable table)
{
    if (arguments.GetValue(json))
        Print(arguments, new { table.Title, Rows = table.ToRecords() });
    else
        Console.WriteLine(table.ToMarkdown());
}
