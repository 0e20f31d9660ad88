using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// A distortion that a program makes, <c>external:command</c>. The program gets the names of a clean PNG file and of the file to write. A grey image is
/// passed as a grey file.
/// </summary>
/// <remarks>
/// Only a user who types the command can create it. <see cref="Tasks.Parse"/>, which reads experiment files and the metadata of stacks and networks, refuses
/// it, so no file can start a program. The program is started directly, without a shell.
/// </remarks>
public sealed class ExternalDistortion : Distortion
{
    /// <summary>The default time limit of the program for one image.</summary>
    public static readonly TimeSpan DefaultTimeLimit = ExternalProgram.DefaultTimeLimit;

    private readonly ExternalProgram _program;
    private readonly CancellationToken _cancellation;

    /// <summary>Creates the distortion. Starts nothing.</summary>
    /// <param name="command">
    /// The program and its arguments, separated by spaces. Double quotes enclose an argument with spaces. <c>{in}</c> and <c>{out}</c> stand for the two files.
    /// Without them, the two files are the last arguments, in this order.
    /// </param>
    /// <param name="timeLimit">The time limit of the program for one image.</param>
    /// <param name="cancellationToken">Stops the running program. Applying the distortion then throws <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InputException">The command is empty, has a quote that is not closed, or only one of <c>{in}</c> and <c>{out}</c>.</exception>
    public ExternalDistortion(string command, TimeSpan timeLimit, CancellationToken cancellationToken = default)
    {
        (_program, _cancellation) = (new ExternalProgram(command, timeLimit), cancellationToken);
    }

    internal static TaskName Name { get; } = new("external", "external:\"program {in} {out}\"", "makes a damaged file from a clean one", _ => throw new InputException(
        "cannot use task 'external' here: a file cannot start a program; only a command that a person types can").With(Remedy.TypeTask));

    /// <summary>Whether a task names a program. Starts nothing.</summary>
    /// <param name="task">The task's name.</param>
    internal static bool IsNameOf(string task) => ExternalProgram.IsNamedBy(task);

    /// <inheritdoc/>
    public override string Task => _program.ToString();

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random) => Join(reference.split(1).Select(Run)).to(reference.device).to(reference.dtype);

    /// <inheritdoc/>
    private protected override Tensor DistortGrey(Tensor reference, Generator? random) =>
        Join(reference.split(1).Select(image => GreyPicture.Channels(Run(image)))).to(reference.device).to(reference.dtype);

    private Tensor Run(Tensor image) => _program.Run(
        image,
        (height, width) => (height, width) == (image.shape[2], image.shape[3])
            ? null
            : $"expected an image of {image.shape[3]}×{image.shape[2]} pixels, the size of its input, found {width}×{height}",
        _cancellation);
}
