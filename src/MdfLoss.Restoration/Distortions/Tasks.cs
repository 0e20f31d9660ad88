using System.Globalization;
using Mdf.Imaging;
using Mdf.Runtime;

namespace Mdf.Distortions;

/// <summary>The table of all tasks. It finds the distortion that a task undoes by the name of the task.</summary>
/// <remarks>A new task is a class in this folder and an entry in <see cref="Names"/>, or a class of another assembly that a plugin registers.</remarks>
public static class Tasks
{
    /// <summary>The table of all tasks by their short names.</summary>
    internal static NameTable<TaskName> Names { get; } = new("task", new[]
    {
        SuperResolution, GaussianNoise.Name, JpegDistortion.Name, GaussianBlur.Name, WebpDistortion.Name, Quantization.Name, FilePairs.Name, ExternalDistortion.Name,
    }.Select(task => (task.Name, task)));

    private static TaskName SuperResolution => new(TaskName.SuperResolution, "sisr", "sisr:4", "super-resolution", factor => factor switch
    {
        null => new Upscaling(),
        _ when int.TryParse(factor, NumberStyles.None, CultureInfo.InvariantCulture, out var times) => new Downscaling(times),
        _ => throw Downscaling.OutOfRange(factor),
    });

    private static IReadOnlyList<TaskName> All => Names.Values;

    /// <summary>The tasks that a loss can be trained for, each as an example with its meaning: <c>jpeg:10 (quality)</c>.</summary>
    internal static string ForLosses => string.Join(", ", All.Where(task => task.ForLoss is not null).Select(task => $"{task.ForLoss} ({task.Meaning})"));

    /// <summary>The tasks that a network can be trained for, in the same form.</summary>
    internal static string ForNetworks => string.Join(", ", All.Where(task => task.ForNetwork is not null).Select(task => $"{task.ForNetwork} ({task.Meaning})"));

    /// <summary>Finds the distortion that a task undoes.</summary>
    /// <param name="task">A task's name, with its strength after a colon if it has one; numbers are written with a point.</param>
    /// <exception cref="InputException">The task is unknown, or its strength is missing, superfluous or out of range.</exception>
    public static Distortion Parse(string task) => Find(task, string.Join(", ", All.Select(known => known.ForLoss == known.ForNetwork || known.ForNetwork is null
        ? $"{known.ForLoss} ({known.Meaning})"
        : $"{known.ForLoss} or {known.ForNetwork} ({known.Meaning})")));

    /// <summary>Finds the distortion that a task undoes, for the training of a loss (phase 1).</summary>
    /// <param name="task">As for <see cref="Parse"/>; super-resolution is plain <c>sisr</c>.</param>
    /// <exception cref="InputException">As for <see cref="Parse"/>, or the task has an upscaling factor.</exception>
    public static Distortion ParseForLoss(string task)
    {
        var distortion = Find(task, ForLosses);
        if (distortion is FilePairs)
            throw new InputException($"cannot use task '{task}': the training of a loss distorts the photograph at every scale, which files cannot; use a program, with 'external:command'");
        if (distortion is Downscaling)
            throw new InputException($"cannot use task '{task}': a stack for super-resolution has no strength (phase 1's distortion is the upscaling itself); use 'sisr'");
        return distortion.Factor == 1 && Names.Find(distortion.Kind) is not { ForLoss: null }
            ? distortion
            : throw new InputException($"cannot use task '{task}': it is for networks, not for the training of a loss; expected one of {ForLosses}");
    }

    /// <summary>Finds the distortion that a task undoes, for the training and evaluation of a network (phase 2).</summary>
    /// <param name="task">As for <see cref="Parse"/>; super-resolution has its factor, as in <c>sisr:4</c>.</param>
    /// <exception cref="InputException">As for <see cref="Parse"/>, or super-resolution lacks its factor.</exception>
    public static Distortion ParseForNetwork(string task) => Find(task, ForNetworks) is var distortion and not Upscaling
        ? distortion
        : throw new InputException("task 'sisr' needs a factor for a network: expected 2, 3 or 4 after a colon, such as 'sisr:4'");

    /// <summary>Reads the task that a network file records. A program that is named there is not started. A task of a plugin need not be known.</summary>
    /// <param name="task">The task's name, from the file's metadata.</param>
    /// <returns>The kind of the task, and its name for a message.</returns>
    /// <exception cref="InputException">As for <see cref="ParseForNetwork"/>, except for programs and unknown tasks.</exception>
    internal static (string Kind, string Shown) ReadRecorded(string task)
    {
        if (task.Split(':')[0] is var kind && (ExternalDistortion.IsNameOf(task) || Names.Find(kind) is null))
            return (kind, Untrusted.Quote(task));
        var distortion = ParseForNetwork(task);
        return (distortion.Kind, distortion.Task);
    }

    /// <summary>Finds the distortion for the training of a loss by the text that the user typed: any that <see cref="ParseForLoss"/> knows, or a program.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="timeLimit">The time limit of a program for one image.</param>
    /// <param name="cancellationToken">Stops a running program.</param>
    /// <exception cref="InputException">The task cannot be used.</exception>
    internal static Distortion ParseTyped(string task, TimeSpan timeLimit, CancellationToken cancellationToken = default) => ParseTyped(task, timeLimit, ParseForLoss, cancellationToken);

    /// <summary>Finds the distortion for a network by the text that the user typed: any that <see cref="ParseForNetwork"/> knows, or a program.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="timeLimit">The time limit of a program for one image.</param>
    /// <param name="cancellationToken">Stops a running program.</param>
    /// <exception cref="InputException">The task cannot be used.</exception>
    internal static Distortion ParseTypedForNetwork(string task, TimeSpan timeLimit, CancellationToken cancellationToken = default) => ParseTyped(task, timeLimit, ParseForNetwork, cancellationToken);

    private static Distortion Find(string task, string expected)
    {
        ArgumentNullException.ThrowIfNull(task);
        var parts = task.Split(':', 2);
        if (Names.Find(parts[0]) is { } known)
            return known.Create(parts.Length == 2 ? parts[1] : null);
        var hint = NearestName.Find(parts[0], All.Select(candidate => candidate.Name)) is { } nearest
            ? $" (did you mean '{string.Join(':', [nearest, .. parts[1..]])}'?)"
            : "";
        throw new InputException($"unknown task '{task}'{hint}: expected one of {expected}");
    }

    private static Distortion ParseTyped(string task, TimeSpan timeLimit, Func<string, Distortion> parse, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(task);
        return ExternalDistortion.IsNameOf(task) ? new ExternalDistortion(task[ExternalProgram.Prefix.Length..], timeLimit, cancellationToken) : parse(task);
    }
}
