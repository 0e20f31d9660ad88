using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// Any artefact that a program makes, <c>external:command</c>: the program is given the name of a clean PNG file, and of the file to write. A grey picture is
/// given as a grey file.
/// </summary>
/// <remarks>
/// Only the person who types the command can make it: <see cref="Distortion.Parse"/>, which reads experiment files and the metadata of stacks and networks, refuses
/// it, so that no file can start a program. The program is started directly, without a shell.
/// </remarks>
public sealed class ExternalDistortion : Distortion
{
    /// <summary>How long the program may take for an image by default.</summary>
    public static readonly TimeSpan DefaultTimeLimit = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(50);

    // Ctrl-C reaches the program as well, and it may end before we are told.
    private static readonly TimeSpan s_signalLimit = TimeSpan.FromSeconds(0.5);

    private const string Prefix = "external:";
    private const string InputPlace = "{in}";
    private const string OutputPlace = "{out}";
    private const int MostShown = 200;

    private readonly string _command;
    private readonly TimeSpan _timeLimit;
    private readonly string _program;
    private readonly IReadOnlyList<string> _arguments;
    private readonly CancellationToken _cancellation;

    /// <summary>Creates the distortion; nothing is started yet.</summary>
    /// <param name="command">
    /// The program and its arguments, separated by spaces; double quotes keep spaces. <c>{in}</c> and <c>{out}</c> stand for the two files; without them
    /// they come last, in this order.
    /// </param>
    /// <param name="timeLimit">How long the program may take for an image.</param>
    /// <param name="cancellation">Ends the program while it works; applying the distortion throws <see cref="OperationCanceledException"/> then.</param>
    /// <exception cref="InputException">The command is empty, has an unfinished quotation, or only one of the two places.</exception>
    public ExternalDistortion(string command, TimeSpan timeLimit, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(command);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeLimit, TimeSpan.Zero);
        (_command, _timeLimit, _cancellation) = (command, timeLimit, cancellation);
        var words = Split(command);
        if (words.Count == 0)
            throw new InputException($"task 'external' needs a command: expected a program and its arguments after the colon, such as '{Prefix}mydamage {InputPlace} {OutputPlace}'");
        var places = new[] { InputPlace, OutputPlace }.Count(place => words.Skip(1).Any(word => word.Contains(place, StringComparison.Ordinal)));
        if (places == 1)
            throw new InputException($"cannot use task '{Prefix}{command}': expected both {InputPlace} and {OutputPlace} among the arguments, or neither");
        (_program, _arguments) = (words[0], [.. words.Skip(1), .. places == 0 ? new[] { InputPlace, OutputPlace } : []]);
    }

    internal static TaskName Name { get; } = new("external", "external:\"program {in} {out}\"", "makes a damaged file from a clean one", _ => throw new InputException(
        "cannot use task 'external' here: a file cannot start a program; type it on the command line, with --task 'external:command' (mdf train takes it again with --resume)"));

    /// <summary>Whether a task is a program's, without starting anything.</summary>
    /// <param name="task">The task's name.</param>
    public static bool IsNameOf(string task) => task.StartsWith(Prefix, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string Task => Prefix + _command;

    /// <summary>Finds the distortion for the training of a loss as somebody typed it: any that <see cref="Distortion.ParseForLoss"/> knows, or a program.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="timeLimit">How long a program may take for an image.</param>
    /// <param name="cancellation">Ends a program while it works.</param>
    /// <exception cref="InputException">The task cannot be used.</exception>
    public static Distortion ParseTyped(string task, TimeSpan timeLimit, CancellationToken cancellation = default) => ParseTyped(task, timeLimit, ParseForLoss, cancellation);

    /// <summary>Finds the distortion for a network as somebody typed it: any that <see cref="Distortion.ParseForNetwork"/> knows, or a program.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="timeLimit">How long a program may take for an image.</param>
    /// <param name="cancellation">Ends a program while it works.</param>
    /// <exception cref="InputException">The task cannot be used.</exception>
    public static Distortion ParseTypedForNetwork(string task, TimeSpan timeLimit, CancellationToken cancellation = default) => ParseTyped(task, timeLimit, ParseForNetwork, cancellation);

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random) => Join(reference.split(1).Select(Run)).to(reference.device).to(reference.dtype);

    /// <inheritdoc/>
    private protected override Tensor DistortGrey(Tensor reference, Generator? random) =>
        Join(reference.split(1).Select(image => GreyPicture.Channels(Run(image)))).to(reference.device).to(reference.dtype);

    private static Distortion ParseTyped(string task, TimeSpan timeLimit, Func<string, Distortion> parse, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(task);
        return IsNameOf(task) ? new ExternalDistortion(task[Prefix.Length..], timeLimit, cancellation) : parse(task);
    }

    /// <summary>Words separated by spaces; double quotes keep spaces within a word.</summary>
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
            throw new InputException($"cannot use task '{Prefix}{command}': expected the quotation to end, found one double quote too few");
        if (hasWord)
            words.Add(word.ToString());
        return words;
    }

    private Tensor Run(Tensor image)
    {
        var folder = Directory.CreateTempSubdirectory("mdf-external-").FullName;
        try
        {
            var (input, output) = (Path.Combine(folder, "in.png"), Path.Combine(folder, "out.png"));
            ImageFile.Write(input, new Picture(GreyPicture.ToRgb(image.to(float32)), null, IsGrey: image.shape[1] == 1, 8));
            Start(input, output);
            if (!File.Exists(output))
                throw Failed("expected it to write the file that its last argument or {out} names, found none: let it write a PNG file of that name");
            var result = Read(output);
            return result.shape[2] == image.shape[2] && result.shape[3] == image.shape[3]
                ? result
                : throw Failed($"expected an image of {image.shape[3]}×{image.shape[2]} pixels, the size of its input, found {result.shape[3]}×{result.shape[2]}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private Tensor Read(string output)
    {
        try
        {
            return ImageFile.Read(output);
        }
        catch (InputException e)
        {
            throw Failed($"what it wrote cannot be used: {e.Message}", e);
        }
    }

    private void Start(string input, string output)
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
        if (!WaitForExit(process))
        {
            process.Kill(entireProcessTree: true);
            Drain(process);
            _cancellation.ThrowIfCancellationRequested();
            throw Failed($"it had not ended after {PlainNumber.Format(_timeLimit.TotalSeconds, 4)} s and was killed: give it more time with --external-timeout");
        }

        Drain(process);
        if (process.ExitCode != 0 && _cancellation.CanBeCanceled)
            _cancellation.WaitHandle.WaitOne(s_signalLimit);
        _cancellation.ThrowIfCancellationRequested();
        if (process.ExitCode != 0)
            throw Failed($"it ended with exit code {process.ExitCode}{(last.Length > 0 ? $" and said {Untrusted.Quote(last[..Math.Min(last.Length, MostShown)])}" : "")}");
    }

    /// <returns>Whether the program has ended, in time and before anybody cancelled it.</returns>
    /// <remarks><see cref="Process.WaitForExitAsync"/> would wait for the end of its output as well, which a program that it left behind may keep open.</remarks>
    private bool WaitForExit(Process process)
    {
        var started = Stopwatch.GetTimestamp();
        while (!process.WaitForExit(s_pollInterval))
        {
            if (_cancellation.IsCancellationRequested || Stopwatch.GetElapsedTime(started) > _timeLimit)
                return false;
        }

        return true;
    }

    /// <summary>Waits until what the program wrote has been read; not for ever, since a program that it left behind may keep the pipe open.</summary>
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
