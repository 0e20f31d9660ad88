namespace Mdf.Losses;

/// <summary>What a loss makes of the values of a batch.</summary>
public enum Reduction
{
    /// <summary>Their mean: a scalar.</summary>
    Mean,

    /// <summary>Nothing: one value for each image, shape <c>(N)</c>.</summary>
    None,
}
