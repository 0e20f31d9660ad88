using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// A loss that expressions can name: its short name, its argument, its options, and the function that creates it.
/// <see cref="LossExpression.Register(LossKind)"/> adds one.
/// </summary>
/// <param name="Name">The short name: small letters and digits, with single hyphens between them.</param>
/// <param name="Create">Creates the loss for a term of an expression. Only this call uses libtorch and files.</param>
internal sealed record LossKind(string Name, Func<LossTerm, ReconstructionLoss> Create)
{
    /// <summary>A description of the text that must follow the colon; null if no text may follow.</summary>
    public string? Argument { get; init; }

    /// <summary>The names of the options that the loss accepts.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>
    /// Creates the loss with random weights, if it needs a pretrained network; null for the others. For tests, benchmarks and checks of a device: they depend on the
    /// network's layers, not on its training. The second argument divides the number of channels.
    /// </summary>
    public Func<Generator, int, ReconstructionLoss>? Untrained { get; init; }
}
