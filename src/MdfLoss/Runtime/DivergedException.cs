namespace Mdf.Runtime;

/// <summary>A training or an optimization diverged: a loss or a gradient became infinite or NaN. Nothing was changed by the step that found it.</summary>
/// <param name="message">One line: what was not finite, where, and what to do.</param>
public sealed class DivergedException(string message) : Exception(message);
