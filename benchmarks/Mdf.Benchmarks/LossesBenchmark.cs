using Mdf.Losses;
using Mdf.Reports;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>What every loss of the library costs.</summary>
internal static class LossesBenchmark
{
    public static ResultTable Run(Workload work, string[] arguments, int rounds)
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = work.Images();
        string[] names = [.. LossExpression.Names.Where(name => name != "mdf"), "mdf"];
        var losses = names.Select(Create).ToArray();
        var times = Timing.Medians([.. losses.Select<ReconstructionLoss, Action>(loss => () => Differentiate(loss, restored, reference))], rounds);
        foreach (var loss in losses)
            loss.Dispose();
        return new ResultTable(
            $"Loss and gradient, {work}, {get_num_threads()} threads",
            [new ResultColumn("loss"), ResultColumn.Number("ms", "F1"), ResultColumn.Number("peak (MB)", "F0")],
            names.Select((name, i) => new object?[] { name, times[i], PeakMemory.OfProcess(["peak", "--loss", name, .. arguments]) }));
    }

    public static void RunForMemory(string name, Workload work)
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = work.Images();
        using var loss = Create(name);
        for (var i = 0; i < 2; i++)
        {
            using var step = NewDisposeScope();
            Differentiate(loss, restored, reference);
        }
    }

    private static ReconstructionLoss Create(string name) =>
        name == "mdf" ? new MdfLoss(Workload.Stack(null).Stack) : LossExpression.Parse(name).Create();

    private static void Differentiate(ReconstructionLoss loss, Tensor restored, Tensor reference)
    {
        var image = restored.detach().requires_grad_(true);
        loss.call(image, reference).backward();
    }
}
