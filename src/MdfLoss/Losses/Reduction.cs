namespace Mdf.Losses;

/// <summary>The way in which a loss reduces the values of a batch.</summary>
public enum Reduction
{
    /// <summary>The mean: a scalar.</summary>
    Mean,

    /// <summary>The sum over the images of the batch: a scalar, equal to the mean times the number of images.</summary>
    Sum,

    /// <summary>No reduction: one value for each image, shape <c>(N)</c>.</summary>
    None,
}
