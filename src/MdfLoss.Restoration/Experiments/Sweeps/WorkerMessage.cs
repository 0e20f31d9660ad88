using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Runtime;

namespace Mdf.Experiments.Sweeps;

/// <summary>
/// One line that a worker writes to its standard output: the progress of its cell, or how the cell has ended. A worker reads the numbers of the cells that it
/// runs from its standard input, a line each. If its input ends, it writes a checkpoint and ends too, so no worker outlives the sweep.
/// </summary>
/// <param name="Cell">The number of the cell.</param>
internal sealed record WorkerMessage(int Cell)
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>The number of steps made; null if the message is not about progress.</summary>
    public long? Step { get; init; }

    /// <summary>The loss of the last step.</summary>
    public double? Loss { get; init; }

    /// <summary>A warning.</summary>
    public string? Warning { get; init; }

    /// <summary>How the cell has ended; <see cref="CellState.Unfinished"/> if it was interrupted, or if another process runs it.</summary>
    public CellState? State { get; init; }

    /// <summary>Whether another process runs the cell.</summary>
    public bool? IsElsewhere { get; init; }

    /// <summary>The error of a failed cell, or why the cell is unfinished.</summary>
    public string? Message { get; init; }

    /// <summary>Writes the message as one line.</summary>
    public string ToLine() => JsonSerializer.Serialize(this, s_json);

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line.</param>
    /// <returns>The message; null if the line is something else, such as the output of a library.</returns>
    public static WorkerMessage? Parse(string line)
    {
        try
        {
            return line.StartsWith('{') ? JsonSerializer.Deserialize<WorkerMessage>(line, s_json) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Creates the message for the end of a cell.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="record">Its record; null if another process runs it.</param>
    public static WorkerMessage Of(SweepCell cell, CellRecord? record) => record is null
        ? new(cell.Index) { State = CellState.Unfinished, IsElsewhere = true, Message = "another process runs it" }
        : new(cell.Index) { State = record.State, Message = record.Message is { } message ? InputException.OneLine(message) : null };
}
