using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Mdf.Experiments;
using Mdf.Losses;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Tests.Experiments;

public sealed partial class ExperimentFileTests
{
    // An experiment; the tests put other lines in the place of some.
    private static readonly string[] s_lines =
    [
        "task: sisr:4",
        "network:",
        "  name: edsr",
        "  features: 64",
        "loss: l1",
        "data:",
        "  train: photos",
        "  validation: others",
        "schedule:",
        "  iterations: 2000",
        "validation:",
        "  every: 100",
        "seed: 3",
    ];

    private static readonly string s_minimal = string.Join('\n', s_lines);

    private static readonly Gen<string> s_text = Gen.OneOf("a", "Z", "0", ".", "/", "\\", ":", "'", "\"", " ", "#", "-", "é", "😀", "{", "]", ",", "&", "*", "!", "%", "@", "null", "true")
        .Array[1, 6].Select(string.Concat).Where(text => text.Trim().Length > 0);

    private static readonly Gen<LearningRateDecay> s_decay = Gen.OneOf(
        Gen.Const<LearningRateDecay>(new ConstantDecay()),
        Gen.Double[0, 1e-7].Select(rate => (LearningRateDecay)new CosineDecay { FinalRate = rate }),
        Gen.Select(Gen.Int[11, 99].Array[1, 5], Gen.Double[0.01, 0.99], (milestones, factor) =>
            (LearningRateDecay)new StepDecay { Milestones = [.. milestones.Distinct().Order()], Factor = factor }));

    private static readonly Gen<ScheduleOptions> s_schedule =
        from iterations in Gen.Int[100, ScheduleOptions.MostIterations]
        from batch in Gen.Int[1, 4096]
        from rate in Gen.Double[1e-7, 10]
        from decay in s_decay
        from warmup in Gen.Int[0, 10]
        from clip in Gen.Double[1e-3, 1e3]
        from isClipped in Gen.Bool
        from fractions in Gen.Double[0, 0.9999].Array[3]
        select new ScheduleOptions
        {
            Iterations = iterations,
            Batch = batch,
            LearningRate = rate,
            Decay = decay,
            Warmup = warmup,
            ClipGradient = isClipped ? clip : null,
            Ema = fractions[0],
            Betas = (fractions[1], fractions[2]),
        };

    private static readonly Gen<Experiment> s_experiment =
        from texts in s_text.Array[5]
        from options in Gen.Dictionary(Gen.OneOf("features", "blocks", "x_1"), s_text)[0, 3]
        from folders in s_text.Array[1, 3]
        from loss in Gen.OneOf("l1", "0.5*ms-ssim+l1", "mdf:'a b+c.pth'?num_scales=3&ascending=false")
        from hasFiles in Gen.Bool
        from flags in Gen.Bool.Array[2]
        from schedule in s_schedule
        from numbers in Gen.Int[16, 2048].Array[5]
        from seed in Gen.Long
        select new Experiment
        {
            Task = texts[0],
            NetworkName = texts[1],
            NetworkOptions = options,
            Loss = LossExpression.Parse(loss),
            Init = hasFiles ? texts[2] : null,
            TrainingFolders = folders,
            ValidationFolder = texts[3],
            DistortedFolders = flags[0] ? folders : null,
            ValidationDistortedFolder = hasFiles ? texts[4] : null,
            Training = new NetworkTrainingOptions
            {
                Sampling = new SamplingOptions { Patch = numbers[0], Augment = flags[0], SkipUnreadable = flags[1], Reduce = flags[0] ? 1 : numbers[1] },
                Schedule = schedule,
                Validation = new ValidationOptions { Every = numbers[2], Images = numbers[3], Niqe = hasFiles ? texts[4] : null, Measures = flags[1] ? [loss, texts[1]] : null },
                CheckpointEvery = numbers[4],
                Seed = seed,
            },
        };

    [Fact]
    public void Distorted_files_reach_the_experiment()
    {
        var experiment = Parse("{task: pairs, network: {name: n}, loss: l1, data: {train: [a, b], distorted: [c, d], validation: e, validation_distorted: f}, schedule: {iterations: 9}}");
        Assert.Equal(["c", "d"], experiment.DistortedFolders);
        Assert.Equal("f", experiment.ValidationDistortedFolder);
    }

