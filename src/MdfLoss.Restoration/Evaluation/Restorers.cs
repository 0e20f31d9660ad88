using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>Finds restorers by their names.</summary>
public static class Restorers
{
    /// <summary>The name of bicubic upscaling, for super-resolution; with a factor, <c>bicubic:4</c>, if no task gives the factor.</summary>
    public const string Bicubic = ResamplingRestorer.BicubicName;

    /// <summary>The name of the restorer that returns the distorted image, for tasks that keep the size.</summary>
    public const string Identity = ResamplingRestorer.IdentityName;

    /// <summary>The table of all restorers that have their own name and are not a file.</summary>
    internal static NameTable<Entry> Names { get; } = new("restorer", new Entry[]
    {
        new(Bicubic, "upscaling, for sisr", ResamplingRestorer.Bicubic),
        new(Identity, "nothing, for other tasks", ResamplingRestorer.Identity),
        new("folder", "folder:PATH, results of another program by the images' names", FolderRestorer.Open),
        new(InterpolatedRestorer.Name, InterpolatedRestorer.Name + ":T,A,B, the network whose weights are (1 − T) A + T B", InterpolatedRestorer.Open),
        new("external", "external:\"program {in} {out}\"", ExternalRestorer.Open),
    }.Select(entry => (entry.Name, entry)));

    /// <summary>A description of the restorers that are not files, for the help of a command.</summary>
    internal static string Described => string.Join(", ", Names.Values.Select(entry => entry.Meaning.StartsWith(entry.Name + ":", StringComparison.Ordinal) ? entry.Meaning : $"{entry.Name} ({entry.Meaning})"));

    /// <summary>Finds a restorer by its name.</summary>
    /// <param name="name">
    /// <see cref="Bicubic"/>, <see cref="Identity"/>, <c>folder:PATH</c>, <c>interpolate:T,A,B</c>, <c>external:command</c>, the name of a registered restorer, with or without text after a
    /// colon, a network file, or the short name of one of <see cref="ShippedNetworks"/>.
    /// </param>
    /// <param name="setup">The input for creating it.</param>
    /// <returns>The restorer. The caller disposes of it.</returns>
    /// <exception cref="InputException">There is no restorer with this name, or it is for another task or factor.</exception>
    public static IRestorer Open(string name, RestorerSetup setup)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(setup);
        var parts = name.Split(':', 2);
        if (Names.Find(parts[0]) is not { } entry)
            return NetworkRestorer.Load(name, setup);
        var restorer = entry.Create(parts.Length == 2 ? parts[1] : null, setup);
        if (setup.Task is not { } task || restorer.Factor is not { } factor || factor == task.Factor)
            return restorer;
        restorer.Dispose();
        throw new InputException($"'{name}' {(factor == 1 ? "keeps the size" : $"enlarges by {factor}")}, expected a restorer for {task.Task}");
    }

    /// <summary>Whether a name names a program.</summary>
    /// <param name="name">The restorer's name.</param>
    internal static bool IsProgram(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return ExternalProgram.IsNamedBy(name);
    }

    /// <summary>Restores an image, and checks the size of the result.</summary>
    internal static Tensor Restore(IRestorer restorer, Tensor distorted, RestorationRequest request)
    {
        var restored = restorer.Restore(distorted, request);
        var mistake = restored.dim() == 4 && restored.shape[0] == 1 && restored.shape[1] == 3
            ? RestoredSize.Mistake(distorted, restored.shape[2], restored.shape[3], restorer.Factor)
            : $"expected one RGB image (1, 3, H, W), found ({string.Join(", ", restored.shape)})";
        if (mistake is null)
            return restored;
        restored.Dispose();
        throw new InputException($"the restorer '{restorer.Name}' failed on the image '{request.Image}': {mistake}");
    }

    /// <summary>A restorer's entry in the table.</summary>
    /// <param name="Name">Its short name.</param>
    /// <param name="Meaning">A short description.</param>
    /// <param name="Create">Creates it from the text after the colon; null if there is no colon.</param>
    internal sealed record Entry(string Name, string Meaning, Func<string?, RestorerSetup, IRestorer> Create);
}
