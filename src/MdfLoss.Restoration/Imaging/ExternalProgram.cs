using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>
/// A program that makes one image from another. It gets the names of a PNG file and of the file to write. A grey image is passed as a grey file. The program is
/// started directly, without a shell.
/// </summary>
/// <remarks>Only a command that the user types may become a program. No file can start one.</remarks>
internal sealed class ExternalProgram
{
    /// <summary>The prefix of a command, in all places where the user can type one.</summary>
    public const string Prefix = "external:";

    /// <summary>The default time limit of a program for one image.</summary>
    public static readonly TimeSpan DefaultTimeLimit = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(50);

    // Ctrl-C also reaches the program, which may end before our own cancellation is requested.
    private static readonly TimeSpan s_signalLimit = TimeSpan.FromSeconds(0.5);

    private const string InputPlace = "{in}";
    private const string OutputPlace = "{out}";
    private const int MostShown = 200;

    private readonly string _command;
    private readonly TimeSpan _timeLimit;
    private readonly string _program;
    private readonly IReadOnlyList<string> _arguments;

    /// <summary>Reads a command. Starts nothing.</summary>
    /// <param name="command">
    /// The program and its arguments, separated by spaces. Double quotes enclose an argument with spaces. <c>{in}</c> and <c>{out}</c> stand for the two files.
    /// Without them, the two files are the last arguments, in this order.
    /// </param>
    /// <param name="timeLimit">The time limit of the program for one image.</param>
    /// <exception cref="InputException">The command is empty, has a quote that is not closed, or only one of <c>{in}</c> and <c>{out}</c>.</exception>
    public ExternalProgram(string command, TimeSpan timeLimit)
    {
        ArgumentNullException.ThrowIfNull(command);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeLimit, TimeSpan.Zero);
        (_command, _timeLimit) = (command, timeLimit);
        var words = Split(command);
        if (words.Count == 0)
            throw new InputException($"'external' needs a command: expected a program and its arguments after the colon, such as '{Prefix}myprogram {InputPlace} {OutputPlace}'");
        var places = new[] { InputPlace, OutputPlace }.Count(place => words.Skip(1).Any(word => word.Contains(place, StringComparison.Ordinal)));
        if (places == 1)
            throw new InputException($"cannot use '{Prefix}{command}': expected both {InputPlace} and {OutputPlace} among the arguments, or neither");
        (_program, _arguments) = (words[0], [.. words.Skip(1), .. places == 0 ? new[] { InputPlace, OutputPlace } : []]);
    }

    /// <summary>The file of the program, as in the command.</summary>
    public string File => _program;

    /// <summary>The command as the user typed it.</summary>
    public override string ToString() => Prefix + _command;

    /// <summary>Whether a name names a program. Starts nothing.</summary>
    /// <param name="name">The name, such as <c>external:cp {in} {out}</c>.</param>
    public static bool IsNamedBy(string name) => name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Runs the program on one image.</summary>
    /// <param name="image">One image with three channels or one, <c>(1, C, H, W)</c>. The program gets it with 8 bits.</param>
    /// <param name="sizes">Describes the error in the size of the result, given its height and width; returns null if there is none.</param>
    /// <param name="cancellationToken">Stops the program.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c> in [0, 1], on the CPU.</returns>
    /// <exception cref="InputException">The program cannot be started, fails, takes too long, or writes no usable image.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Tensor Run(Tensor image, Func<long, long, string?> sizes, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("mdf-external-").FullName;
        try
        {
            var (input, output) = (Path.Combine(folder, "in.png"), Path.Combine(folder, "out.png"));
            ImageFile.Write(input, new Picture(GreyPicture.ToRgb(image.to(float32)), null, IsGrey: image.shape[1] == 1, 8));
            Start(input, output, cancellationToken);
            if (!System.IO.File.Exists(output))
                throw Failed("expected it to write the file that its last argument or {out} names, found none: let it write a PNG file of that name");
            var result = Read(output);
            return sizes(result.shape[2], result.shape[3]) is { } mistake ? throw Failed(mistake) : result;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Splits a command into words at spaces. Double quotes enclose a word with spaces.</summary>
    private static List<string> Split(string command)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var (isQuoted, hasWord) = (false, false);
        foreach (var character in command)
        {
            switch (character)
            {
                case '"':
                    (isQuoted, hasWord) = (!isQuoted, true);
                    break;
                case ' ' or '\t' when !isQuoted:
                    if (hasWord)
                        words.Add(word.ToString());
                    word.Clear();
                    hasWord = false;
                    break;
                default:
                    word.Append(character);
                    hasWord = true;
                    break;
            }
        }

        if (isQuoted)
            throw new InputException($"cannot use '{Prefix}{command}': expected the quotation to end, found one double quote too few");
        if (hasWord)
            words.Add(word.ToString());
        return words;
    }

    private Tensor Read(string output)
    {
        try
        {
            return ImageFile.Read(output);
        }
        catch (InputException e)
        {
            throw Failed($"its result cannot be used: {e.Message}", e);
        }
    }

    private void Start(string input, string output, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(_program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in _arguments)
        {
            start.ArgumentList.Add(argument
                .Replace(InputPlace, input, StringComparison.Ordinal).Replace(OutputPlace, output, StringComparison.Ordinal));
        }

        using var process = new Process { StartInfo = start };
        var last = "";
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, line) => last = string.IsNullOrWhiteSpace(line.Data) ? last : line.Data;
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw Failed($"it cannot be started: {e.Message}", e);
        }

        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (!WaitForExit(process, cancellationToken))
        {
            process.Kill(entireProcessTree: true);
            Drain(process);
            cancellationToken.ThrowIfCancellationRequested();
            throw Failed($"it did not end within {PlainNumber.Format(_timeLimit.TotalSeconds, 4)} s and was killed: give it more time").With(Remedy.MoreTime);
        }

        Drain(process);
        if (process.ExitCode != 0 && cancellationToken.CanBeCanceled)
            cancellationToken.WaitHandle.WaitOne(s_signalLimit);
        cancellationToken.ThrowIfCancellationRequested();
        if (process.ExitCode != 0)
            throw Failed($"it ended with exit code {process.ExitCode}{(last.Length > 0 ? $" and said {Untrusted.Quote(last[..Math.Min(last.Length, MostShown)])}" : "")}");
    }

    /// <returns>Whether the program has ended in time and before a cancellation.</returns>
    /// <remarks><see cref="Process.WaitForExitAsync"/> would also wait for the end of its output, which a child process that is still running may keep open.</remarks>
    private bool WaitForExit(Process process, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        while (!process.WaitForExit(s_pollInterval))
        {
            if (cancellationToken.IsCancellationRequested || Stopwatch.GetElapsedTime(started) > _timeLimit)
                return false;
        }

        return true;
    }

    /// <summary>Waits until the output of the program has been read, but only for a limited time, because a child process that is still running may keep the pipe open.</summary>
    private static void Drain(Process process)
    {
        using var source = new CancellationTokenSource(s_drainLimit);
        try
        {
            process.WaitForExitAsync(source.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
        }
    }

    private InputException Failed(string what, Exception? inner = null) => new($"the external program '{_command}' failed: {what}", inner);
}