    [Fact]
    public void A_program_comes_from_whoever_types_it_and_from_no_file()
    {
        var program = Mdf.Distortions.Tasks.ParseTypedForNetwork("external:mydamage '{in}' {out}", TimeSpan.FromSeconds(1));
        var typed = ExperimentFile.Parse(s_minimal, "x.yaml", task: program);
        Assert.Equal(program.Task, typed.Task);
        Assert.IsType<Mdf.Distortions.CachedDistortion>(typed.CreateDistortion("cache"));

        // The canonical file keeps the command, as text.
        var read = Parse(typed.ToYaml());
        Assert.Equal(typed, read);
        Assert.Null(read.Program);
        var message = Assert.Throws<InputException>(() => read.CreateDistortion("cache")).Message;
        Assert.Contains("a file cannot start a program; only a command that a person types can", message);
        Assert.Contains("line 2", message);
        Assert.Contains("a file cannot start a program", Assert.Throws<InputException>(() => Parse(s_minimal, "task='external:touch x'").CreateDistortion("cache")).Message);

        // A file that lacks the task takes the typed one, of any kind.
        Assert.Equal("jpeg:10", ExperimentFile.Parse(s_minimal[(s_minimal.IndexOf('\n', StringComparison.Ordinal) + 1)..], "x.yaml", null, Mdf.Distortions.Tasks.Parse("jpeg:10")).Task);
    }

    [Fact]
    public void Every_key_reaches_the_experiment()
    {
        var experiment = Parse("""
            task: denoise:25
            network: {name: dncnn, depth: 17, residual: true}
            loss: 'mse+0.1*mdf:stack.safetensors'
            init: model.safetensors
            data: {train: [a, 'b c'], validation: v, patch: 64, augment: false, skip_unreadable: true, reduce: 2}
            schedule:
              iterations: 100
              batch: 2
              learning_rate: 5e-4
              decay: step
              milestones: [50, 80]
              decay_factor: 0.1
              warmup: 10
              clip_gradient: 0.5
              ema: 0.99
              betas: [0.5, 0.9]
            validation: {every: 20, images: 1, niqe: niqe.npz}
            checkpoint_every: 30
            seed: -7
            """);
        Assert.Equal(("denoise:25", "dncnn", "model.safetensors", "v"), (experiment.Task, experiment.NetworkName, experiment.Init, experiment.ValidationFolder));
        Assert.Equal([new("depth", "17"), new("residual", "true")], experiment.NetworkOptions);
        Assert.Equal("mse+0.1*mdf:stack.safetensors", $"{experiment.Loss}");
        Assert.Equal(["a", "b c"], experiment.TrainingFolders);
        Assert.Equal(
            new NetworkTrainingOptions
            {
                Sampling = new SamplingOptions { Patch = 64, Augment = false, SkipUnreadable = true, Reduce = 2 },
                Schedule = new ScheduleOptions
                {
                    Iterations = 100,
                    Batch = 2,
                    LearningRate = 5e-4,
                    Decay = new StepDecay { Milestones = [50, 80], Factor = 0.1 },
                    Warmup = 10,
                    ClipGradient = 0.5,
                    Ema = 0.99,
                    Betas = (0.5, 0.9),
                },
                Validation = new ValidationOptions { Every = 20, Images = 1, Niqe = "niqe.npz" },
                CheckpointEvery = 30,
                Seed = -7,
            },
            experiment.Training);
    }

    [Fact]
    public void What_is_left_out_or_null_has_the_librarys_default()
    {
        var standard = new NetworkTrainingOptions { Schedule = new ScheduleOptions { Iterations = 2000 } };
        var experiment = Parse(Lines((12, "  every:"), (13, "seed: ~\ncheckpoint_every: null\ninit:")));
        Assert.Equal(standard, experiment.Training);
        Assert.Null(experiment.Init);
        Assert.Equal(standard with { Seed = 3 }, Parse(Lines((11, "validation:"), (12, ""))).Training);
    }

    [Fact]
    public void A_small_learning_rate_is_not_below_the_final_one_that_was_left_out() =>
        Assert.Equal(new CosineDecay { FinalRate = 1e-8 }, Parse(Lines((10, "  iterations: 9\n  learning_rate: 1e-8"))).Training.Schedule.Decay);

