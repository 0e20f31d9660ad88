using Mdf.Runtime;

namespace Mdf.Training;

/// <summary>A recipe of phase 1: which images the discriminators of a scale are trained to tell apart. A stack file names its recipe.</summary>
/// <remarks>x is the photograph at a scale, u the upscaled image of the scale below with the task's distortion, G(u) the output of the scale's generator.</remarks>
public sealed class LossRecipe
{
    /// <summary>
    /// The paper's: x against G(u), where u starts from the output of the generator of the scale below. "G_k takes as input the upscaled output of the previous level added with the
    /// task specific distortions z_k" (the project page of the paper).
    /// </summary>
    internal static LossRecipe Paper { get; } = new("paper") { HasGenerator = true, IsChained = true };

    /// <summary>x against G(u), where u starts from the photograph of the scale below, and from noise at the coarsest scale.</summary>
    internal static LossRecipe Photograph { get; } = new("photograph") { HasGenerator = true };

    /// <summary>No training: the weights stay random, and only the running statistics are learnt, from x and from u, which starts from the photograph of the scale below. A control.</summary>
    internal static LossRecipe Random { get; } = new("random");

    private static readonly NameTable<LossRecipe> s_names = new("recipe", new[] { Paper, Photograph, Random }.Select(recipe => (recipe.Name, recipe)));

    private LossRecipe(string name) => Name = name;

    /// <summary>The default recipe.</summary>
    public static LossRecipe Default => Photograph;

    /// <summary>The names of all recipes.</summary>
    public static IReadOnlyList<string> Names => s_names.OwnNames;

    /// <summary>The name: <c>paper</c>, <c>photograph</c> or <c>random</c>.</summary>
    public string Name { get; }

    /// <summary>Whether a generator and the discriminator are trained against each other. Otherwise nothing is trained.</summary>
    internal bool HasGenerator { get; private init; }

    /// <summary>Whether u starts from the output of the generator of the scale below. Otherwise it starts from the photograph of that scale.</summary>
    internal bool IsChained { get; private init; }

    /// <summary>Whether the generator of the coarsest scale starts from noise. Otherwise it starts from the photograph one level below, or there is none.</summary>
    internal bool StartsFromNoise => HasGenerator && !IsChained;

    /// <summary>Finds a recipe by its name.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="InputException">There is no such recipe.</exception>
    public static LossRecipe Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return s_names.Find(name) ?? throw new InputException($"expected a recipe ({string.Join(", ", Names)}), found {Untrusted.Quote(name)}"
            + (NearestName.Find(name, Names) is { } near ? $": do you mean '{near}'?" : ""));
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
