using Mdf.Experiments;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;

namespace Mdf.Tests.Experiments.Sweeps;

public sealed class SweepFileTests : IDisposable
{
    private const string Base = "experiment: {task: 'jpeg:10', network: {name: dncnn}, loss: l1, data: {train: a, validation: b}, schedule: {iterations: 9}}\n";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_combination_is_a_cell_and_a_weight_counts_only_where_it_is_used()
    {
        var sweep = Load(Base + """
            losses: {MSE: mse, VGG: mse+w*vgg16}
            axes:
              w: log(1e-3, 10, 3)
              schedule.learning_rate: [1e-4, 2e-4]
            seeds: [1, 2]
            threads: 3
            """);
        Assert.Equal(2 * 2 + 3 * 2 * 2, sweep.Cells.Count);
        Assert.Equal(3, sweep.Threads);
        Assert.Equal(
            ["loss=MSE,learning_rate=1e-4,seed=1", "loss=MSE,learning_rate=1e-4,seed=2", "loss=MSE,learning_rate=2e-4,seed=1", "loss=MSE,learning_rate=2e-4,seed=2", "loss=VGG,w=0.001,learning_rate=1e-4,seed=1"],
            sweep.Cells.Take(5).Select(cell => cell.Name));
        Assert.Equal(Enumerable.Range(0, 16), sweep.Cells.Select(cell => cell.Index));
        var last = sweep.Cells[^1];
        Assert.Equal("loss=VGG,w=10,learning_rate=2e-4,seed=2", last.Name);
        Assert.Equal(("mse+10*vgg16", 2e-4, 2), ($"{last.Experiment.Loss}", last.Experiment.Training.Schedule.LearningRate, last.Experiment.Training.Seed));
        Assert.Equal("mse", $"{sweep.Cells[0].Experiment.Loss}");
    }

    [Theory]
    [InlineData("log(1e-3, 10, 5)", "0.001 0.01 0.1 1 10")]
    [InlineData("log(1e-4, 1e-2, 4)", "0.0001 0.0004642 0.002154 0.01")]
    [InlineData("linear(0.1, 0.5, 5)", "0.1 0.2 0.3 0.4 0.5")]
    [InlineData("[3, 1]", "3 1")]
    public void Values_of_an_axis_are_listed_or_computed(string values, string expected) =>
        Assert.Equal(expected, string.Join(' ', Load(Base + $"losses: {{A: l1+w*mse}}\naxes: {{w: '{values}'}}".Replace("'[", "[").Replace("]'", "]")).Axes[0].Values.Select(value => value.Name)));

    [Fact]
    public void Values_can_have_names_and_can_be_lists_or_null()
    {
        var sweep = Load(Base + """
            axes:
              init: {random: null, L1: models/jpeg-10.safetensors}
              data.train: [[a, c], [c]]
            """);
        Assert.Equal(["init=random,train=a+c", "init=random,train=c", "init=L1,train=a+c", "init=L1,train=c"], sweep.Cells.Select(cell => cell.Name));
        Assert.Null(sweep.Cells[0].Experiment.Init);
        Assert.Equal("models/jpeg-10.safetensors", sweep.Cells[2].Experiment.Init);
        Assert.Equal(["a", "c"], sweep.Cells[0].Experiment.TrainingFolders);
    }

    [Fact]
    public void The_experiment_can_be_a_file()
    {
        File.WriteAllText(_folder.File("base.yaml"), "task: jpeg:10\nnetwork: {name: dncnn}\nloss: l1\ndata: {train: a, validation: b}\nschedule: {iterations: 9}\n");
        Assert.Equal(2, Load($"experiment: {_folder.File("base.yaml")}\nseeds: [1, 2]").Cells.Count);
    }

