using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// Any artefact that a program makes, <c>external:command</c>: the program is given the name of a clean PNG file, and of the file to write. A grey picture is
/// given as a grey file.
/// </summary>
/// <remarks>
/// Only the person who types the command can make it: <see cref="Distortion.Parse"/>, which reads experiment files and the metadata of stacks and networks, refuses
/// it, so that no file can start a program. The program is started directly, without a shell.
/// </remarks>
public sealed class ExternalDistortion : Distortion
{
    /// <summary>How long the program may take for an image by default.</summary>
    public static readonly TimeSpan DefaultTimeLimit = ExternalProgram.DefaultTimeLimit;

    private readonly ExternalProgram _program;
    private readonly CancellationToken _cancellation;

    /// <summary>Creates the distortion; nothing is started yet.</summary>
    /// <param name="command">
    /// The program and its arguments, separated by spaces; double quotes keep spaces. <c>{in}</c> and <c>{out}</c> stand for the two files; without them
    /// they come last, in this order.
    /// </param>
    /// <param name="timeLimit">How long the program may take for an image.</param>
    /// <param name="cancellationToken">Ends the program while it works; applying the distortion throws <see cref="OperationCanceledException"/> then.</param>
    /// <exception cref="InputException">The command is empty, has an unfinished quotation, or only one of the two places.</exception>
    public ExternalDistortion(string command, TimeSpan timeLimit, CancellationToken cancellationToken = default)
    {
        (_program, _cancellation) = (new ExternalProgram(command, timeLimit), cancellationToken);
    }

    internal static TaskName Name { get; } = new("external", "external:\"program {in} {out}\"", "makes a damaged file from a clean one", _ => throw new InputException(
        "cannot use task 'external' here: a file cannot start a program; type it on the command line, with --task 'external:command' (mdf train takes it again with --resume)"));

    /// <summary>Whether a task is a program's, without starting anything.</summary>
    /// <param name="task">The task's name.</param>
    internal static bool IsNameOf(string task) => ExternalProgram.IsNamedBy(task);

    /// <inheritdoc/>
    public override string Task => _program.ToString();

    /// <summary>Finds the distortion for the training of a loss as somebody typed it: any that <see cref="Distortion.ParseForLoss"/> knows, or a program.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="timeLimit">How long a program may take for an image.</param>
    /// <param name="cancellationToken">Ends a program while it works.</param>
    /// <exception cref="InputException">The task cannot be used.</exception>
    internal static Distortion ParseTyped(string task, TimeSpan timeLimit, CancellationToken cancellationToken = default) => ParseTyped(task, timeLimit, ParseForLoss, cancellationToken);

    /// <summary>Finds the distortion for a network as somebody typed it: any that <see cref="Distortion.ParseForNetwork"/> knows, or a program.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="timeLimit">How long a program may take for an image.</param>
    /// <param name="cancellationToken">Ends a program while it works.</param>
    /// <exception cref="InputException">The task cannot be used.</exception>
    internal static Distortion ParseTypedForNetwork(string task, TimeSpan timeLimit, CancellationToken cancellationToken = default) => ParseTyped(task, timeLimit, ParseForNetwork, cancellationToken);

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random) => Join(reference.split(1).Select(Run)).to(reference.device).to(reference.dtype);

    /// <inheritdoc/>
    private protected override Tensor DistortGrey(Tensor reference, Generator? random) =>
        Join(reference.split(1).Select(image => GreyPicture.Channels(Run(image)))).to(reference.device).to(reference.dtype);

    private static Distortion ParseTyped(string task, TimeSpan timeLimit, Func<string, Distortion> parse, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(task);
        return IsNameOf(task) ? new ExternalDistortion(task[ExternalProgram.Prefix.Length..], timeLimit, cancellationToken) : parse(task);
    }

    private Tensor Run(Tensor image) => _program.Run(
        image,
        (height, width) => (height, width) == (image.shape[2], image.shape[3])
            ? null
            : $"expected an image of {image.shape[3]}×{image.shape[2]} pixels, the size of its input, found {width}×{height}",
        _cancellation);
}
