using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Runtime;

namespace Mdf.Experiments.Sweeps;

/// <summary>The state of a cell.</summary>
internal enum CellState
{
    /// <summary>Not started.</summary>
    Missing,

    /// <summary>Started and not ended: another process runs it, or it was interrupted.</summary>
    Unfinished,

    /// <summary>Trained to the end.</summary>
    Finished,

    /// <summary>Stopped early by the rule of the sweep.</summary>
    Stopped,

    /// <summary>Ended by an error.</summary>
    Failed,
}

/// <summary>The record of a cell, as its folder contains it: written when the cell starts and when it has ended.</summary>
/// <param name="State">How it ended; <see cref="CellState.Unfinished"/> until then.</param>
/// <param name="Settings">The SHA-256 of its settings.</param>
/// <param name="Iteration">The number of steps made.</param>
/// <param name="Loss">The value of the experiment's loss in the last validation; null for a failed or unfinished cell.</param>
/// <param name="Measures">The measures of the last validation, by their names; null for a failed or unfinished cell.</param>
/// <param name="Message">The error of a failed cell, or the reason why a cell was stopped.</param>
internal sealed record CellRecord(CellState State, string Settings, int Iteration, double? Loss, IReadOnlyDictionary<string, double?>? Measures, string? Message);

/// <summary>The folder of a sweep.</summary>
/// <remarks>
/// <code>
/// cells/loss=VGG,w=0.1,seed=1/   the run folder of a cell; cell.json in it has its settings, and how it has ended
/// table.csv, .json, .md          all cells, with the measures of their last validations
/// means.csv, .json, .md          means and standard deviations over the seeds
/// plots/                         each measure against each numeric axis; the distortion-perception plane; parallel coordinates; as PNG and as SVG
/// sweep.json                     the description of the sweep and its results, for a report
/// best.yaml, best.md             the experiment of the chosen cell; why it was chosen, and its measures on the test sets
/// slurm/                         the batch script of a job array, and its logs
/// </code>
/// </remarks>
internal sealed class SweepFolder
{
    /// <summary>The name of the folder of the cells.</summary>
    public const string CellsName = "cells";

    private const string Record = "cell.json";
    private const string CellLockName = ".cell-lock";
    private const string TablesLockName = ".lock";
    private const int LongestRecord = 1 << 20;

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Names the folder. Reads and creates nothing.</summary>
    /// <param name="path">The folder.</param>
    public SweepFolder(string path) => Path = path;

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The files of the table of all cells, without extension.</summary>
    public string Table => In("table");

    /// <summary>The files of the table of means, without extension.</summary>
    public string Means => In("means");

    /// <summary>The folder of the plots.</summary>
    public string Plots => In("plots");

    /// <summary>The experiment of the chosen cell.</summary>
    public string BestExperiment => In("best.yaml");

    /// <summary>Why the best cell was chosen, and its measures on the test sets.</summary>
    public string BestReport => In("best.md");

    /// <summary>The folder of the batch script and of its logs.</summary>
    public string Slurm => In("slurm");

    /// <summary>The run folder of a cell.</summary>
    /// <param name="cell">The cell.</param>
    public RunFolder Run(SweepCell cell) => new(In(CellsName, cell.Name));

    /// <summary>The names of the folders of cells that no cell of the sweep has.</summary>
    /// <param name="sweep">The sweep.</param>
    public IReadOnlyList<string> Others(Sweep sweep) => Directory.Exists(In(CellsName))
        ? [.. Directory.EnumerateDirectories(In(CellsName)).Select(folder => System.IO.Path.GetFileName(folder)).Except(sweep.Cells.Select(cell => cell.Name)).Order(StringComparer.Ordinal)]
        : [];

    /// <summary>Reads how a cell has ended.</summary>
    /// <param name="cell">The cell.</param>
    /// <returns>Its state, and its record if it has ended.</returns>
    /// <exception cref="InputException">The record is corrupt, or is of other settings.</exception>
    public (CellState State, CellRecord? Record) Read(SweepCell cell)
    {
        var path = In(CellsName, cell.Name, Record);
        if (!File.Exists(path))
            return Run(cell).IsBegun ? throw OtherSettings(cell) : (CellState.Missing, null);
        var record = Parse(path);
        if (record.Settings != cell.Settings)
            throw OtherSettings(cell);
        return (record.State, record.State == CellState.Unfinished ? null : record);
    }

