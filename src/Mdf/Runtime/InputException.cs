namespace Mdf.Runtime;

/// <summary>
/// Something that came from outside is not usable: an argument, a file, an image, a checkpoint.
/// </summary>
/// <remarks>
/// The message is one line that says what was expected, what was found, where, and what to do. The command line prints
/// it as it is and exits with code 2; every other exception is a failure while working (code 1).
/// </remarks>
public sealed class InputException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One line: expected, found, where, what to do.</param>
    /// <param name="innerException">What a library said, if anything; shown only with <c>--verbose</c>.</param>
    public InputException(string message, Exception? innerException = null)
        : base(OneLine(message), innerException)
    {
    }

    /// <summary>Folds line breaks and control characters, so that text from an untrusted file stays on its line.</summary>
    private static string OneLine(string text) =>
        string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
}
