using System.Globalization;
using Mdf.Losses;
using Mdf.Losses.Features;
using Mdf.Reports;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>What every loss of the library costs.</summary>
internal static class LossesBenchmark
{
    private const string Stack = "mdf";
    private const int ConvolutionsPerScale = 5;

    private static readonly int[] s_scales = [8, 5, 3];

    public static ResultTable Run(Workload work, string[] arguments, int rounds)
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = work.Images();
        string[] names = [.. LossExpression.Names.Where(name => name != Stack), .. s_scales.Select(scales => $"{Stack}?num_scales={scales}")];
        var losses = names.Select(Create).ToArray();
        var times = Timing.Medians([.. losses.Select<ReconstructionLoss, Action>(loss => () => Differentiate(loss, restored, reference))], rounds);
        var multiplications = losses.Select(MultiplicationsPerPixel).ToArray();
        foreach (var loss in losses)
            loss.Dispose();
        return new ResultTable(
            $"Loss and gradient, {work}, {get_num_threads()} threads",
            [new ResultColumn("loss"), ResultColumn.Number("ms", "F1"), ResultColumn.Number("peak (MB)", "F0"), ResultColumn.Number("multiplications per pixel", "F0")],
            names.Select((name, i) => new object?[] { name, times[i], PeakMemory.OfProcess(["peak", "--loss", name, .. arguments]), multiplications[i] }));
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

    /// <summary>Creates a loss. Pretrained networks get random weights: the cost depends on their layers only.</summary>
    private static ReconstructionLoss Create(string name)
    {
        if (name.StartsWith(Stack, StringComparison.Ordinal))
            return new MdfLoss(Workload.Stack(null).Stack, int.Parse(name.Split('=')[1], CultureInfo.InvariantCulture));
        if (LossExpression.Kinds.Find(name)?.Untrained is not { } untrained)
            return LossExpression.Parse(name).Create();
        using var random = new Generator(1);
        return untrained(random, 1);
    }

    /// <summary>The multiplications of the convolutions for one pixel of one image, forward; null for a loss without a network.</summary>
    private static double? MultiplicationsPerPixel(ReconstructionLoss loss) => loss switch
    {
        FeatureLoss features => features.MultiplicationsPerPixel,
        MdfLoss mdf => mdf.Stack.parameters().Where(weight => weight.dim() == 4).Take(mdf.NumScales * ConvolutionsPerScale).Sum(weight => (double)weight.numel()),
        _ => null,
    };

    private static void Differentiate(ReconstructionLoss loss, Tensor restored, Tensor reference)
    {
        var image = restored.detach().requires_grad_(true);
        loss.call(image, reference).backward();
    }
}