    [Theory]
    [InlineData(1, "tsk: sisr:4", "'x.yaml', line 1: unknown key 'tsk': did you mean 'task'?")]
    [InlineData(1, "task: sisr:4\nmomentum: 0.9", "'x.yaml', line 2: unknown key 'momentum': known are task, network, loss, init, data, schedule, validation, checkpoint_every, seed, needs, plugins")]
    [InlineData(10, "  iteration: 5", "'x.yaml', line 10: unknown key 'iteration' in 'schedule': did you mean 'iterations'?")]
    [InlineData(12, "  0: 5", "'x.yaml', line 12: unknown key '0' in 'validation': known are every, images, niqe, measures")]
    [InlineData(4, "  Features: 5", "'x.yaml', line 4: expected the keys of 'network' to be names of small letters, digits and _, beside 'name', found 'Features'")]
    [InlineData(1, "", "'x.yaml': 'task' is missing; expected the task that the network is trained for, such as sisr:4")]
    [InlineData(1, "task:", "'x.yaml', line 1: 'task' is missing; expected the task that the network is trained for, such as sisr:4")]
    [InlineData(3, "", "'x.yaml', line 2: 'network.name' is missing; expected the name of a network, such as edsr")]
    [InlineData(5, "loss: null", "'x.yaml', line 5: 'loss' is missing; expected a loss, such as l1")]
    [InlineData(7, "", "'x.yaml', line 6: 'data.train' is missing; expected a folder of images, or a list of folders")]
    [InlineData(8, "", "'x.yaml', line 6: 'data.validation' is missing; expected a folder of images, or set 'data.hold_out'")]
    [InlineData(10, "", "'x.yaml', line 9: 'schedule.iterations' is missing; expected a whole number from 1 to 1000000000")]
    [InlineData(1, "task: [sisr]", "'x.yaml', line 1: expected 'task' to be one line of text, found a list")]
    [InlineData(1, "task: ' '", "'x.yaml', line 1: expected 'task' to be one line of text, found the text ' ' in quotes")]
    [InlineData(1, "task: \"a\\nb\"", "'x.yaml', line 1: expected 'task' to be one line of text, found the text 'a?b' in quotes")]
    [InlineData(4, "  features: []", "'x.yaml', line 4: expected 'network.features' to name at least one, found an empty list")]
    [InlineData(4, "  features: {a: b}", "'x.yaml', line 4: expected 'network.features' to be one line of text, found keys of its own")]
    [InlineData(5, "loss: l2", "'x.yaml', line 5: unknown loss 'l2'; known are {losses} (in the loss 'l2')")]
    [InlineData(7, "  train: []", "'x.yaml', line 7: expected 'data.train' to name at least one, found an empty list")]
    [InlineData(7, "  train:\n  - a\n  -", "'x.yaml', line 9: expected 'data.train' to be one line of text, found nothing")]
    [InlineData(8, "  validation: [a, b]", "'x.yaml', line 8: expected 'data.validation' to be one line of text, found a list")]
    [InlineData(8, "  validation: a\n  patch: 8", "'x.yaml', line 9: expected 'data.patch' to be a whole number from 16 to 2048, found '8'")]
    [InlineData(8, "  validation: a\n  augment: yes", "'x.yaml', line 9: expected 'data.augment' to be true or false, found 'yes'")]
    [InlineData(8, "  validation: a\n  augment: 'true'", "'x.yaml', line 9: expected 'data.augment' to be true or false, found the text 'true' in quotes")]
    [InlineData(8, "  validation: a\n  hold_out: 1", "'x.yaml', line 9: expected 'data.hold_out' to be 0 or a whole number of at least 2, found '1'")]
    [InlineData(8, "  validation: a\n  distorted: b\n  reduce: 2", "'x.yaml', line 10: 'data.reduce' would reduce the damage of the files in 'data.distorted', too; leave it out, or reduce the clean pictures before they are damaged")]
    [InlineData(8, "  hold_out: 2\n  validation_distorted: b", "'x.yaml', line 9: 'data.validation_distorted' has an effect with 'data.validation' only (pictures that are set aside take theirs from 'data.distorted'); leave it out")]
    [InlineData(8, "  validation: a\n  reduce: 0", "'x.yaml', line 9: expected 'data.reduce' to be a whole number of at least 1, found '0'")]
    [InlineData(10, "  iterations: 2e3", "'x.yaml', line 10: expected 'schedule.iterations' to be a whole number from 1 to 1000000000, found '2e3'")]
    [InlineData(10, "  iterations: '5'", "'x.yaml', line 10: expected 'schedule.iterations' to be a whole number from 1 to 1000000000, found the text '5' in quotes")]
    [InlineData(10, "  iterations: 99999999999", "'x.yaml', line 10: expected 'schedule.iterations' to be a whole number from 1 to 1000000000, found '99999999999'")]
    [InlineData(10, "  iterations: 9\n  batch: 5000", "'x.yaml', line 11: expected 'schedule.batch' to be a whole number from 1 to 4096, found '5000'")]
    [InlineData(10, "  iterations: 9\n  learning_rate: 0", "'x.yaml', line 11: expected 'schedule.learning_rate' to be a number above 0, found '0'")]
    [InlineData(10, "  iterations: 9\n  learning_rate: 1e999", "'x.yaml', line 11: expected 'schedule.learning_rate' to be a number above 0, found '1e999'")]
    [InlineData(10, "  iterations: 9\n  learning_rate: NaN", "'x.yaml', line 11: expected 'schedule.learning_rate' to be a number above 0, found 'NaN'")]
    [InlineData(10, "  iterations: 9\n  learning_rate: 0,1", "'x.yaml', line 11: expected 'schedule.learning_rate' to be a number above 0, found '0,1'")]
    [InlineData(10, "  iterations: 9\n  decay: cosin", "'x.yaml', line 11: expected 'schedule.decay' to be constant or step or cosine, found 'cosin'")]
    [InlineData(10, "  iterations: 9\n  warmup: 9", "'x.yaml', line 11: expected 'schedule.warmup' to be a whole number from 0 to 8, below the number of iterations, found '9'")]
    [InlineData(10, "  iterations: 9\n  clip_gradient: -1", "'x.yaml', line 11: expected 'schedule.clip_gradient' to be a number above 0, found '-1'")]
    [InlineData(10, "  iterations: 9\n  ema: 1", "'x.yaml', line 11: expected 'schedule.ema' to be a number of at least 0 and below 1, found '1'")]
    [InlineData(10, "  iterations: 9\n  betas: [0.9]", "'x.yaml', line 11: expected 'schedule.betas' to be two numbers, found 1")]
    [InlineData(10, "  iterations: 9\n  betas: [0.9, x]", "'x.yaml', line 11: expected 'schedule.betas' to be a number of at least 0 and below 1, found 'x'")]
    [InlineData(10, "  iterations: 9\n  milestones: [3]", "'x.yaml', line 11: 'schedule.milestones' has an effect with 'decay: step' only, and the decay is cosine; leave it out")]
    [InlineData(10, "  iterations: 9\n  decay: constant\n  decay_factor: 0.5", "'x.yaml', line 12: 'schedule.decay_factor' has an effect with 'decay: step' only, and the decay is constant; leave it out")]
    [InlineData(10, "  iterations: 9\n  decay: step\n  milestones: [3]\n  final_learning_rate: 0", "'x.yaml', line 13: 'schedule.final_learning_rate' has an effect with 'decay: cosine' only, and the decay is step; leave it out")]
    [InlineData(10, "  iterations: 9\n  final_learning_rate: 1", "'x.yaml', line 11: expected 'schedule.final_learning_rate' to be a number from 0 to the learning rate, 0.0005, found '1'")]
    [InlineData(10, "  iterations: 9\n  decay: step", "'x.yaml', line 9: 'schedule.milestones' is missing; expected a list of iterations, such as [1000, 1500], since the decay is step")]
    [InlineData(10, "  iterations: 9\n  decay: step\n  milestones: []", "'x.yaml', line 12: expected at least one iteration in 'schedule.milestones', found an empty list; for a rate that stays write 'decay: constant'")]
    [InlineData(10, "  iterations: 9\n  decay: step\n  milestones: [3,\n    9]", "'x.yaml', line 13: expected 'schedule.milestones' to be whole numbers above 0 (the warm-up) and below 9 (the iterations), found '9'")]
    [InlineData(10, "  iterations: 9\n  decay: step\n  milestones: [5, 3]", "'x.yaml', line 12: expected 'schedule.milestones' to ascend, found 3 after 5")]
    [InlineData(10, "  iterations: 9\n  decay: step\n  milestones: [3]\n  decay_factor: 1", "'x.yaml', line 13: expected 'schedule.decay_factor' to be a number between 0 and 1, found '1'")]
    [InlineData(12, "  every: 0", "'x.yaml', line 12: expected 'validation.every' to be a whole number of at least 1, found '0'")]
    [InlineData(12, "  images: -1", "'x.yaml', line 12: expected 'validation.images' to be a whole number of at least 0, found '-1'")]
    [InlineData(13, "checkpoint_every: 0", "'x.yaml', line 13: expected 'checkpoint_every' to be a whole number of at least 1, found '0'")]
    [InlineData(13, "seed: 1.5", "'x.yaml', line 13: expected 'seed' to be a whole number, found '1.5'")]
    [InlineData(13, "seed: 1\nseed: 2", "'x.yaml', line 14: the key 'seed' is set twice, first in line 13; leave one out")]
    [InlineData(12, "  every: 1\n  every: 2", "'x.yaml', line 13: the key 'every' is set twice, first in line 12; leave one out")]
    [InlineData(13, "validation: x", "'x.yaml', line 13: the key 'validation' is set twice, first in line 11; leave one out")]
    public void A_mistake_is_refused_with_its_line(int line, string text, string expected) =>
        Assert.Equal(WithLosses(expected), Assert.Throws<InputException>(() => Parse(Lines((line, text)))).Message);

