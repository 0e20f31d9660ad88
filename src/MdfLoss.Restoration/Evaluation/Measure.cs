using Mdf.Losses;
using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>Which values of a measure are better.</summary>
internal enum Direction
{
    /// <summary>Larger values are better.</summary>
    Higher,

    /// <summary>Smaller values are better.</summary>
    Lower,

    /// <summary>The value alone does not say which image is better.</summary>
    None,
}

/// <summary>The way in which a measure is computed.</summary>
internal enum MeasureSource
{
    /// <summary>From the samples, together with the others of this kind, in one pass over the strips of both images (<see cref="BenchmarkMetrics"/>).</summary>
    Strips,

    /// <summary>From a loss expression.</summary>
    Loss,

    /// <summary>From <see cref="NiqeModel"/>.</summary>
    Niqe,
}

/// <summary>One entry of the table of measures: a number that says how well an image is restored.</summary>
/// <param name="Name">The stable identifier: the name on the command line, and the key in JSON, CSV, logs and checkpoints, such as <c>psnr_y</c>.</param>
/// <param name="Title">The name in a table for people, such as <c>PSNR-Y</c>.</param>
/// <param name="Direction">Which values are better.</param>
/// <param name="Format">The .NET format of its values for people.</param>
/// <param name="Meaning">One line that says what is measured, and why a measure has no direction.</param>
internal sealed record Measure(string Name, string Title, Direction Direction, string Format, string Meaning)
{
    /// <summary>The unit; null for a pure number.</summary>
    public string? Unit { get; init; }

    /// <summary>The way in which it is computed.</summary>
    public MeasureSource Source { get; init; }

    /// <summary>The loss that it is computed from; null for another source.</summary>
    public LossExpression? Loss { get; init; }

    /// <summary>Whether the value is 1 − the loss.</summary>
    public bool IsSimilarity { get; init; }

    /// <summary>Whether the loss needs trained weights, which not every installation has. Without them the measure is left out, with one line.</summary>
    public bool NeedsWeights { get; init; }

    /// <summary>The shortest side of an image for which it is defined, without the border. A loss states its own.</summary>
    public int MinimumSize { get; init; } = 1;

    /// <summary>Whether it is measured if no measures are named. These all work in strips, so their memory does not grow with the image.</summary>
    public bool IsDefault { get; init; }

    /// <summary>The heading of its column: the title, the unit, and an arrow that points to the better values.</summary>
    public string Heading => $"{Title}{(Unit is null ? "" : $" ({Unit})")}{Arrow}";

    /// <summary>Writes a value for people, with the unit.</summary>
    /// <param name="value">The value; null if there is none.</param>
    public string Text(double? value) => value is { } number ? $"{PlainNumber.Format(number, Format)}{(Unit is null ? "" : $" {Unit}")}" : "none";

    private string Arrow => Direction switch
    {
        Direction.Higher => " ↑",
        Direction.Lower => " ↓",
        _ => "",
    };
}
