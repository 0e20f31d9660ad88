using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Mdf.Experiments;
using Mdf.Imaging;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf demo</c>: a demonstration on the embedded photographs.</summary>
internal sealed class DemoCommand : ComputeCommand
{
    private const string Cat = "chelsea.png";
    private const string Cup = "coffee.png";
    private const string Astronaut = "astronaut.png";

    private readonly Option<bool> _quick = new("--quick") { Description = "do less work: under a minute" };

    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "the folder to write to",
        HelpName = "folder",
        DefaultValueFactory = _ => Path.Combine("out", "demo"),
    };

    private readonly Option<int> _seed = CommonOptions.Seed("all randomness");

    public DemoCommand()
        : base(
            "demo",
            "Trains a small loss for JPEG artefacts on the photograph of a cat, shows what the loss has learnt, and trains a network with it. Needs no files. Takes two to five minutes on two cores.",
            new Example("demo", "run the full demonstration"),
            new Example("demo --quick", "check quickly that everything works"))
    {
        foreach (var option in new Option[] { _quick, _output, _seed })
            Options.Add(option);
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        using var scope = torch.NewDisposeScope();
        var cat = EmbeddedPhotographs.Content(Cat);
        var folder = context.Get(_output);
        var result = context.WithProgress(progress => Demo.Run(
            new DemoPhotographs(Decode(cat, Cat), Convert.ToHexStringLower(SHA256.HashData(cat)), Decode(EmbeddedPhotographs.Content(Astronaut), Astronaut), Decode(EmbeddedPhotographs.Content(Cup), Cup)),
            context.Get(_quick) ? DemoSize.Quick : DemoSize.Full,
            context.Get(_seed),
            folder,
            progress,
            context.Cancellation));
        context.Result(
            new { result.StartPsnr, result.RecoveredPsnr, result.Gain, result.IsSuccess, Folder = folder },
            terminal => Write(terminal, result, folder));
        if (!result.IsSuccess)
            context.Warn(string.Create(CultureInfo.InvariantCulture, $"the recovery gained {result.Gain:F2} dB, expected at least {DemoResult.LeastGain:F0} dB: something is wrong; check the machine with 'mdf doctor'"));
        return result.IsSuccess ? CommandLine.Success : CommandLine.Failure;

        torch.Tensor Decode(byte[] content, string name) => ImageFile.Decode(content, name).to(device);
    }

    private static void Write(Terminal terminal, DemoResult result, string folder)
    {
        terminal.Console.WriteTable(result.Comparison);
        terminal.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Recovery from noise under the trained loss: {result.StartPsnr:F2} dB → {result.RecoveredPsnr:F2} dB. (This checks only that the gradient of the loss leads to the reference. It is not a restoration, and does not show that the loss has learnt anything.)"));
        terminal.Console.WriteTable(result.Restoration);
        terminal.WriteLine("");
        terminal.WriteLine($"Open {Path.Combine(folder, "index.html")} in a browser: a photograph that no network has seen, restored by the networks of mdf and by those of this demonstration.");
        terminal.WriteLine($"Look at {Path.Combine(folder, "overview.png")}: the four distortions, and the values of each loss for them.");
        terminal.WriteLine($"        {Path.Combine(folder, "recovery.png")}: the noise, the image recovered from it, the photograph; recovery-psnr.png shows the curve.");
        terminal.WriteLine($"        {Path.Combine(folder, "restoration.png")}: a JPEG, the results of the network trained with MSE and of the network trained with the loss, the photograph.");
        terminal.WriteLine($"        {Path.Combine(folder, "stack.safetensors")}: the trained loss; use it with --loss mdf:{Path.Combine(folder, "stack.safetensors")}");
    }
}
