using Mdf.Runtime;
using Spectre.Console;

namespace Mdf.Cli;

/// <summary>One of the two standard streams: a terminal, a file or a pipe.</summary>
internal sealed class Terminal
{
    // Wide enough that lines of a table are not broken in a file, which has no window.
    private const int WidthOfAFile = 200;

    private bool _hasBars;

    /// <summary>Wraps a stream.</summary>
    /// <param name="writer">The stream.</param>
    /// <param name="isInteractive">Whether it is a terminal, which can show colours and bars.</param>
    public Terminal(TextWriter writer, bool isInteractive)
    {
        Writer = writer;
        IsInteractive = isInteractive;
        Console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = isInteractive ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isInteractive ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = isInteractive ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!isInteractive)
            Console.Profile.Width = WidthOfAFile;
    }

    /// <summary>The stream itself.</summary>
    public TextWriter Writer { get; }

    /// <summary>The stream for tables and colours.</summary>
    public IAnsiConsole Console { get; }

    /// <summary>Whether it is a terminal.</summary>
    public bool IsInteractive { get; }

    /// <summary>Writes a line without breaking it. While progress bars are visible, the line appears above them.</summary>
    public void WriteLine(string line)
    {
        if (_hasBars)
            Console.WriteLine(line);
        else
            Writer.WriteLine(line);
    }

    /// <summary>Does long work and shows its progress: bars on a terminal, otherwise a line every few seconds.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="work">The work. Its argument takes the reports.</param>
    /// <returns>The result of the work.</returns>
    public T WithProgress<T>(TimeProvider time, Func<IProgress<ProgressUpdate>, T> work)
    {
        if (!IsInteractive)
            return work(new ProgressLines(Writer, time));
        try
        {
            _hasBars = true;
            return ProgressBars.Show(Console, time, work);
        }
        finally
        {
            _hasBars = false;
        }
    }
}