    [Fact]
    public void Settings_that_have_an_effect_change_the_hash_of_a_cell_and_others_do_not()
    {
        string Of(string more, string experiment = Base) => Load(experiment + "seeds: [1]\n" + more).Cells[0].Settings;
        var hash = Of("");
        Assert.Equal(64, hash.Length);
        Assert.Equal(hash, Of("best: psnr"));
        Assert.Equal(hash, Of("threads: 1"));
        Assert.NotEqual(hash, Of("threads: 2"));
        Assert.NotEqual(hash, Of("stop_early: {measure: psnr}"));
        Assert.NotEqual(hash, Of("", Base.Replace("iterations: 9", "iterations: 10", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("seeds: [1]\naxis: {w: [1]}", "line 3: unknown key 'axis': did you mean 'axes'?")]
    [InlineData("axes: {schedule.batch: []}", "line 2: expected at least one value for the axis 'schedule.batch', found an empty list")]
    [InlineData("axes: {schedule.batch: }", "line 2: expected the axis 'schedule.batch' to have values: a list, log(low, high, count) or linear(low, high, count), found nothing")]
    [InlineData("axes: {schedule.batch: few}", "found 'few'")]
    [InlineData("axes:\n  seeds: [1]", "line 3: the axis 'seeds' is no key of an experiment, and no loss has it as a weight ('seeds*…'); did you mean 'seed'?")]
    [InlineData("axes:\n  schedule.iteration: [1, 2]", "line 3: unknown key 'iteration' in 'schedule': did you mean 'iterations'?")]
    [InlineData("axes:\n  schedule.batch: [1, x]", "line 3: expected 'schedule.batch' to be a whole number from 1 to 4096, found 'x'")]
    [InlineData("axes: {loss: [l1, mse]}", "line 2: expected the key 'losses' of the sweep instead of an axis 'loss'")]
    [InlineData("axes: {seed: [1, 2]}", "line 2: expected the key 'seeds' of the sweep instead of an axis 'seed'")]
    [InlineData("axes: {w: [1, 2]}\nlosses: {A: l1}", "line 2: the axis 'w' is no key of an experiment, and no loss has it as a weight ('w*…')")]
    [InlineData("axes: {w: [1, -2]}\nlosses: {A: l1+w*mse}", "line 2: expected the values of the weight 'w' to be positive numbers, found '-2'")]
    [InlineData("axes: {w: [1, 1]}\nlosses: {A: l1+w*mse}", "expected different values for the axis 'w', found '1' 2 times")]
    [InlineData("axes: {w: 'log(0, 1, 3)'}\nlosses: {A: l1+w*mse}", "expected log(low, high, count) with 0 < low < high and a whole number from 2 to 1000 values, found 'log(0, 1, 3)'")]
    [InlineData("axes: {seed: [1]}\nlosses: {A: l1+seed*mse}", "instead of an axis 'seed'")]
    [InlineData("axes: {psnr: [1]}\nlosses: {A: l1+psnr*mse}", "line 2: the tables have a column 'psnr' of their own: give the weight another name")]
    [InlineData("losses:\n  A: l1\n  B: l11", "line 4: unknown loss 'l11'")]
    [InlineData("losses: {}", "line 2: expected at least one loss, found none")]
    [InlineData("losses: {A/B: l1, A_B: mse}", "line 2: two cells would have the same name 'loss=A_B' (loss=A/B and loss=A_B); name the values")]
    [InlineData("axes: {schedule.learning_rate: 'linear(1, 2, 1000)', schedule.batch: 'linear(1, 1000, 1000)'}", "expected at most 10000 cells, found 1,000,000: use fewer values or several sweeps")]
    [InlineData("seeds: []", "line 2: expected at least one seed, found an empty list")]
    [InlineData("seeds: [1, 1]", "line 2: expected different seeds, found one twice")]
    [InlineData("seeds: [1]\nbest: psnrr", "line 3: unknown measure 'psnrr'")]
    [InlineData("seeds: [1]\nbest: niqe", "line 3: expected one measure with better and worse values, found 'niqe'")]
    [InlineData("seeds: [1]\nbest: haarpsi", "line 3: the rule needs the measure 'haarpsi', and the validations of the experiment have psnr, ssim, psnr_y, ssim_y, psnr_chroma, ms_ssim, flip: add it to 'validation.measures'")]
    [InlineData("seeds: [1]\nbest: psnr within a lot of flip", "line 3: expected a measure, such as psnr_y, or a rule such as")]
    [InlineData("seeds: [1]\nbest: flip within 0.1 cm of the best psnr", "line 3: expected a distance in dB, as 'psnr' has, found 'cm'")]
    [InlineData("seeds: [1]\nstop_early: {measure: lpips_alex}", "line 3: the rule needs the measure 'lpips_alex'")]
    [InlineData("seeds: [1]\nstop_early: {after: 3}", "line 3: 'stop_early.measure' is missing")]
    [InlineData("seeds: [1]\ntest: {measures: [psnr]}", "line 3: 'test.data' is missing")]
    [InlineData("seeds: [1]\nthreads: 0", "line 3: expected 'threads' to be a whole number from 1 to 1024, found '0'")]
    [InlineData("", "nothing varies in this sweep: expected 'losses', 'axes' or 'seeds'")]
    public void A_mistake_is_one_line_with_its_place(string more, string expected)
    {
        var message = Assert.Throws<InputException>(() => Load(Base + more)).Message;
        Assert.StartsWith($"'{_folder.File("sweep.yaml")}'", message);
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_sweep_has_at_most_32_axes()
    {
        string[] names = [.. "abcdefghijklmnopqrstuvwxyzABCDEFG".Select(letter => letter.ToString())];
        string Axes(int count) => $"losses: {{X: 'l1+{string.Join('+', names.Take(count).Select(name => $"{name}*mse"))}'}}\naxes: {{{string.Join(", ", names.Take(count).Select(name => $"{name}: [1]"))}}}";
        Assert.Equal(32, Load(Base + Axes(32)).Axes.Count);
        Assert.EndsWith("line 3: expected at most 32 axes, found 33: use several sweeps", Assert.Throws<InputException>(() => Load(Base + Axes(33))).Message);
    }

    [Theory]
    [InlineData("seeds: [1]", "'experiment' is missing; expected the file of an experiment, or its keys")]
    [InlineData("experiment: {task: 'jpeg:10'}\nseeds: [1]", "'network.name' is missing")]
    [InlineData("experiment: none.yaml\nseeds: [1]", "there is no such file")]
    [InlineData("[a]", "expected the keys of a sweep")]
    public void A_missing_experiment_is_said(string text, string expected) => Assert.Contains(expected, Assert.Throws<InputException>(() => Load(text)).Message);

    [Theory]
    [InlineData("mse+w*vgg16", "mse+0.1*vgg16", true)]
    [InlineData(" w * mse + l1", "0.1*mse + l1", true)]
    [InlineData("2*mse+l1", "2*mse+l1", false)]
    [InlineData("mdf:'w*a+b.pth'", "mdf:'w*a+b.pth'", false)]
    public void Weights_are_replaced_by_numbers_outside_of_quotes(string text, string expected, bool isUsed)
    {
        var (replaced, used) = Mdf.Losses.LossExpression.SetWeights(text, new Dictionary<string, string> { ["w"] = "0.1" });
        Assert.Equal(expected, replaced.Trim());
        Assert.Equal(isUsed, used.Contains("w"));
    }

    private Sweep Load(string text)
    {
        File.WriteAllText(_folder.File("sweep.yaml"), text);
        return Sweep.Load(_folder.File("sweep.yaml"), task: null, ExperimentArguments.InCode);
    }
}
