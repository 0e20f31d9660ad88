using System.CommandLine;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>An example of a command, for its help.</summary>
/// <param name="Line">The command line, without <c>mdf</c>.</param>
/// <param name="Does">A short description of its effect.</param>
internal sealed record Example(string Line, string Does);

/// <summary>
/// A command: a name, a description, examples, and the method <see cref="Run"/>.
/// </summary>
/// <remarks>
/// Creating a command and reading its arguments must not use TorchSharp, so that help and usage errors appear immediately.
/// </remarks>
internal abstract class MdfCommand : Command
{
    /// <summary>Creates a command.</summary>
    /// <param name="name">The name of the command.</param>
    /// <param name="description">The description at the start of its help.</param>
    /// <param name="examples">The examples at the end of its help.</param>
    protected MdfCommand(string name, string description, params Example[] examples)
        : base(name, description) => Examples = examples;

    /// <summary>The examples at the end of the command's help.</summary>
    public IReadOnlyList<Example> Examples { get; }

    /// <summary>Does the work.</summary>
    /// <param name="context">The arguments, the output streams, and the cancellation.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="InputException">An input cannot be used; exit code 2.</exception>
    /// <exception cref="OperationCanceledException">The work was interrupted; exit code 130.</exception>
    public abstract int Run(CommandContext context);
}

/// <summary>A command that computes with libtorch. It has the options <c>--device</c> and <c>--threads</c>.</summary>
internal abstract class ComputeCommand : MdfCommand
{
    private readonly Option<ComputeDevice> _device = CommonOptions.Device();

    private readonly Option<int?> _threads = new("--threads")
    {
        Description = "the number of threads [default: one for each processor that this process may use]",
        HelpName = "n",
        CustomParser = TextParser.From<int?>(text => int.TryParse(text, out var n) && n is >= 1 and <= 1024
            ? n
            : throw new InputException($"--threads takes a whole number from 1 to 1024, found '{text}'")),
    };

    /// <inheritdoc cref="MdfCommand(string, string, Example[])"/>
    protected ComputeCommand(string name, string description, params Example[] examples)
        : base(name, description, examples)
    {
        Options.Add(_device);
        Options.Add(_threads);
    }

    /// <summary>Loads libtorch, applies <c>--threads</c>, and runs the command on the device of <c>--device</c>.</summary>
    public sealed override int Run(CommandContext context)
    {
        Check(context);
        context.Log("loading libtorch");
        NativeLibraries.Load();
        // libtorch counts the processors of the machine. .NET also knows how many of them a container may use.
        TorchSharp.torch.set_num_threads(context.Get(_threads) ?? Math.Min(TorchSharp.torch.get_num_threads(), Environment.ProcessorCount));
        var device = context.Get(_device).Resolve();
        context.Log($"computing on {device} with {TorchSharp.torch.get_num_threads()} threads");
        return Run(context, device);
    }

    /// <summary>Checks the arguments for mistakes that the parser cannot find, before libtorch is loaded.</summary>
    /// <param name="context">The arguments.</param>
    /// <exception cref="InputException">There is a mistake; exit code 2.</exception>
    protected virtual void Check(CommandContext context)
    {
    }

    /// <summary>Does the work.</summary>
    /// <param name="context">The arguments, the output streams, and the cancellation.</param>
    /// <param name="device">The device to compute on.</param>
    /// <returns>The exit code.</returns>
    protected abstract int Run(CommandContext context, TorchSharp.torch.Device device);
}
