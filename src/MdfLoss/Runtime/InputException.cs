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
    /// <param name="message">One line: expected, found, where, what to do. Control characters become spaces; of a long message the middle is left out.</param>
    /// <param name="innerException">What a library said, if anything; shown only with <c>--verbose</c>.</param>
    public InputException(string message, Exception? innerException = null)
        : base(OneLine(message), innerException)
    {
    }

    /// <summary>Makes one line of any text, as every message of this type is: text from outside may be long, and hold line breaks.</summary>
    /// <param name="text">The text.</param>
    /// <returns>At most about a thousand characters, none of them a control character.</returns>
    public static string OneLine(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Untrusted.Line(text);
    }
}
