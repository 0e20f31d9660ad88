using System.CommandLine;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>A line to show what a command is for.</summary>
/// <param name="Line">What to type, without <c>mdf</c>.</param>
/// <param name="Does">What it does, in a few words.</param>
internal sealed record Example(string Line, string Does);

/// <summary>
/// A command that does something: a name, a description, examples, and <see cref="Run"/>.
/// </summary>
/// <remarks>
/// Making a command and reading its arguments must not touch TorchSharp, so that help and mistakes are answered at once.
/// </remarks>
internal abstract class MdfCommand : Command
{
    /// <summary>Makes a command.</summary>
    /// <param name="name">What to type.</param>
    /// <param name="description">What it does; the first words of its help.</param>
    /// <param name="examples">Shown at the end of its help.</param>
    protected MdfCommand(string name, string description, params Example[] examples)
        : base(name, description) => Examples = examples;

    /// <summary>Shown at the end of the command's help.</summary>
    public IReadOnlyList<Example> Examples { get; }

    /// <summary>Does the work.</summary>
    /// <param name="context">The arguments, where to write, and when to stop.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="InputException">Something from outside cannot be used; exit code 2.</exception>
    /// <exception cref="OperationCanceledException">The work was interrupted; exit code 130.</exception>
    public abstract int Run(CommandContext context);
}

/// <summary>A command that computes with libtorch, and so takes <c>--device</c> and <c>--threads</c>.</summary>
internal abstract class ComputeCommand : MdfCommand
{
    private readonly Option<ComputeDevice> _device = new("--device")
    {
        Description = "auto (a CUDA device if there is one), cpu, cuda or cuda:N",
        HelpName = "name",
        CustomParser = TextParser.From(ComputeDevice.Parse),
        DefaultValueFactory = _ => ComputeDevice.Auto,
    };

    private readonly Option<int?> _threads = new("--threads")
    {
        Description = "threads to compute with [default: one for each processor that this process may use]",
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

    /// <summary>Loads libtorch, applies <c>--threads</c>, then works on the device that <c>--device</c> names.</summary>
    public sealed override int Run(CommandContext context)
    {
        Check(context);
        context.Log("loading libtorch");
        NativeLibraries.Load();
        // libtorch counts the machine's processors; .NET also knows what a container may use of them.
        TorchSharp.torch.set_num_threads(context.Get(_threads) ?? Math.Min(TorchSharp.torch.get_num_threads(), Environment.ProcessorCount));
        var device = context.Get(_device).Resolve();
        context.Log($"computing on {device} with {TorchSharp.torch.get_num_threads()} threads");
        return Run(context, device);
    }

    /// <summary>Finds mistakes that can be found without libtorch; override where the parser cannot.</summary>
    /// <param name="context">The arguments.</param>
    /// <exception cref="InputException">A mistake; exit code 2.</exception>
    protected virtual void Check(CommandContext context)
    {
    }

    /// <summary>Does the work.</summary>
    /// <param name="context">The arguments, where to write, and when to stop.</param>
    /// <param name="device">Where to compute.</param>
    /// <returns>The exit code.</returns>
    protected abstract int Run(CommandContext context, TorchSharp.torch.Device device);
}
