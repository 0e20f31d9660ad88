using System.CommandLine;
using Mdf.Weights;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf convert</c>: weights from PyTorch and back.</summary>
internal sealed class ConvertCommand : MdfCommand
{
    private readonly Argument<string> _input = new("in") { Description = "a .pth, .pt or .safetensors file" };

    private readonly Argument<string> _output = new("out") { Description = "a .safetensors file, or a .pt file from a .safetensors one" };

    public ConvertCommand()
        : base(
            "convert",
            "Converts weights between PyTorch checkpoints and safetensors. Nothing in a checkpoint is executed.",
            new Example("convert Ds_SISR.pth sisr.safetensors", "take the tensors out of a pickled checkpoint"),
            new Example("convert stack.safetensors stack.pt", "make a file that torch.load(weights_only=True) opens"))
    {
        Arguments.Add(_input);
        Arguments.Add(_output);
    }

    public override int Run(CommandContext context)
    {
        var (input, output) = (context.Get(_input), context.Get(_output));
        var tensors = WeightConversion.Convert(input, output);
        context.Result(
            new { Input = input, Output = output, Tensors = tensors },
            terminal => terminal.WriteLine($"{output}: {tensors} tensors"));
        return CommandLine.Success;
    }
}
