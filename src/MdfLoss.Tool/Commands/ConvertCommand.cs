using System.CommandLine;
using Mdf.Distortions;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf convert</c>: converts weights between PyTorch and safetensors.</summary>
internal sealed class ConvertCommand : MdfCommand
{
    private readonly Argument<string> _input = new("in")
    {
        Description = "a .pth, .pt or .safetensors file, or the name of a shipped network (jpeg) or stack (mdf:jpeg)",
    };

    private readonly Argument<string> _output = new("out") { Description = "a .safetensors file; or a .pt file, if the input is a .safetensors file" };

    private readonly Option<NetworkArchitecture?> _network = CommonOptions.Network();

    private readonly Option<Distortion?> _task = new("--task")
    {
        Description = "the task of this network: denoise:σ (8-bit units) or jpeg:quality [default: sisr with its factor, if it upscales]",
        HelpName = "task",
        CustomParser = TextParser.From<Distortion?>(Tasks.ParseForNetwork),
    };

    public ConvertCommand()
        : base(
            "convert",
            "Converts weights between PyTorch checkpoints and safetensors. Nothing in a checkpoint is executed. With --network, weights of another project become a network file.",
            new Example("convert Ds_SISR.pth sisr.safetensors", "read the tensors from a pickled checkpoint"),
            new Example("convert stack.safetensors stack.pt", "make a file for torch.load(weights_only=True)"),
            new Example("convert EDSR_x4.pth edsr.safetensors --network edsr?factor=4", "make a network file for restore and evaluate"),
            new Example("convert old.safetensors new.safetensors", "add checksums to a file of an earlier version of mdf"))
    {
        Arguments.Add(_input);
        Arguments.Add(_output);
        Options.Add(_network);
        Options.Add(_task);
    }

    public override int Run(CommandContext context)
    {
        var (input, output, task) = (context.Get(_input), context.Get(_output), context.Get(_task));
        var architecture = context.Get(_network);
        if (architecture is null && task is not null)
            throw new InputException("--task is the task of the network of --network: give both, or neither");
        var tensors = architecture is null ? Convert(input, output) : ConvertNetwork(context, architecture);
        context.Result(
            new { Input = input, Output = output, Tensors = tensors },
            terminal => terminal.WriteLine($"{output}: {tensors} tensors"));
        return CommandLine.Success;
    }

    private static int Convert(string input, string output)
    {
        WeightConversion.FormatOf(output); // before a large file is read
        using var file = ShippedNetworks.OpenAny(input, acceptsEarlier: true);
        return WeightConversion.Convert(file, output);
    }

    // Unlike the other conversions, this needs libtorch.
    private int ConvertNetwork(CommandContext context, NetworkArchitecture architecture)
    {
        NativeLibraries.Load();
        return NetworkFile.Convert(context.Get(_input), context.Get(_output), architecture, context.Get(_task)?.Task, context.Warn);
    }
}
