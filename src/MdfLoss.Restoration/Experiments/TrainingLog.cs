using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Mdf.Losses;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Experiments;

/// <summary>
/// The log of a training: one line of JSON for each entry, and the same numbers for TensorBoard. A run that resumes from an earlier iteration removes the
/// entries of the steps that it will repeat. The files for TensorBoard keep them.
/// </summary>
internal sealed class TrainingLog : IDisposable
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    /// <summary>The group of the numbers of a validation.</summary>
    public const string ValidationGroup = "validation";

    /// <summary>The group of the values of the terms of a sum, without their weights.</summary>
    public const string TermsGroup = "terms";

    /// <summary>The group of the terms' shares of the gradient's norm with respect to the restored images.</summary>
    public const string SharesGroup = "gradient_shares";

    private const string IterationKey = "iteration";

    private readonly StreamWriter _file;
    private readonly SummaryWriter _board;

    /// <summary>Opens the log of a run.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="iteration">The iteration from which the run resumes; 0 for a new run.</param>
    /// <param name="validated">The iteration of the last validation to keep.</param>
    public TrainingLog(RunFolder folder, int iteration, int validated)
    {
        var kept = File.Exists(folder.Log) ? File.ReadLines(folder.Log).Where(line => IsKept(Parse(line))).ToArray() : [];
        Runtime.AtomicFile.Write(folder.Log, string.Concat(kept.Select(line => line + "\n")));
        _file = new StreamWriter(new FileStream(folder.Log, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0), new UTF8Encoding(false)) { AutoFlush = true };
        Directory.CreateDirectory(folder.TensorBoard);
        _board = utils.tensorboard.SummaryWriter(folder.TensorBoard);

        bool IsKept(JsonObject? entry) => entry is not null && entry[IterationKey]!.GetValue<int>() <= (entry.ContainsKey(ValidationGroup) ? validated : iteration);
    }

    /// <summary>Reads the entries of a log, for plots. Truncated lines and lines that are not entries are skipped. The list is empty if there is no log.</summary>
    /// <param name="folder">The run's folder.</param>
    public static IReadOnlyList<JsonObject> Read(RunFolder folder) =>
        File.Exists(folder.Log) ? [.. File.ReadLines(folder.Log).Select(Parse).OfType<JsonObject>()] : [];

    /// <summary>Writes an entry.</summary>
    /// <param name="iteration">The number of steps made.</param>
    /// <param name="group">The group of the numbers: <c>train</c> or <see cref="ValidationGroup"/>.</param>
    /// <param name="values">The numbers by name. Null values are omitted.</param>
    public void Write(int iteration, string group, IEnumerable<KeyValuePair<string, double?>> values)
    {
        var numbers = values.Where(entry => entry.Value is not null).ToDictionary(entry => entry.Key, entry => entry.Value!.Value);
        _file.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object> { [IterationKey] = iteration, [group] = numbers }, s_json));
        foreach (var (name, value) in numbers)
            _board.add_scalar($"{group}/{name}", (float)value, iteration);
    }

    /// <summary>Writes the parts of the terms of a sum: the value of each loss, and the share of each term in the sum of the norms of the gradients.</summary>
    /// <param name="iteration">The number of steps made.</param>
    /// <param name="terms">The parts of the terms in the last step.</param>
    public void WriteTerms(int iteration, IReadOnlyList<TermGradient> terms)
    {
        var norms = terms.Sum(term => term.GradientNorm);
        var losses = terms.GroupBy(term => term.Expression).ToArray(); // a sum may name a loss twice
        Write(iteration, TermsGroup, losses.Select(loss => KeyValuePair.Create(loss.Key, (double?)loss.First().Value)));
        if (norms > 0) // without a gradient there are no shares
            Write(iteration, SharesGroup, losses.Select(loss => KeyValuePair.Create(loss.Key, (double?)loss.Sum(term => term.GradientNorm) / norms)));
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    /// <returns>An entry: an iteration and groups of numbers; null if the line is anything else.</returns>
    private static JsonObject? Parse(string line)
    {
        try
        {
            return JsonNode.Parse(line, documentOptions: s_strict) is JsonObject entry && entry[IterationKey] is JsonValue value && value.TryGetValue<int>(out _)
                && entry.All(part => part.Key == IterationKey || part.Value is JsonObject) ? entry : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