    [Theory]
    [InlineData("", "'x.yaml': 'task' is missing; expected the task that the network is trained for, such as sisr:4")]
    [InlineData("# nothing", "'x.yaml': 'task' is missing; expected the task that the network is trained for, such as sisr:4")]
    [InlineData("sisr", "'x.yaml', line 1: expected the keys of an experiment, such as 'task: sisr:4', found text")]
    [InlineData("- task", "'x.yaml', line 1: expected the keys of an experiment, such as 'task: sisr:4', found a list")]
    [InlineData("data: photos", "'x.yaml', line 1: expected 'data' to be keys of its own, one a line and indented, found 'photos'")]
    [InlineData("network: edsr", "'x.yaml', line 1: expected 'network' to be keys of its own, one a line and indented, found 'edsr'")]
    [InlineData("task: sisr\n---\nseed: 1", "'x.yaml', line 2: expected one YAML document, found a second; put it in a file of its own")]
    [InlineData("seed: 1\ntask: *other", "'x.yaml', line 2: expected a value, found the alias '*other'; write the value itself, or put text with * in single quotes")]
    [InlineData("*other : sisr", "'x.yaml', line 1: expected a value, found the alias '*other'; write the value itself, or put text with * in single quotes")]
    [InlineData("task: &name sisr", "'x.yaml', line 1: expected a value, found an anchor (&) or a tag (!) before it; leave it out, or put text with & or ! in single quotes")]
    [InlineData("seed: !!int 1", "'x.yaml', line 1: expected a value, found an anchor (&) or a tag (!) before it; leave it out, or put text with & or ! in single quotes")]
    [InlineData("data: !System.Object {}", "'x.yaml', line 1: expected a value, found an anchor (&) or a tag (!) before it; leave it out, or put text with & or ! in single quotes")]
    [InlineData("<<: {seed: 1}", "'x.yaml', line 1: unknown key '<<': known are task, network, loss, init, data, schedule, validation, checkpoint_every, seed, needs, plugins")]
    [InlineData("[a]: b", "'x.yaml', line 1: expected a key, found a list or a mapping; write 'key: value'")]
    [InlineData("data:\n  train:\n    - - a", "'x.yaml', line 3: lists and keys are nested too deeply")]
    [InlineData("task: [sisr", "'x.yaml', line 2: this is not YAML (while parsing a flow sequence, did not find expected ',' or ']'); put text with special characters in single quotes")]
    [InlineData("seed: 1\ntask: a: b", "'x.yaml', line 2: this is not YAML (while scanning a plain scalar value, found invalid mapping); put text with special characters in single quotes")]
    public void What_is_no_experiment_at_all_is_refused(string text, string expected) =>
        Assert.Equal(expected, Assert.Throws<InputException>(() => Parse(text)).Message);

