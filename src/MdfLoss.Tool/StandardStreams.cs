using System.Text;

namespace Mdf.Cli;

/// <summary>
/// The program's standard output and standard error. Messages and progress that cannot be written never end the work;
/// a result that cannot be written makes the exit code <see cref="CommandLine.Failure"/>.
/// </summary>
internal sealed class StandardStreams
{
    private readonly StandardStream _output = StandardStream.Open(1);
    private readonly StandardStream _error = StandardStream.Open(2);

    private StandardStreams()
    {
        Console.SetOut(Writer(_output));
        Console.SetError(Writer(_error));
    }

    /// <summary>Replaces <see cref="Console.Out"/> and <see cref="Console.Error"/>.</summary>
    public static StandardStreams Install() => new();

    /// <summary>Finishes the program.</summary>
    /// <param name="code">The command's exit code.</param>
    /// <returns>The exit code of the program: the command's exit code, or <see cref="CommandLine.Failure"/> if the command succeeded but a part of the result could not be written.</returns>
    public int Finish(int code)
    {
        Console.Out.Flush();
        if (_output.Failure is not { } reason)
            return code;
        Console.Error.WriteLine($"mdf: cannot write the result to standard output: {reason}; any files are complete");
        return code == CommandLine.Success ? CommandLine.Failure : code;
    }

    private static StreamWriter Writer(Stream stream)
    {
        var encoding = Console.OutputEncoding;
        return new StreamWriter(stream, encoding is UTF8Encoding ? new UTF8Encoding(encoderShouldEmitUTF8Identifier: false) : encoding) { AutoFlush = true };
    }
}
