namespace Mdf.Training;

/// <summary>The losses of one iteration of phase 1.</summary>
/// <param name="Real">−D(x): the negative score of the discriminator for the photograph.</param>
/// <param name="Fake">D(x̃): the score of the discriminator for the image with the artefact.</param>
/// <param name="Penalty">The weighted gradient penalty.</param>
/// <param name="Reconstruction">MSE(x̃, x), unweighted; null without a generator.</param>
internal readonly record struct ScaleLosses(double Real, double Fake, double Penalty, double? Reconstruction);
