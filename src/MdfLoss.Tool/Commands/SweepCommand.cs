using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Mdf.Distortions;
using Mdf.Experiments;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf sweep</c>: runs a grid of experiments.</summary>
internal sealed class SweepCommand : MdfCommand
{
    private const string Submission = "sbatch";

    // How often the tables are written while cells run.
    private static readonly TimeSpan s_tables = TimeSpan.FromSeconds(10);

    private readonly Argument<string> _sweep = new("sweep") { Description = "the sweep file (docs/sweep.md): an experiment, and the values of some of its keys, losses and seeds" };

    private readonly Option<string?> _output = new("--output", "-o") { Description = "the folder of the sweep [default: runs/ and the name of the file]", HelpName = "folder" };

    private readonly Option<int> _jobs = CommonOptions.Jobs("cells to run");

    private readonly Option<bool> _retry = new("--retry") { Description = "run failed cells again" };

    private readonly Option<bool> _keepGoing = new("--keep-going") { Description = "continue with the other cells if one fails [default]" };

    private readonly Option<bool> _failFast = new("--fail-fast") { Description = "stop all cells if one fails" };

    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "list the cells, with the estimated time of each from a few measured steps, and train nothing" };

    private readonly Option<int?> _cell = new("--cell")
    {
        Description = "run one cell, by its number from 0, in this process, and make no tables: for a scheduler (docs/cluster.md)",
        HelpName = "n",
        CustomParser = result => TextParser.Integer("--cell", 0)(result),
    };

    private readonly Option<bool> _collect = new("--collect") { Description = "run no cell; make the tables and plots from the cells that have ended" };

    private readonly Option<bool> _slurm = new("--slurm") { Description = "submit the cells to Slurm as a job array, with the options of 'cluster' in the file; afterwards run --collect (docs/cluster.md)" };

    private readonly Option<string?> _best = new("--best")
    {
        Description = "choose the best cell by a measure or a rule, such as 'resnet18 within 0.1 dB of the best psnr-y' [default: 'best' of the file]",
        HelpName = "rule",
        CustomParser = TextParser.From(text =>
        {
            BestRule.Parse(text);
            return text;
        }),
    };

    private readonly Option<string?> _task = new("--task")
    {
        Description = "the task of every cell, instead of the task in the experiment; external:command is a program, as for mdf train",
        HelpName = "task",
        CustomParser = TextParser.From(text =>
        {
            Tasks.ParseTypedForNetwork(text, ExternalDistortion.DefaultTimeLimit);
            return text;
        }),
    };

    private readonly Option<int?> _externalTimeout = CommonOptions.ExternalTimeout();

    private readonly Option<ComputeDevice> _device = CommonOptions.Device();

    // A worker reads the numbers of its cells from standard input (WorkerMessage).
    private readonly Option<bool> _worker = new("--worker") { Hidden = true };

    public SweepCommand()
        : base(
            "sweep",
            "Runs a grid of experiments: every combination of losses, values of keys, and seeds. Run again, it does what is missing. Ends with tables, plots, and the best cell.",
            new Example("sweep experiments/cpu/search-resnet18.yaml", "search the weight of a loss"),
            new Example("sweep search.yaml --dry-run", "list the cells, and how long they will take"),
            new Example("sweep search.yaml --jobs 4 --best 'resnet18 within 0.1 dB of the best psnr-y'", "run four cells at once, and choose one"),
            new Example("sweep search.yaml --retry", "run the cells that have failed again"),
            new Example("sweep search.yaml --slurm", "run the cells on a cluster"),
            new Example("sweep search.yaml --cell 3", "run one cell, as a task of a scheduler does"))
    {
        Arguments.Add(_sweep);
        foreach (var option in new Option[] { _output, _jobs, _retry, _keepGoing, _failFast, _dryRun, _cell, _collect, _slurm, _best, _task, _externalTimeout, _device, _worker })
            Options.Add(option);
    }

    /// <inheritdoc/>
    public override int Run(CommandContext context)
    {
        Check(context);
        string[] typed = context.Get(_task) is { } given ? [given] : [];
        var task = CommonOptions.TypedTasks(context, _externalTimeout, typed, Tasks.ParseTypedForNetwork).SingleOrDefault();
        var sweep = Sweep.Load(context.Get(_sweep), task, new ExperimentArguments("axis", _task.Name));
        var folder = new SweepFolder(context.Get(_output) ?? Sweep.DefaultFolder(context.Get(_sweep)));
        if (context.Get(_worker))
            return SweepWorker.Run(context, sweep, Console.In, warn => CellRun(context, sweep, folder, warn).Run);
        if (context.Get(_dryRun))
            return DryRun.List(context, sweep.Name, [.. sweep.Cells.Select(cell => ((string?)null, cell, folder.Read(cell).State))], new SweepEstimate(Load(context, sweep)));
        if (context.Get(_slurm))
            return Submit(context, sweep, folder);
        if (context.Get(_cell) is { } index)
            return RunCell(context, sweep, folder, index);
        var rule = context.Get(_best) is { } text ? BestRule.Parse(text) : sweep.Best;
        sweep.RequireMeasures(rule?.Measures ?? []);
        return context.Get(_collect) ? Finish(context, sweep, folder, rule, []) : RunAll(context, sweep, folder, rule);
    }

    private void Check(CommandContext context)
    {
        var modes = new (string Name, bool IsGiven)[] { (_dryRun.Name, context.Get(_dryRun)), (_cell.Name, context.Get(_cell) is not null), (_collect.Name, context.Get(_collect)), (_slurm.Name, context.Get(_slurm)) }
            .Where(mode => mode.IsGiven).Select(mode => mode.Name).ToArray();
        if (modes.Length > 1)
            throw new InputException($"expected one of {string.Join(" and ", modes)}, found both: use two commands");
        if (context.Get(_keepGoing) && context.Get(_failFast))
            throw new InputException($"expected {_keepGoing.Name} or {_failFast.Name}, found both: leave one out");
    }

    private int RunAll(CommandContext context, Sweep sweep, SweepFolder folder, BestRule? rule)
    {
        // Refuses a cell of other settings before anything is trained.
        var todo = folder.Todo(sweep, context.Get(_retry));
        context.WarnOfSubfolders(sweep.Cells.SelectMany(cell => cell.Experiment.TrainingFolders).Distinct());
        folder.Prepare();
        try
        {
            var messages = todo.Length == 0 ? [] : context.WithProgress(progress => WorkerPool.Run(
                todo, () => Worker(context, folder), context.Get(_jobs), context.Get(_failFast), context.Warn, progress, context.Cancellation,
                SweepReport.WriteTablesMeanwhile(folder, sweep, s_tables)));
            return Finish(context, sweep, folder, rule, messages);
        }
        catch (OperationCanceledException e)
        {
            var ended = sweep.Cells.Count(cell => folder.Read(cell).Record is not null);
            throw new RunInterruptedException(string.Create(CultureInfo.InvariantCulture, $"{ended} of {sweep.Cells.Count} cells have ended, and the others have their checkpoints: run the same command again"), folder.Path, e);
        }
    }

    /// <summary>Writes the tables, the plots and the best cell, and says what happened to the cells.</summary>
    private int Finish(CommandContext context, Sweep sweep, SweepFolder folder, BestRule? rule, IReadOnlyList<WorkerMessage> messages)
    {
        using var taken = folder.LockTables(context.Cancellation);
        var results = SweepResults.Read(sweep, folder);
        SweepReport.WriteTables(folder, results);
        if (folder.Others(sweep) is { Count: > 0 } others)
            context.Warn(string.Create(CultureInfo.InvariantCulture, $"{others.Count} folders in '{folder.Path}' belong to no cell of this sweep, and are left out, such as '{others[0]}'"));
        var chosen = rule is not null && results.IsComplete ? results.Choose(rule) : null;
        var description = SweepDescription.Of(sweep, results, rule, chosen);
        new SweepFigures(description).Write(folder);
        description.Write(folder.Path);
        if (chosen is not null)
        {
            var tests = sweep.Test is { } test ? context.WithProgress(progress => SweepReport.Measure(folder, test, chosen, Load(context, sweep), context.Warn, progress, context.Cancellation)) : null;
            SweepReport.WriteBest(folder, sweep, rule!, chosen, tests);
        }

        var problems = Problems(results, messages).ToList();
        context.Result(
            new
            {
                Sweep = folder.Path,
                Cells = results.Cells.Select(cell => new { cell.Cell.Name, State = SweepResults.Words(cell.State), cell.Record?.Message, cell.Record?.Measures }),
                Problems = problems,
                Best = chosen?.Setting.ToString(),
                BestExperiment = chosen is null ? null : folder.BestExperiment,
            },
            terminal =>
            {
                terminal.Console.WriteTable(results.ToMeans());
                foreach (var problem in problems)
                    terminal.WriteLine(problem);
                terminal.WriteLine(string.Join(", ", results.Cells.GroupBy(cell => cell.State).Select(group => string.Create(CultureInfo.InvariantCulture, $"{group.Count()} {SweepResults.Words(group.Key)}"))) + $"; {folder.Table}.csv, {folder.Means}.csv: the tables; {folder.Plots}: the plots");
                if (chosen is not null)
                    terminal.WriteLine($"{folder.BestExperiment}: the best setting by '{rule}': {chosen.Setting}; {folder.BestReport} has its measures");
                else if (rule is not null && !results.IsComplete)
                    terminal.WriteLine("the best setting is chosen when all cells have ended");
            });
        var isElsewhere = messages.Any(message => message.IsElsewhere == true);
        return results.Cells.All(cell => cell.State is CellState.Finished or CellState.Stopped || isElsewhere && cell.State == CellState.Unfinished) ? CommandLine.Success : CommandLine.Failure;
    }

    /// <summary>Says what happened to the cells that have not finished, and how to continue. Cells with the same problem share a line.</summary>
    private static IEnumerable<string> Problems(SweepResults results, IReadOnlyList<WorkerMessage> messages)
    {
        var problems =
            from cell in results.Cells
            where cell.State != CellState.Finished
            let message = cell.Record?.Message ?? messages.FirstOrDefault(message => message.Cell == cell.Cell.Index)?.Message
            where message is not null
            group cell.Cell.Name by (cell.State, message);
        return problems.Select(problem =>
        {
            var others = problem.Count() - 1;
            var names = problem.First() + (others == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" and {others} {(others == 1 ? "other" : "others")}"));
            return problem.Key.State == CellState.Failed
                ? $"failed: {names}: {problem.Key.message}; fix this, then run the sweep with --retry"
                : $"{SweepResults.Words(problem.Key.State)}: {names}: {problem.Key.message}";
        });
    }

    private int RunCell(CommandContext context, Sweep sweep, SweepFolder folder, int index)
    {
        if (index >= sweep.Cells.Count)
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"--cell: expected a number from 0 to {sweep.Cells.Count - 1}, found {index}"));
        var cell = sweep.Cells[index];
        var record = context.WithProgress(progress => CellRun(context, sweep, folder, context.Warn).Run(cell, progress, context.Cancellation))
            ?? throw new InputException($"'{folder.Run(cell).Path}' is in use by another process: wait until it has ended, or stop it");
        context.Result(new { Cell = cell.Name, record.State, record.Message, record.Measures }, terminal => terminal.WriteLine(record.Message is { } message ? $"{cell.Name}: {SweepResults.Words(record.State)}: {message}" : $"{cell.Name}: {SweepResults.Words(record.State)}"));
        return record.State == CellState.Failed ? CommandLine.Failure : CommandLine.Success;
    }

    /// <summary>Writes the batch script and submits it.</summary>
    private int Submit(CommandContext context, Sweep sweep, SweepFolder folder)
    {
        foreach (var cell in sweep.Cells)
            _ = folder.Read(cell); // refuses a cell of other settings
        var script = Path.GetFullPath(Path.Combine(folder.Slurm, "job.sh"));
        string[] command = [.. ThisProgram.Words, Name, Path.GetFullPath(context.Get(_sweep)), _output.Name, Path.GetFullPath(folder.Path), .. Passed(context).SelectMany(context.Typed), _cell.Name];
        AtomicFile.Write(script, SlurmScript.Write(sweep.Cluster, sweep.Cells.Count, command, Environment.CurrentDirectory, Path.GetFullPath(folder.Slurm), sweep.Name));
        var (code, output) = ThisProgram.Answer(Submission, script);
        if (code is null)
            throw new InputException($"'{script}' is written, but there is no program '{Submission}' here: submit it on a machine with Slurm");
        if (code != 0)
            throw new IOException($"'{Submission} {script}' failed: {InputException.OneLine(output)}");
        context.Result(new { Script = script, Cells = sweep.Cells.Count, Answer = output.Trim() }, terminal =>
        {
            terminal.WriteLine(output.Trim());
            terminal.WriteLine($"{folder.Slurm}: the script and the logs; when all jobs have ended, run: mdf sweep {context.Get(_sweep)} -o {folder.Path} --collect");
        });
        return CommandLine.Success;
    }

    private CellRun CellRun(CommandContext context, Sweep sweep, SweepFolder folder, Action<string>? warn) => new(sweep, folder, Load(context, sweep), warn)
    {
        Retry = context.Get(_retry) || context.Get(_cell) is not null,
        Advice = error => Advice.For(error, Name),
    };

    /// <summary>Loads libtorch and sets the threads of a cell.</summary>
    private torch.Device Load(CommandContext context, Sweep sweep)
    {
        NativeLibraries.Load();
        torch.set_num_threads(sweep.Threads);
        return context.Get(_device).Resolve();
    }

    /// <summary>The options that every cell needs.</summary>
    private Option[] Passed(CommandContext context) => [_task, _externalTimeout, _device, context.OfAll(Plugins.Name), context.OfAll(CommonOptions.Libtorch)];

    /// <summary>Creates the command of a worker: this program with the same sweep.</summary>
    private ProcessStartInfo Worker(CommandContext context, SweepFolder folder)
    {
        string[] retry = context.Get(_retry) ? [_retry.Name] : [];
        return ThisProgram.Start([Name, context.Get(_sweep), _output.Name, folder.Path, _worker.Name, .. retry, .. Passed(context).SelectMany(context.Typed)]);
    }
}
