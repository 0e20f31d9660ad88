namespace Mdf.Losses;

/// <summary>What a loss makes of the values of a batch.</summary>
public enum Reduction
{
    /// <summary>Their mean: a scalar.</summary>
    Mean,

    /// <summary>Their sum over the images of the batch: a scalar, so many times the mean as there are images.</summary>
    Sum,

    /// <summary>Nothing: one value for each image, shape <c>(N)</c>.</summary>
    None,
}
