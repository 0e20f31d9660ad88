using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli;

/// <summary>What a command is given: its arguments, where results and messages go, and when to stop.</summary>
internal sealed class CommandContext
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // never put into HTML
        // A diverged loss is NaN and the PSNR of equal images is infinite: both are results ("NaN", "Infinity").
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
    /// Cancelled by Ctrl-C; hand it to all long work. Ask for it only there: whoever has asked must end by himself.
    /// </summary>
    public CancellationToken Cancellation
    {
        get
        {
            _watch?.Invoke();
            return _cancellation;
        }
    }

    /// <summary>Whether the result is one JSON object.</summary>
    public bool IsJson { get; }

    /// <summary>Whether to say more than is needed.</summary>
    public bool IsVerbose { get; }

    /// <summary>The value of an option that is required or has a default, or null for an optional one.</summary>
    public T Get<T>(Option<T> option) => _arguments.GetValue(option)!;

    /// <summary>The value of an argument.</summary>
    public T Get<T>(Argument<T> argument) => _arguments.GetRequiredValue(argument);

    /// <summary>The program's commands.</summary>
    public Command Root => _arguments.RootCommandResult.Command;

    /// <summary>Writes the help of a command to standard output.</summary>
    /// <param name="path">The command's names; none for the program's help.</param>
    /// <returns>The exit code.</returns>
    public int ShowHelp(IEnumerable<string> path) =>
        Root.Parse([.. path, "--help"]).Invoke(new InvocationConfiguration { Output = _output.Writer, EnableDefaultExceptionHandler = false });

    /// <summary>Writes the command's result to standard output: one JSON object with <c>--json</c>, else text.</summary>
    /// <param name="result">What JSON is made of: a record, not a list or a number. Called once per command.</param>
    /// <param name="write">Writes the same for a person.</param>
    public void Result<T>(T result, Action<Terminal> write)
    {
        if (IsJson)
            _output.Writer.WriteLine(JsonSerializer.Serialize(result, s_json));
        else
            write(_output);
    }

    /// <summary>Tells something that matters, as one line on standard error.</summary>
    public void Warn(string message) => _error.WriteLine($"mdf: {message}");

    /// <summary>Tells, if so, that there are folders in the given ones, which are not searched.</summary>
    /// <param name="paths">The folders of images that were given, or files.</param>
    /// <param name="except">A folder that need not be mentioned; null if there is none.</param>
    public void WarnOfSubfolders(IEnumerable<string> paths, string? except = null)
    {
        if (ImageFolder.CautionOnSubfolders(paths, except) is { } caution)
            Warn(caution);
    }

    /// <summary>Makes a loss, and passes on what is to be known of it.</summary>
    /// <param name="expression">Its expression.</param>
    /// <param name="device">Where the images will be.</param>
    public ReconstructionLoss CreateLoss(LossExpression expression, torch.Device device)
    {
        var loss = expression.Create(device);
        if (loss.CautionOn(device) is { } caution)
            Warn(caution);
        return loss;
    }

    /// <summary>Tells what is being done, as one line on standard error; only with <c>--verbose</c>.</summary>
    public void Log(string message)
    {
        if (IsVerbose)
            _error.WriteLine($"mdf: {message}");
    }

    /// <summary>Does long work and shows its progress on standard error: a bar on a terminal, else a line now and then.</summary>
    /// <param name="work">The work; it reports to the sink that it is given.</param>
    /// <returns>What the work returns.</returns>
    public T WithProgress<T>(Func<IProgress<ProgressUpdate>, T> work) => _error.WithProgress(TimeProvider.System, work);
}
