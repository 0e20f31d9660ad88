using System.CommandLine;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf niqe fit</c>: fits a model for NIQE to photographs.</summary>
internal sealed class NiqeFitCommand : ComputeCommand
{
    private readonly Argument<string> _photographs = new("folder") { Description = "a folder of sharp photographs without artefacts" };

    private readonly Option<string> _output = new("--output", "-o") { Description = "the file to write, for --niqe", HelpName = "file.npz", Required = true };

    public NiqeFitCommand()
        : base(
            "fit",
            "Fits a model for NIQE to sharp photographs without artefacts, as its authors did with 125 of them: mean and covariance of the features of sharp blocks. Values of different models cannot be compared.",
            new Example("niqe fit photographs -o niqe.npz", "then: mdf evaluate … --niqe niqe.npz"))
    {
        Arguments.Add(_photographs);
        Options.Add(_output);
    }

    protected override void Check(CommandContext context)
    {
        if (Path.GetExtension(context.Get(_output)) != ".npz")
            throw new InputException($"cannot write '{context.Get(_output)}': expected the name of a model to end in .npz");
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        var (folder, output) = (context.Get(_photographs), context.Get(_output));
        var photographs = ImageFolder.List(folder);
        context.WarnOfSubfolders([folder]);
        AtomicFile.Prepare(output);
        var (model, blocks) = context.WithProgress(progress => NiqeModel.Fit(photographs, progress, context.Cancellation));
        model.Save(output);
        context.Result(
            new { Output = output, Photographs = photographs.Count, Blocks = blocks },
            terminal => terminal.WriteLine($"{output}: fitted to {blocks} sharp blocks of {photographs.Count} photographs; use it as --niqe {output}"));
        return CommandLine.Success;
    }
}
