namespace Mdf.Training;

/// <summary>The losses of one iteration of phase 1.</summary>
/// <param name="Real">−D(x): how real the photograph looks to the critic.</param>
/// <param name="Fake">D(x̃): how real the generator's image looks to it.</param>
/// <param name="Penalty">The weighted gradient penalty.</param>
/// <param name="Reconstruction">MSE(x̃, x), unweighted.</param>
public readonly record struct ScaleLosses(double Real, double Fake, double Penalty, double Reconstruction);
