using Mdf.Evaluation;
using Mdf.Experiments;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;

namespace Mdf.Tests.Experiments.Sweeps;

public sealed class SweepResultsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Sweep _sweep;
    private readonly SweepFolder _cells;

    public SweepResultsTests()
    {
        File.WriteAllText(_folder.File("sweep.yaml"), """
            experiment: {task: 'jpeg:10', network: {name: dncnn}, loss: l1, data: {train: a, validation: b}, schedule: {iterations: 9}, validation: {measures: [psnr, flip]}}
            losses: {MSE: mse, Sum: l1+w*mse}
            axes: {w: [0.1, 1]}
            seeds: [1, 2]
            """);
        _sweep = Sweep.Load(_folder.File("sweep.yaml"), task: null, ExperimentArguments.InCode);
        _cells = new SweepFolder(_folder.File("out"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void All_settings_are_trained_with_the_first_seed_before_any_has_its_second()
    {
        Assert.Equal([0, 2, 4, 1, 3, 5], Todo(retry: false));
        // Of a resumed sweep, the second seed of a setting does not come earlier because its first is there.
        Finish(0, 28, 0.1);
        Write(3, new CellRecord(CellState.Failed, _sweep.Cells[3].Settings, 4, null, null, "the loss became NaN"));
        Write(4, new CellRecord(CellState.Stopped, _sweep.Cells[4].Settings, 5, 0.5, new Dictionary<string, double?> { ["psnr"] = 20, ["flip"] = 0.9 }, "worse"));
        _cells.Start(_sweep.Cells[5]);
        Assert.Equal([2, 1, 5], Todo(retry: false));
        Assert.Equal([2, 1, 3, 5], Todo(retry: true));

        int[] Todo(bool retry) => [.. _cells.Todo(_sweep, retry).Select(cell => cell.Index)];
    }

    [Fact]
    public void Means_and_standard_deviations_are_over_the_finished_seeds()
    {
        Finish(0, 28, 0.1);
        Finish(1, 30, 0.3);
        Finish(2, 31, 0.2);
        Write(3, new CellRecord(CellState.Failed, _sweep.Cells[3].Settings, 4, null, null, "the loss became NaN"));
        Write(4, new CellRecord(CellState.Stopped, _sweep.Cells[4].Settings, 5, 0.5, new Dictionary<string, double?> { ["psnr"] = 20, ["flip"] = 0.9 }, "worse"));
        var results = SweepResults.Read(_sweep, _cells);
        Assert.False(results.IsComplete);
        Assert.Equal([CellState.Finished, CellState.Finished, CellState.Finished, CellState.Failed, CellState.Stopped, CellState.Missing], results.Cells.Select(cell => cell.State));

        // By hand: the mean of 28 and 30, and √((1 + 1) / (2 − 1)).
        var psnr = Measures.Find(Measures.Psnr);
        Assert.Equal((29.0, Math.Sqrt(2), 31.0, null, null), (results.Settings[0].Mean(psnr), results.Settings[0].Deviation(psnr), results.Settings[1].Mean(psnr), results.Settings[1].Deviation(psnr), results.Settings[2].Mean(psnr)));
        Assert.Equal("""
            cell,loss,w,seed,state,iteration,validation_loss,psnr,flip
            0,MSE,,1,finished,9,0.5,28,0.1
            1,MSE,,2,finished,9,0.5,30,0.3
            2,Sum,0.1,1,finished,9,0.5,31,0.2
            3,Sum,0.1,2,failed,4,,,
            4,Sum,1,1,stopped early,5,0.5,20,0.9
            5,Sum,1,2,not started,,,,

            """.ReplaceLineEndings("\r\n"), Mdf.Reports.ResultTableFormats.ToCsv(results.ToTable()));
        Assert.Equal("""
            loss,w,seeds,psnr,psnr_sd,flip,flip_sd
            MSE,,2,29,1.4142135623730951,0.2,0.1414213562373095
            Sum,0.1,1,31,,0.2,
            Sum,1,0,,,,

            """.ReplaceLineEndings("\r\n"), Mdf.Reports.ResultTableFormats.ToCsv(results.ToMeans()));
        Assert.Equal("loss=Sum, w=0.1", $"{results.Choose(BestRule.Parse("psnr"))?.Setting}");
        Assert.Equal("loss=MSE", $"{results.Choose(BestRule.Parse("flip within 2 dB of the best psnr"))?.Setting}");
    }

    [Fact]
    public void The_best_setting_becomes_an_experiment_and_a_report_with_a_caution_for_one_seed()
    {
        foreach (var cell in _sweep.Cells)
            Finish(cell.Index, 28 + cell.Index, 0.1);
        var results = SweepResults.Read(_sweep, _cells);
        Assert.True(results.IsComplete);
        var rule = BestRule.Parse("psnr");
        SweepReport.WriteBest(_cells, _sweep, rule, results.Choose(rule)!, tests: null);
        Assert.Equal(_sweep.Cells[4].Experiment, ExperimentFile.Load(_cells.BestExperiment));
        Assert.Contains("loss=Sum, w=1", File.ReadAllText(_cells.BestReport));
        Assert.Contains("(means of 2 seeds)", File.ReadAllText(_cells.BestReport));
        SweepReport.WriteBest(_cells, _sweep, rule, new SettingResult(_sweep.Cells[0].Setting, [results.Cells[0]]), tests: null);
        Assert.Contains("One seed: the difference to other settings may be smaller than that between two seeds.", File.ReadAllText(_cells.BestReport));
    }

    [Fact]
    public void A_record_of_other_settings_or_that_is_corrupt_is_refused()
    {
        Write(0, new CellRecord(CellState.Failed, "other", 4, null, null, "x"));
        Assert.Contains("expected the settings of this sweep, found a cell that was trained with", Assert.Throws<InputException>(() => SweepResults.Read(_sweep, _cells)).Message);
        foreach (var text in new[] { "", "{", "[]", "{\"state\":\"missing\"}", "{\"state\":\"finished\",\"settings\":\"x\",\"iteration\":1,\"loss\":1,\"measures\":null,\"message\":null}" })
        {
            File.WriteAllText(Path.Combine(_cells.Run(_sweep.Cells[0]).Path, "cell.json"), text);
            Assert.Contains("expected the record of a cell, found something else: delete the folder of the cell", Assert.Throws<InputException>(() => SweepResults.Read(_sweep, _cells)).Message);
        }
    }

    [Fact]
    public void Tables_are_written_while_cells_run_but_not_too_often()
    {
        Finish(0, 28, 0.1);
        var (often, seldom) = (SweepReport.WriteTablesMeanwhile(_cells, _sweep, TimeSpan.Zero), SweepReport.WriteTablesMeanwhile(_cells, _sweep, TimeSpan.FromHours(1)));
        seldom();
        Assert.False(File.Exists(_folder.File("out/table.csv")));
        using (_cells.TryLockTables())
            often();
        Assert.False(File.Exists(_folder.File("out/table.csv")));
        often();
        Assert.Contains("0,MSE,,1,finished,9,0.5,28,0.1", File.ReadAllText(_folder.File("out/table.csv")));
    }

    [Fact]
    public void Infinite_and_missing_values_are_kept()
    {
        Finish(0, double.PositiveInfinity, null);
        var record = _cells.Read(_sweep.Cells[0]).Record!;
        Assert.Equal((double.PositiveInfinity, null), (record.Measures!["psnr"], record.Measures["flip"]));
    }

    [Fact]
    public void Folders_of_no_cell_are_listed()
    {
        Finish(0, 1, 1);
        Directory.CreateDirectory(_folder.File("out/cells/loss=old"));
        Assert.Equal(["loss=old"], _cells.Others(_sweep));
    }

    private void Finish(int cell, double? psnr, double? flip) =>
        Write(cell, new CellRecord(CellState.Finished, _sweep.Cells[cell].Settings, 9, 0.5, new Dictionary<string, double?> { ["psnr"] = psnr, ["flip"] = flip }, null));

    private void Write(int cell, CellRecord record) => _cells.Write(_sweep.Cells[cell], record);
}
