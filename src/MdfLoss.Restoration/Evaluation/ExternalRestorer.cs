using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>A program that restores images, <c>external:command</c>. It gets the names of a distorted 8-bit PNG file and of the file to write.</summary>
internal sealed class ExternalRestorer : IRestorer
{
    private readonly ExternalProgram _program;

    private ExternalRestorer(ExternalProgram program, int? factor) => (_program, Factor) = (program, factor);

    public string Name => _program.ToString();

    public int? Factor { get; }

    public Tensor Restore(Tensor distorted, RestorationRequest request)
    {
        using var scope = NewDisposeScope();
        var restored = _program.Run(
            GreyPicture.Channels(distorted.cpu().to(float32)), (height, width) => RestoredSize.Mistake(distorted, height, width, Factor), request.CancellationToken);
        return restored.to(distorted.device).to(distorted.dtype).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
    }

    public static ExternalRestorer Open(string? argument, RestorerSetup setup) => setup.ProgramTimeLimit is { } limit
        ? new ExternalRestorer(new ExternalProgram(argument ?? "", limit), setup.Task?.Factor)
        : throw new InputException("cannot use 'external' here: only a command that a person types can start a program");
}