    [Fact]
    public void A_file_that_was_damaged_is_read_or_refused_and_nothing_else()
    {
        var text = s_minimal + "\n? key\n- [a, {b: 'c'}] \"d\\n\" & * ! | > % @ ` --- ... # \t";
        Gen.Select(Gen.Int[0, s_minimal.Length], Gen.Int[0, 3], Gen.Int[0, text.Length - 4], Gen.Int[0, 4]).Array[1, 6].Sample(
            damages =>
            {
                var damaged = new StringBuilder(s_minimal);
                foreach (var (at, removed, from, length) in damages)
                {
                    var start = Math.Min(at, damaged.Length);
                    damaged.Remove(start, Math.Min(removed, damaged.Length - start)).Insert(start, text.AsSpan(from, length));
                }

                try
                {
                    Parse(damaged.ToString());
                }
                catch (InputException e)
                {
                    Assert.StartsWith("'x.yaml'", e.Message, StringComparison.Ordinal);
                }
            },
            iter: 2000);
    }

    [Fact]
    public void A_text_that_nests_without_end_is_refused_at_once()
    {
        foreach (var opening in new[] { "[", "{a: ", "- ", "? ", "[a: " })
            Assert.Throws<InputException>(() => Parse(string.Concat(Enumerable.Repeat(opening, 100_000))));
    }

