using Mdf.Experiments.Comparisons;
using Mdf.Runtime;

namespace Mdf.Tests.Experiments.Comparisons;

public sealed class ComparisonFileTests : IDisposable
{
    private const string Experiment = "experiment: {task: 'jpeg:10', network: {name: dncnn}, loss: l1, data: {train: a, validation: b}, schedule: {iterations: 9}}";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Tasks_share_losses_seeds_test_sets_and_pictures_and_can_change_them()
    {
        var comparison = Load("""
            title: Losses
            about: A text.
            losses: {L1: l1, MS-SSIM: ms-ssim, MDF: 'mdf:jpeg'}
            seeds: [1, 2]
            threads: 2
            test: {data: [sets/Set14, sets/LIVE1], measures: [psnr_y, flip]}
            gallery: {data: pictures, size: 200, credits: {coffee: 'somebody, CC0'}}
            restorers: {Input: identity}
            baseline: L1
            tasks:
              jpeg10:
                title: JPEG, quality 10
                EXPERIMENT
              jpeg20:
                EXPERIMENT20
                losses: {MS-SSIM: null, MDF: 'mdf:jpeg-20', VGG: vgg16}
                restorers: {Input: null, Other: 'folder:results'}
                seeds: [7]
                test: {data: sets/Set5}
                baseline: VGG
            """.Replace("EXPERIMENT20", Experiment.Replace("jpeg:10", "jpeg:20", StringComparison.Ordinal), StringComparison.Ordinal).Replace("EXPERIMENT", Experiment, StringComparison.Ordinal));
        Assert.Equal(("Losses", "A text."), (comparison.Title, comparison.About));
        var (first, second) = (comparison.Tasks[0], comparison.Tasks[1]);
        Assert.Equal(("jpeg10", "JPEG, quality 10", "L1", 2), (first.Id, first.Title, first.Baseline, first.Sweep.Threads));
        Assert.Equal(["loss=L1,seed=1", "loss=L1,seed=2", "loss=MS-SSIM,seed=1", "loss=MS-SSIM,seed=2", "loss=MDF,seed=1", "loss=MDF,seed=2"], first.Sweep.Cells.Select(cell => cell.Name));
        Assert.Equal(["sets/Set14", "sets/LIVE1"], first.Test.Folders);
        Assert.Equal((200, "somebody, CC0"), (first.Gallery!.Size, first.Gallery.Credits["coffee"]));
        Assert.Equal([new ComparedRestorer("Input", "identity")], first.Restorers);

        Assert.Equal(("jpeg20", "jpeg20", "VGG"), (second.Id, second.Title, second.Baseline));
        Assert.Equal(["loss=L1,seed=7", "loss=MDF,seed=7", "loss=VGG,seed=7"], second.Sweep.Cells.Select(cell => cell.Name));
        Assert.Equal("mdf:jpeg-20", $"{second.Sweep.Cells[1].Experiment.Loss}");
        Assert.Equal(["sets/Set5"], second.Test.Folders);
        Assert.Equal([new ComparedRestorer("Other", "folder:results")], second.Restorers);
        Assert.NotNull(second.Gallery);
    }

    [Theory]
    [InlineData("losses: {L1: l1}\ntest: {data: a}", "'tasks' is missing; expected at least one task")]
    [InlineData("losses: {L1: l1}\ntest: {data: a}\ntasks: {}", "'tasks' is missing; expected at least one task")]
    [InlineData("tasks:\n  JPEG 10: {EXPERIMENT, losses: {L1: l1}, test: {data: a}}", "line 2: expected the name of a task to be lower-case letters, digits and hyphens, at most 40, such as jpeg10, found 'JPEG 10'")]
    [InlineData("tasks:\n  ../up: {EXPERIMENT, losses: {L1: l1}, test: {data: a}}", "line 2: expected the name of a task to be")]
    [InlineData("tasks:\n  a: {EXPERIMENT, test: {data: a}}", "line 2: 'losses' is missing; expected named losses")]
    [InlineData("tasks:\n  a: {EXPERIMENT, losses: {L1: l1}}", "line 2: 'test' is missing; expected the test sets")]
    [InlineData("tasks:\n  a: {losses: {L1: l1}, test: {data: a}}", "'experiment' is missing")]
    [InlineData("tasks:\n  a: nothing", "line 2: expected the keys of the task 'a', such as 'experiment: FILE', found text")]
    [InlineData("tasks:\n  a: {EXPERIMENT, losses: {L1: l11}, test: {data: a}}", "line 2: unknown loss 'l11'")]
    [InlineData("tasks:\n  a: {EXPERIMENT, losses: {L1: l1}, test: {data: a}, axes: {w: [1]}}", "unknown key 'axes'")]
    [InlineData("loses: {L1: l1}\ntasks: {}", "line 1: unknown key 'loses': did you mean 'losses'?")]
    [InlineData("tasks:\n  a: {EXPERIMENT, losses: {L1: l1}, test: {data: a}, baseline: L2}", "expected one of the losses L1, found 'L2'")]
    [InlineData("tasks:\n  a: {EXPERIMENT, losses: {L1: l1}, test: {data: a}, restorers: {l1: identity}}", "expected other names than those of the losses, found 'l1' twice")]
    [InlineData("tasks:\n  a: {EXPERIMENT, losses: {L1: l1}, test: {data: a}, restorers: {P: 'external:rm {in} {out}'}}", "'P' is a program, and a file may not start programs: restore the images first, and give 'folder:PATH'")]
    [InlineData("tasks:\n  a: {EXPERIMENT, losses: {L1: l1}, test: {data: a}, gallery: {size: 100}}", "'gallery.data' is missing")]
    [InlineData("tasks:\n  a: {EXPERIMENT, losses: {L1: l1}, test: {data: a}, gallery: {data: b, size: 5}}", "expected 'gallery.size' to be a whole number from 32 to 4096, found '5'")]
    [InlineData("tasks:\n  jpeg-pictures: {EXPERIMENT, losses: {L1: l1}, test: {data: a}}", "line 2: the page has parts with the name 'jpeg-pictures': give the task another name")]
    [InlineData("tasks:\n  site: {EXPERIMENT, losses: {L1: l1}, test: {data: a}}", "the page has parts with the name 'site'")]
    [InlineData("- a", "expected the keys of a comparison")]
    public void A_mistake_is_one_line(string text, string expected)
    {
        var message = Assert.Throws<InputException>(() => Load(text.Replace("EXPERIMENT", Experiment, StringComparison.Ordinal))).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    private Comparison Load(string text)
    {
        File.WriteAllText(_folder.File("comparison.yaml"), text);
        return Comparison.Load(_folder.File("comparison.yaml"));
    }
}
