using System.CommandLine;
using System.Globalization;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Reports;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf optimize</c>: optimizes the pixels of an image under a loss.</summary>
internal sealed class OptimizeCommand : ComputeCommand
{
    private const string NoiseStart = "noise";
    private const string PlotExtension = ".png";

    private readonly Option<string> _reference = new("--reference") { Description = "the clean image", HelpName = "file", Required = true };

    private readonly Option<string> _start = new("--start")
    {
        Description = "the initial image: noise, an image, or a tensor file (.pt, .safetensors)",
        HelpName = "noise|file",
        DefaultValueFactory = _ => NoiseStart,
    };

    private readonly Option<LossExpression> _loss = new("--loss")
    {
        Description = $"a loss expression, such as 0.5*ms-ssim+l1 or mdf:stack.safetensors; {CommonOptions.Losses}",
        HelpName = "expression",
        Required = true,
        CustomParser = TextParser.From(LossExpression.Parse),
    };

    private readonly Option<int> _steps = new("--steps")
    {
        Description = "the number of steps of Adam",
        HelpName = "n",
        DefaultValueFactory = _ => 100,
        CustomParser = TextParser.Integer("--steps", 1),
    };

    private readonly Option<double> _rate = new("--lr")
    {
        Description = "Adam's learning rate, for pixels in [0, 1]",
        HelpName = "x",
        DefaultValueFactory = _ => 0.1,
        CustomParser = TextParser.From(text =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var rate) && rate > 0 && double.IsFinite(rate)
                ? rate
                : throw new InputException($"--lr takes a positive number, found '{text}'")),
    };

    private readonly Option<int> _seed = CommonOptions.Seed("the initial noise");

    private readonly Option<string?> _output = new("--output", "-o") { Description = "write the recovered image", HelpName = "file" };

    private readonly Option<string?> _plot = new("--plot") { Description = "write the PSNR of every step as a plot", HelpName = "file.png" };

    public OptimizeCommand()
        : base(
            "optimize",
            "Changes the pixels of an image with Adam to minimize a loss against the reference. This shows where the gradient of the loss leads. It is not a restoration, because it needs the reference.",
            new Example("optimize --reference clean.png --loss mdf:stack.safetensors --steps 200 -o recovered.png --plot psnr.png", "recover an image from noise"),
            new Example("optimize --reference i10.png --start noisy_img.pt --loss ssim-upstream --steps 30 --json", "repeat a published curve"))
    {
        foreach (var option in new Option[] { _reference, _start, _loss, _steps, _rate, _seed, _output, _plot })
            Options.Add(option);
    }

    protected override void Check(CommandContext context)
    {
        if (context.Get(_output) is { } output)
            ImageFile.RequireWritable(output);
        if (context.Get(_plot) is { } plot && !plot.EndsWith(PlotExtension, StringComparison.OrdinalIgnoreCase))
            throw new InputException($"cannot write '{plot}': expected a plot's name to end in {PlotExtension}");
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        using var scope = torch.NewDisposeScope();
        var reference = ImageFile.Read(context.Get(_reference), cancellationToken: context.Cancellation).to(device);
        var start = context.Get(_start) == NoiseStart
            ? RecoveryStart.Noise(reference.shape, context.Get(_seed))
            : RecoveryStart.Load(context.Get(_start), reference.shape, context.Cancellation);
        using var loss = context.CreateLoss(context.Get(_loss), device);
        var (output, plot) = (context.Get(_output), context.Get(_plot));
        foreach (var path in new[] { output, plot }.OfType<string>())
            AtomicFile.Prepare(path);
        using var result = context.WithProgress(progress => PixelRecovery.Run(
            loss, reference, start.to(device), context.Get(_steps), context.Get(_rate), progress, context.Cancellation));

        var final = Psnr.Compute(result.Restored, reference);
        if (output is not null)
            ImageFile.Write(output, result.Restored);
        if (plot is not null)
            Plots.Save(plot, Curve(loss.Expression, result.PsnrPerStep));
        context.Result(
            new { Loss = loss.Expression, Psnr = result.PsnrPerStep, Values = result.LossPerStep, FinalPsnr = final },
            terminal => terminal.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{loss.Expression}: PSNR {result.PsnrPerStep[0]:F2} dB at the start, {final:F2} dB after {result.PsnrPerStep.Count} steps; loss {PlainNumber.Format(result.LossPerStep[0], 5)} → {PlainNumber.Format(result.LossPerStep[^1], 5)}")));
        return CommandLine.Success;
    }

    private static CurvePlot Curve(string loss, IReadOnlyList<double> psnr) => new(
        $"Pixel recovery under {loss}", "step", "PSNR (dB)", [new CurveSeries("PSNR", [.. Enumerable.Range(0, psnr.Count).Select(i => (double)i)], psnr)]);
}