    [Fact]
    public void An_override_takes_the_place_of_what_the_file_says()
    {
        var experiment = Parse(
            s_minimal,
            "schedule.iterations=200", "schedule.betas=[0.5, 0.9]", "network.features=32", "network.blocks=4", "data.train=[a, 'b, c']",
            "loss=mdf:'a+b.pth'?num_scales=3", "seed=1", "seed=2", "validation.every=", "init=x=y");
        Assert.Equal((200, (0.5, 0.9)), (experiment.Training.Schedule.Iterations, experiment.Training.Schedule.Betas));
        Assert.Equal([new("blocks", "4"), new("features", "32")], experiment.NetworkOptions);
        Assert.Equal(["a", "b, c"], experiment.TrainingFolders);
        Assert.Equal(("mdf:'a+b.pth'?num_scales=3", "x=y"), ($"{experiment.Loss}", experiment.Init));
        Assert.Equal((2, 500), (experiment.Training.Seed, experiment.Training.Validation.Every));
    }

    [Fact]
    public void Overrides_are_applied_before_anything_is_checked()
    {
        var file = Lines((10, "  iterations: 2000\n  decay: step\n  milestones: [1000]"));
        Assert.Equal(new CosineDecay(), Parse(file, "schedule.decay=cosine", "schedule.milestones=").Training.Schedule.Decay);
        Assert.Equal(7, Parse("task: x", "network.name=n", "loss=l1", "data.train=a", "data.validation=b", "schedule.iterations=7").Training.Schedule.Iterations);
        Assert.Equal(9, Parse(Lines((11, "validation:"), (12, "")), "validation.every=9").Training.Validation.Every);
    }

    [Theory]
    [InlineData("schedule.iterations=many", "override schedule.iterations: expected 'schedule.iterations' to be a whole number from 1 to 1000000000, found 'many'")]
    [InlineData("schedule.iterations=", "override schedule.iterations: 'schedule.iterations' is missing; expected a whole number from 1 to 1000000000")]
    [InlineData("schedule.iteration=5", "override schedule.iteration: unknown key 'iteration' in 'schedule': did you mean 'iterations'?")]
    [InlineData("shedule.iterations=5", "override shedule.iterations: unknown key 'shedule': did you mean 'schedule'?")]
    [InlineData("task.name=5", "override task.name: 'task' has no keys of its own ('x.yaml', line 1)")]
    [InlineData("network=edsr", "override network: expected 'network' to be keys of its own, one a line and indented, found 'edsr'")]
    [InlineData("data.train=[a, [b]]", "override data.train: expected 'data.train' to be one line of text, found a list")]
    [InlineData("data={patch: 64}", "override data: expected a value or a list, found keys of its own; set one key at a time, and put text with ': ' or { in single quotes")]
    [InlineData("loss=l2", "override loss: unknown loss 'l2'; known are {losses} (in the loss 'l2')")]
    [InlineData("loss=@x", "override loss: this is not YAML (while scanning for the next token, found character that cannot start any token); put text with special characters in single quotes")]
    [InlineData("seed", "override: expected key=value, such as schedule.iterations=200, found 'seed'")]
    [InlineData("=5", "override: expected key=value, such as schedule.iterations=200, found '=5'")]
    [InlineData("schedule..batch=5", "override: expected key=value, such as schedule.iterations=200, found 'schedule..batch=5'")]
    public void A_mistake_in_an_override_is_refused_with_its_name(string setting, string expected) =>
        Assert.Equal(WithLosses(expected), Assert.Throws<InputException>(() => Parse(s_minimal, setting)).Message);

