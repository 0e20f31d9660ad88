namespace Mdf.Distortions;

/// <summary>The entry of a task in the table <c>Tasks</c>. The parser, the help and the messages use it.</summary>
/// <param name="Name">The short name, in lower case, without a strength.</param>
/// <param name="ForLoss">An example for the training of a loss: <c>jpeg:10</c>; null for a task that no loss can be trained for.</param>
/// <param name="ForNetwork">An example for the training of a network; null for a task that no network can be trained for.</param>
/// <param name="Meaning">A short description of its strength or argument: <c>quality</c>.</param>
/// <param name="Create">Creates the distortion from the text after the colon; null if there is no colon.</param>
internal sealed record TaskName(string Name, string? ForLoss, string? ForNetwork, string Meaning, Func<string?, Distortion> Create)
{
    /// <summary>The short name of super-resolution, which two distortions have: without a factor in phase 1, with a factor for a network.</summary>
    public const string SuperResolution = "sisr";

    /// <summary>Creates the entry of a task that has the same name for losses and for networks.</summary>
    public TaskName(string name, string example, string meaning, Func<string?, Distortion> create)
        : this(name, example, example, meaning, create)
    {
    }
}
