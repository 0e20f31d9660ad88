using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>The restorers by their names.</summary>
public static class Restorers
{
    /// <summary>The name of bicubic upscaling, for super-resolution; with a factor, <c>bicubic:4</c>, where no task says it.</summary>
    public const string Bicubic = ResamplingRestorer.BicubicName;

    /// <summary>The name of doing nothing, for tasks that keep the size.</summary>
    public const string Identity = ResamplingRestorer.IdentityName;

    /// <summary>Every restorer that has a name of its own, and is no file.</summary>
    internal static NameTable<Entry> Names { get; } = new("restorer", new Entry[]
    {
        new(Bicubic, "upscaling, for sisr", ResamplingRestorer.Bicubic),
        new(Identity, "nothing, for other tasks", ResamplingRestorer.Identity),
        new("folder", "folder:PATH, results of another program by the images' names", FolderRestorer.Open),
        new("external", "external:\"program {in} {out}\"", ExternalRestorer.Open),
    }.Select(entry => (entry.Name, entry)));

    /// <summary>What the restorers that are no files are, for the help of a command.</summary>
    internal static string Described => string.Join(", ", Names.Values.Select(entry => entry.Meaning.StartsWith(entry.Name + ":", StringComparison.Ordinal) ? entry.Meaning : $"{entry.Name} ({entry.Meaning})"));

    /// <summary>Finds a restorer by its name.</summary>
    /// <param name="name">
    /// <see cref="Bicubic"/>, <see cref="Identity"/>, <c>folder:PATH</c>, <c>external:command</c>, the name of one that was registered, with or without something after a
    /// colon, a network file, or the short name of one of <see cref="ShippedNetworks"/>.
    /// </param>
    /// <param name="setup">What it is made with.</param>
    /// <returns>The restorer, to be disposed of.</returns>
    /// <exception cref="InputException">There is none of that name, or it is for another task or factor.</exception>
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

    /// <summary>Whether a name is that of a program.</summary>
    /// <param name="name">The restorer's name.</param>
    internal static bool IsProgram(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return ExternalProgram.IsNamedBy(name);
    }

    /// <summary>Restores an image, and looks at the size of what comes back.</summary>
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
    /// <param name="Meaning">What it is, in a few words.</param>
    /// <param name="Create">Makes it of what follows the colon, null when there is no colon.</param>
    internal sealed record Entry(string Name, string Meaning, Func<string?, RestorerSetup, IRestorer> Create);
}
