namespace Mdf.Losses;

/// <summary>The part of one term in a sum of losses.</summary>
/// <param name="Expression">The loss of the term, without its weight.</param>
/// <param name="Weight">The weight of the term.</param>
/// <param name="Value">The value of the loss, without the weight.</param>
/// <param name="GradientNorm">The Euclidean norm of the gradient of the weighted term with respect to the restored images of the batch.</param>
internal sealed record TermGradient(string Expression, double Weight, double Value, double GradientNorm);