    /// <summary>Lists that are opened and never closed, as deep as may be and deeper.</summary>
    [Fact]
    public void A_file_that_ends_within_lists_is_refused_at_every_depth()
    {
        for (var depth = 1; depth < 100; depth++)
            Assert.NotEmpty(Assert.Throws<InputException>(() => Parse(new string('[', depth))).Message);
    }

    [Fact]
    public void A_canonical_file_reads_as_the_experiment_that_it_was_written_from() => s_experiment.Sample(
        experiment =>
        {
            var yaml = experiment.ToYaml();
            var read = Parse(yaml);
            Assert.Equal(experiment, read);
            Assert.Equal(experiment.Training, read.Training);
            Assert.Equal(experiment.NetworkOptions, read.NetworkOptions);
            Assert.Equal(yaml, read.ToYaml());
            Assert.Empty(experiment.DifferencesFrom(read));
        },
        iter: 300);

    [Fact]
    public void A_canonical_file_has_every_key_and_names_the_version()
    {
        var canonical = Parse(s_minimal).ToYaml();
        Assert.Equal($$"""
            # An experiment of mdf {{TrainingProgram.CurrentVersion}}; every key is written out.
            task: sisr:4
            network:
              name: edsr
              features: 64
            loss: l1
            init: null
            data:
              train: [photos]
              distorted: null
              validation: others
              validation_distorted: null
              patch: 96
              augment: true
              skip_unreadable: false
              reduce: 1
              hold_out: 0
            schedule:
              iterations: 2000
              batch: 8
              learning_rate: 0.0005
              decay: cosine
              final_learning_rate: 1e-06
              warmup: 0
              clip_gradient: null
              ema: 0
              extend: []
              betas: [0.9, 0.999]
            validation:
              every: 100
              images: 4
              niqe: null
              measures: null
            checkpoint_every: 200
            seed: 3

            """.ReplaceLineEndings("\n"), canonical);
    }

    [Theory]
    [InlineData("seed=4", "seed", "3", "4")]
    [InlineData("data.train=[photos, b]", "data.train", "[photos]", "[photos, b]")]
    [InlineData("network.blocks=8", "network.blocks", null, "8")]
    [InlineData("network.features=", "network.features", "64", null)]
    [InlineData("schedule.decay=constant", "schedule.decay", "cosine", "constant")]
    [InlineData("init=null", null, null, null)]
    public void Two_experiments_differ_in_the_first_key_whose_value_does(string setting, string? key, string? value, string? other)
    {
        var (one, another) = (Parse(s_minimal), Parse(s_minimal, setting));
        Assert.Equal(key is null ? null : new ExperimentDifference(key, value, other), one.DifferencesFrom(another) is [var first, ..] ? first : null);
        Assert.Equal(key is null, one.Equals(another));
    }

    [Fact]
    public void What_makes_something_of_a_value_is_told_where_it_stands()
    {
        Assert.Equal("'x.yaml', line 1: not today", Refusal("task"));
        Assert.Equal("'x.yaml', line 2: not today", Refusal("network"));
        Assert.Equal("'x.yaml', line 4: not today", Refusal("network.features"));
        Assert.Equal("override init: not today", Refusal("init", "init=a"));
        Assert.Equal("not today", Refusal("init"));
        Assert.Equal(5, Parse(s_minimal).Resolve("task", () => 5));

        static string Refusal(string key, params string[] overrides) =>
            Assert.Throws<InputException>(() => Parse(s_minimal, overrides).Resolve<int>(key, () => throw new InputException("not today"))).Message;
    }

    [Fact]
    public void A_network_is_built_as_the_file_says() =>
        Assert.Equal("32", Parse(s_minimal, "network.features=32").CreateArchitecture(factor: 4).Options["features"]);

