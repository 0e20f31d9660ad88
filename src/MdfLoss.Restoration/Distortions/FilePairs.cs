using System.Globalization;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// The difference between pairs of files. <c>pairs</c>: clean images and distorted versions of the same size. <c>pairs:factor</c>: distorted versions that
/// are smaller by a factor. The class cannot distort an image itself: the user gives both files for training and evaluation.
/// </summary>
internal sealed class FilePairs : Distortion
{
    /// <summary>Creates the task.</summary>
    /// <param name="factor">The ratio of the clean image's size to the distorted image's size: 1 to 4.</param>
    /// <exception cref="InputException"><paramref name="factor"/> is another number.</exception>
    public FilePairs(int factor = 1)
    {
        if (factor is < 1 or > 4)
            throw OutOfRange(factor.ToString(CultureInfo.InvariantCulture));
        Factor = factor;
    }

    internal static TaskName Name { get; } = new("pairs", null, "pairs", "whatever the given files show", factor => factor switch
    {
        null => new FilePairs(),
        _ when int.TryParse(factor, NumberStyles.None, CultureInfo.InvariantCulture, out var times) => new FilePairs(times),
        _ => throw OutOfRange(factor),
    });

    /// <inheritdoc/>
    public override string Task => Factor == 1 ? Name.Name : string.Create(CultureInfo.InvariantCulture, $"{Name.Name}:{Factor}");

    /// <inheritdoc/>
    public override int Factor { get; }

    /// <inheritdoc/>
    internal override void RequireOperator() => throw new InputException($"task '{Task}' damages nothing itself: give the damaged files").With(Remedy.GiveDistorted);

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random)
    {
        RequireOperator();
        throw new InvalidOperationException("a task of file pairs has no operator");
    }

    private static InputException OutOfRange(string found) => new(
        $"cannot use task 'pairs:{found}': expected the factor by which the damaged files are smaller, 2, 3 or 4, such as 'pairs:2', or plain 'pairs' for files of the same size");
}
