using System.Globalization;

namespace Mdf.Distortions;

/// <summary>A task's entry in the table <see cref="Distortion.Tasks"/>, which the parser, the help and the messages read.</summary>
/// <param name="Name">The short name, in lower case, without a strength.</param>
/// <param name="ForLoss">An example for the training of a loss: <c>jpeg:10</c>; null for a task that no loss can be trained for.</param>
/// <param name="ForNetwork">The same for a network; null for a task that no network can be trained for.</param>
/// <param name="Meaning">What its strength or argument is, in a few words: <c>quality</c>.</param>
/// <param name="Create">Makes the distortion from what follows the colon, null when there is no colon.</param>
internal sealed record TaskName(string Name, string? ForLoss, string? ForNetwork, string Meaning, Func<string?, Distortion> Create)
{
    /// <summary>An entry of a task that is named alike for losses and networks.</summary>
    public TaskName(string name, string example, string meaning, Func<string?, Distortion> create)
        : this(name, example, example, meaning, create)
    {
    }

    /// <summary>Super-resolution: without a factor phase 1's, with one a network's.</summary>
    public static TaskName SuperResolution { get; } = new("sisr", "sisr", "sisr:4", "super-resolution", factor => factor switch
    {
        null => new Upscaling(),
        _ when int.TryParse(factor, NumberStyles.None, CultureInfo.InvariantCulture, out var times) => new Downscaling(times),
        _ => throw Downscaling.OutOfRange(factor),
    });
}
