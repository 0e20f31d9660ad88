namespace Mdf.Runtime;

/// <summary>
/// Input from outside cannot be used: an argument, a file, an image, a checkpoint.
/// </summary>
/// <remarks>
/// The message is one line: what was expected, what was found, where, and what to do. The program prints it unchanged and exits with
/// code 2. Every other exception is a failure during the work (code 1).
/// </remarks>
public sealed class InputException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One line: expected, found, where, what to do. Control characters become spaces. The middle of a long message is omitted.</param>
    /// <param name="innerException">The exception of a library, if there is one; shown only with <c>--verbose</c>.</param>
    public InputException(string message, Exception? innerException = null)
        : base(OneLine(message), innerException)
    {
    }

    /// <summary>Makes one line of any text, as in every message of this type. Text from outside may be long and may contain line breaks.</summary>
    /// <param name="text">The text.</param>
    /// <returns>At most about a thousand characters, none of them a control character.</returns>
    public static string OneLine(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Untrusted.Line(text);
    }
}
