namespace Mdf.Losses;

/// <summary>A loss that expressions can name: its short name, what it takes, how it is made. <see cref="LossExpression.Register(LossKind)"/> adds one.</summary>
/// <param name="Name">The short name: small letters and digits, with single hyphens between them.</param>
/// <param name="Create">Makes the loss of a term of an expression. It touches libtorch and files only when it is called.</param>
internal sealed record LossKind(string Name, Func<LossTerm, ReconstructionLoss> Create)
{
    /// <summary>What must stand after the colon, in words; null if nothing may.</summary>
    public string? Argument { get; init; }

    /// <summary>The names of the options that it understands.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];
}