    [Theory]
    [InlineData(3, "  name: esdr", 4, "'x.yaml', line 3: unknown network 'esdr': did you mean 'edsr'?")]
    [InlineData(4, "  features: 64", 5, "'x.yaml', line 3: the network 'edsr' upscales: expected the factor 2, 3 or 4, found 5")]
    [InlineData(4, "  blocks: 4\n  featurs: 64", 4, "'x.yaml', line 5: unknown option 'featurs' of the network 'edsr': did you mean 'features'?")]
    [InlineData(4, "  features: many\n  blocks: 4", 4, "'x.yaml', line 4: the network 'edsr' takes")]
    public void A_network_that_cannot_be_built_is_refused_with_the_line(int line, string text, int factor, string expected) =>
        Assert.StartsWith(expected, Assert.Throws<InputException>(() => Parse(Lines((line, text))).CreateArchitecture(factor)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_is_read_as_its_text_is()
    {
        using var folder = new TemporaryFolder();
        var content = Encoding.UTF8.GetBytes("\uFEFF" + s_minimal.Replace("photos", "фото", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal));
        var experiment = ExperimentFile.Load(folder.File("x.yaml", content), ["data.validation=é"]);
        Assert.Equal(["фото"], experiment.TrainingFolders);
        Assert.Equal("é", experiment.ValidationFolder);
    }

    [Fact]
    public void A_file_that_is_no_text_or_too_long_or_not_there_is_refused()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("which is text in UTF-8, found other bytes at 6", Refusal("bytes", [.. "task: "u8, 0xff, 0xfe]), StringComparison.Ordinal);
        Assert.Contains("at most 1048576 bytes, found 1048577", Refusal("long", Enumerable.Repeat((byte)'#', (1 << 20) + 1).ToArray()), StringComparison.Ordinal);
        Assert.Contains("found nothing in it", Refusal("empty", []), StringComparison.Ordinal);
        Assert.Contains("there is no such file", Assert.Throws<InputException>(() => ExperimentFile.Load(folder.File("missing"))).Message, StringComparison.Ordinal);

        string Refusal(string name, byte[] content) => Assert.Throws<InputException>(() => ExperimentFile.Load(folder.File(name, content))).Message;
    }

    [Fact]
    public void The_example_in_the_documentation_is_an_experiment() =>
        Assert.Equal("sisr:4", Parse(YamlBlock().Match(Documentation()).Groups[1].Value).Task);

    [Fact]
    public void The_documentation_has_every_key_with_its_default()
    {
        var rows = KeyRow().Matches(Documentation()).ToDictionary(row => row.Groups[1].Value, row => row.Groups[2].Value);
        var keys = ExperimentFile.Keys.SelectMany(section => section.Value
                .Where(key => section.Key.Length > 0 || (key != "network" && !ExperimentFile.Keys.ContainsKey(key)))
                .Select(key => section.Key.Length > 0 ? $"{section.Key}.{key}" : key))
            .Concat(["network.name", "network.…"]);
        Assert.Equal(keys.Order(StringComparer.Ordinal), rows.Keys.Order(StringComparer.Ordinal));

        // Of a file with the required keys alone, the canonical file has the defaults.
        var canonical = Parse("{task: x, network: {name: n}, loss: l1, data: {train: a, validation: b}, schedule: {iterations: 9}}").ToYaml();
        var inDocumentation = rows.Where(row => row.Value.StartsWith('`')).ToDictionary(row => row.Key, row => row.Value.Trim('`'));
        Assert.Equal(24, inDocumentation.Count);
        foreach (var (key, value) in inDocumentation.Where(row => row.Key != "schedule.decay_factor"))
            Assert.Contains($"{key.Split('.')[^1]}: {value}\n", canonical, StringComparison.Ordinal);
    }

    private static string Documentation() => File.ReadAllText(Path.Combine(Shared.Repository, "docs", "experiment.md"));

    private static Experiment Parse(string text, params string[] overrides) => ExperimentFile.Parse(text, "x.yaml", overrides);

    /// <summary>The file with other lines in place of some, which count from 1.</summary>
    private static string Lines(params (int Line, string Text)[] changes)
    {
        var lines = s_lines.ToArray();
        foreach (var (line, text) in changes)
            lines[line - 1] = text;
        return string.Join('\n', lines);
    }

    [GeneratedRegex(@"```yaml\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex YamlBlock();

    [GeneratedRegex(@"^\| `([^`]+)` \| [^|]+ \| ?([^|]*?) ?\|", RegexOptions.Multiline)]
    private static partial Regex KeyRow();

    private static string WithLosses(string expected) => expected.Replace("{losses}", string.Join(", ", LossExpression.Names), StringComparison.Ordinal);
}
