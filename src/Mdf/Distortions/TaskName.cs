using System.Globalization;

namespace Mdf.Distortions;

/// <summary>A task's entry in the table that <see cref="Distortion.Parse"/> reads.</summary>
/// <param name="Name">The short name, in lower case, without a strength.</param>
/// <param name="Usage">An example with its unit, for messages: <c>jpeg:10 (quality)</c>.</param>
/// <param name="Create">Makes the distortion from what is behind the colon, null when there is no colon.</param>
internal sealed record TaskName(string Name, string Usage, Func<string?, Distortion> Create)
{
    /// <summary>Super-resolution: without a factor phase 1's, with one a network's.</summary>
    public static TaskName SuperResolution { get; } = new("sisr", "sisr (for a loss), sisr:4 (for a network)", factor => factor switch
    {
        null => new Upscaling(),
        _ when int.TryParse(factor, NumberStyles.None, CultureInfo.InvariantCulture, out var times) => new Downscaling(times),
        _ => throw Downscaling.OutOfRange(factor),
    });
}
