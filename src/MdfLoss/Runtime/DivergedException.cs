namespace Mdf.Runtime;

/// <summary>A training or an optimization diverged: a loss or a gradient became infinite or NaN. The step that detected this changed nothing.</summary>
/// <param name="message">One line: what was not finite, where, and what to do.</param>
public sealed class DivergedException(string message) : Exception(message);
