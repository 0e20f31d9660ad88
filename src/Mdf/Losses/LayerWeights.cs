namespace Mdf.Losses;

/// <summary>What the distance of each layer counts in the MDF loss; 1 each as upstream has it.</summary>
/// <param name="Head">The features after the head; not negative.</param>
/// <param name="Body">The features after the body; not negative.</param>
/// <param name="Tail">The final map; not negative.</param>
public readonly record struct LayerWeights(double Head, double Body, double Tail)
{
    /// <summary>1 each: upstream's.</summary>
    public static LayerWeights Equal { get; } = new(1, 1, 1);

    /// <summary>The three, in the order of the layers.</summary>
    public IReadOnlyList<double> Values => [Head, Body, Tail];
}
