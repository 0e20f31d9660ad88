using System.Buffers;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// The format of PyTorch before 1.6 has no checksum. What such a file says twice shows some of its damage, and what nobody would
/// call a tensor shows some more.
/// </summary>
/// <remarks>
/// What remains is damage that leaves another valid file: a changed letter in the name of a tensor that nothing else in the file
/// repeats, a smaller shape (which a saved slice has too), and changed values. In a file of whole modules every name and shape is
/// repeated (<see cref="ModuleStructure"/>).
/// </remarks>
internal static class LegacyRedundancy
{
    private const int NameCost = 256;

    private static readonly SearchValues<char> s_nameCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.");

    // PyTorch's own names for the tensors of convolutions, linear layers and batch norm.
    private static readonly string[] s_ownNames = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];

    /// <summary>
    /// Names are PyTorch identifiers, and none is a near miss of one of PyTorch's own that its module lacks, beside another of them:
    /// a module of <c>weighu</c> and <c>bias</c> is damaged, one of <c>height</c> and <c>width</c> is not.
    /// </summary>
    public static void CheckNames(MappedFile file, IReadOnlyCollection<string> names)
    {
        foreach (var name in names)
        {
            file.Charge(NameCost + 2L * name.Length); // it is taken apart below
            if (name.AsSpan().ContainsAnyExcept(s_nameCharacters) || name is "" or ['.', ..] or [.., '.']
                || name.Contains("..", StringComparison.Ordinal))
            {
                throw Damaged(file, name);
            }
        }

        foreach (var module in names.GroupBy(Module))
        {
            var leaves = module.ToDictionary(name => name[(name.LastIndexOf('.') + 1)..]);
            if (!s_ownNames.Any(leaves.ContainsKey))
                continue;
            foreach (var (leaf, name) in leaves)
            {
                if (s_ownNames.Any(own => !leaves.ContainsKey(own) && DiffersInOneLetter(leaf, own)))
                    throw Damaged(file, name);
            }
        }
    }

    /// <summary>
    /// A state dictionary of a module lists the module's parts beside its tensors. If one part alone is not listed, and is a near miss
    /// of one that is, a letter is damaged; any other difference was made by a program, such as one that strips <c>module.</c>.
    /// </summary>
    public static void CheckParts(MappedFile file, PickleDictionary dictionary)
    {
        if (dictionary.Attributes?["_metadata"] is not PickleDictionary parts)
            return;
        var unlisted = new HashSet<string>();
        foreach (var (key, value) in dictionary.Items)
        {
            if (value is not TensorView || key is not string name)
                continue;
            file.Charge(2L * name.Length);
            if (!parts.Items.ContainsKey(Module(name)))
                unlisted.Add(Module(name));
            if (unlisted.Count > 1)
                return;
        }

        if (unlisted.SingleOrDefault() is { } module && parts.Items.Keys.Any(part => part is string text && DiffersInOneLetter(module, text)))
        {
            throw file.Refuse($"the tensors of {Untrusted.Quote(module)} belong to a module that the state dictionary spells in another way",
                "the file is damaged: download it again, or save it again with a PyTorch of 1.6 or later");
        }
    }

    private static string Module(string name) => name[..Math.Max(0, name.LastIndexOf('.'))];

    private static InputException Damaged(MappedFile file, string name) =>
        file.Refuse($"expected the name of a tensor, found {Untrusted.Quote(name)}",
            "the file is damaged, or its names are unusual: save it again with a PyTorch of 1.6 or later");

    /// <summary>Another digit is another number, and not a slip.</summary>
    private static bool DiffersInOneLetter(string name, string other) =>
        name.Length == other.Length
        && name.Zip(other).Where(pair => pair.First != pair.Second).Take(2).ToArray() is [var (found, expected)]
        && !(char.IsAsciiDigit(found) && char.IsAsciiDigit(expected));
}