    /// <summary>Lists the cells that are left to train, in the order of the work: all settings have their first seed before any has its second. So a sweep that was interrupted can already compare its settings.</summary>
    /// <param name="sweep">The sweep.</param>
    /// <param name="retry">Whether failed cells are trained again.</param>
    /// <exception cref="InputException">A record is corrupt, or is of other settings.</exception>
    public SweepCell[] Todo(Sweep sweep, bool retry)
    {
        var seedBySeed = sweep.Cells.GroupBy(cell => cell.Setting).SelectMany(setting => setting.Index()).OrderBy(entry => entry.Index).Select(entry => entry.Item);
        return [.. seedBySeed.Where(cell => Read(cell).State is var state && (state is CellState.Missing or CellState.Unfinished || (retry && state == CellState.Failed)))];
    }

    /// <summary>Writes that a cell starts or continues, before it writes anything else into its folder.</summary>
    /// <param name="cell">The cell.</param>
    /// <exception cref="IOException">The disk failed or is full.</exception>
    public void Start(SweepCell cell) => Write(cell, new CellRecord(CellState.Unfinished, cell.Settings, Iteration: 0, Loss: null, Measures: null, Message: null));

    /// <summary>Writes how a cell has ended.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="record">The record.</param>
    /// <exception cref="IOException">The disk failed or is full.</exception>
    public void Write(SweepCell cell, CellRecord record) => AtomicFile.Write(In(CellsName, cell.Name, Record), JsonSerializer.Serialize(record, s_json) + "\n");

    /// <summary>Creates the folder, and checks that it can be written.</summary>
    /// <exception cref="InputException">It cannot be written.</exception>
    public void Prepare() => AtomicFile.Prepare(Table + ".csv");

    /// <summary>Locks a cell; null if another process runs it.</summary>
    /// <param name="cell">The cell.</param>
    /// <exception cref="InputException">The folder cannot be written.</exception>
    public RunLock? TryLock(SweepCell cell) => RunLock.TryTake(In(CellsName, cell.Name), CellLockName);

    /// <summary>Locks the tables; null if another process, or another thread, writes them.</summary>
    public RunLock? TryLockTables() => RunLock.TryTake(Path, TablesLockName);

    /// <summary>Locks the tables, and waits for another process that writes them.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public RunLock LockTables(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (TryLockTables() is { } taken)
                return taken;
            cancellationToken.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(100));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private InputException OtherSettings(SweepCell cell)
    {
        ExperimentDifference? difference = null;
        try
        {
            difference = cell.Experiment.DifferencesFrom(ExperimentFile.Load(Run(cell).Description)) is [var first, ..] ? first : null;
        }
        catch (InputException)
        {
            // The message is less exact.
        }

        var what = difference is null ? "with other threads, plugins or rules, or not by a sweep" : $"with {difference.Key} = {difference.Other ?? "nothing"} instead of {difference.Value ?? "nothing"}";
        return new InputException($"'{Run(cell).Path}': expected the settings of this sweep, found a cell that was trained {what}; use another folder, or delete that of the cell").With(Remedy.MoveRun);
    }

    /// <summary>Reads the record of a cell from its folder, without the sweep.</summary>
    /// <param name="cell">The folder of the cell.</param>
    /// <returns>The record; null if there is none.</returns>
    /// <exception cref="InputException">It is corrupt.</exception>
    public static CellRecord? ReadRecord(string cell) => System.IO.Path.Combine(cell, Record) is var path && File.Exists(path) ? Parse(path) : null;

    private static CellRecord Parse(string path) => JsonFile.Read<CellRecord>(path, LongestRecord, s_json, IsWhole, "expected the record of a cell, found something else: delete the folder of the cell, and it starts again");

    private static bool IsWhole(CellRecord record) => record.State switch
    {
        CellState.Finished or CellState.Stopped => record.Measures is not null,
        CellState.Failed => record.Message is not null,
        CellState.Unfinished => true,
        _ => false,
    };

    private string In(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);
}
