using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli;

/// <summary>The input of a command: its arguments, the streams for results and messages, and the cancellation.</summary>
internal sealed class CommandContext
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // the output is never used in HTML
        // The loss of a diverged run is NaN, and the PSNR of equal images is infinite. Both are valid results ("NaN", "Infinity").
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private readonly ParseResult _arguments;
    private readonly Terminal _output;
    private readonly Terminal _error;
    private readonly CancellationToken _cancellation;
    private readonly Action? _watch;

    public CommandContext(ParseResult arguments, Terminal output, Terminal error, Action? watch, CancellationToken cancellationToken)
    {
        (_arguments, _output, _error, _cancellation, _watch) = (arguments, output, error, cancellationToken, watch);
        IsJson = arguments.GetValue<bool>(CommonOptions.Json);
        IsVerbose = arguments.GetValue<bool>(CommonOptions.Verbose);
    }

    /// <summary>
    /// Cancelled by Ctrl-C. Pass it to all long work. Read it only for such work: after the first read, the work must stop by itself.
    /// </summary>
    public CancellationToken Cancellation
    {
        get
        {
            _watch?.Invoke();
            return _cancellation;
        }
    }

    /// <summary>Whether to print the result as one JSON object.</summary>
    public bool IsJson { get; }

    /// <summary>Whether to print additional messages.</summary>
    public bool IsVerbose { get; }

    /// <summary>Returns the value of an option. It is null if an optional option without a default is not given.</summary>
    public T Get<T>(Option<T> option) => _arguments.GetValue(option)!;

    /// <summary>Returns the value of an argument.</summary>
    public T Get<T>(Argument<T> argument) => _arguments.GetRequiredValue(argument);

    /// <summary>Returns an option as the user typed it, for the command line of another process: its name and its values.</summary>
    /// <param name="option">The option, of the command or of all commands.</param>
    /// <returns>The words; none if it is not given.</returns>
    public IEnumerable<string> Typed(Option option) => _arguments.GetResult(option) is { Implicit: false } result ? result.Tokens.SelectMany(token => new[] { option.Name, token.Value }) : [];

    /// <summary>Returns an option of all commands.</summary>
    /// <param name="name">Its name, such as <c>--plugin</c>.</param>
    public Option OfAll(string name) => Root.Options.Single(option => option.Name == name);

    /// <summary>The root command, which contains all commands.</summary>
    public Command Root => _arguments.RootCommandResult.Command;

    /// <summary>Writes the help of a command to standard output.</summary>
    /// <param name="path">The names of the command; empty for the help of the program.</param>
    /// <returns>The exit code.</returns>
    public int ShowHelp(IEnumerable<string> path) =>
        Root.Parse([.. path, "--help"]).Invoke(new InvocationConfiguration { Output = _output.Writer, EnableDefaultExceptionHandler = false });

    /// <summary>Writes the result of the command to standard output: one JSON object with <c>--json</c>, otherwise text. Call it once per command.</summary>
    /// <param name="result">The object for JSON: a record, not a list or a number.</param>
    /// <param name="write">Writes the same result as text.</param>
    public void Result<T>(T result, Action<Terminal> write)
    {
        if (IsJson)
            _output.Writer.WriteLine(JsonSerializer.Serialize(result, s_json));
        else
            write(_output);
    }

    /// <summary>Writes one line to standard output, for a program that reads it.</summary>
    public void Line(string line) => _output.Writer.WriteLine(line);

    /// <summary>Writes a warning, as one line on standard error.</summary>
    public void Warn(string message) => _error.WriteLine($"mdf: {message}");

    /// <summary>Warns if the given folders have subfolders, because subfolders are not searched.</summary>
    /// <param name="paths">The given folders of images, or files.</param>
    /// <param name="except">A folder that the warning omits. Default: none.</param>
    public void WarnOfSubfolders(IEnumerable<string> paths, string? except = null)
    {
        if (ImageFolder.CautionOnSubfolders(paths, except) is { } caution)
            Warn(caution);
    }

    /// <summary>Creates a loss, and warns if the loss has a caution for this device.</summary>
    /// <param name="expression">The expression of the loss.</param>
    /// <param name="device">The device of the images.</param>
    public ReconstructionLoss CreateLoss(LossExpression expression, torch.Device device)
    {
        var loss = expression.Create(device);
        if (loss.CautionOn(device) is { } caution)
            Warn(caution);
        return loss;
    }

    /// <summary>Writes the current step of the work, as one line on standard error. Only with <c>--verbose</c>.</summary>
    public void Log(string message)
    {
        if (IsVerbose)
            _error.WriteLine($"mdf: {message}");
    }

    /// <summary>Does long work and shows its progress on standard error: bars on a terminal, otherwise a line every few seconds.</summary>
    /// <param name="work">The work. Its argument takes the reports.</param>
    /// <returns>The result of the work.</returns>
    public T WithProgress<T>(Func<IProgress<ProgressUpdate>, T> work) => _error.WithProgress(TimeProvider.System, work);
}
