using System.Buffers;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// Detects some corruption in files from before PyTorch 1.6, which have no checksum: it compares facts that such a file states twice, and it refuses
/// names that no tensor would have.
/// </summary>
/// <remarks>
/// Corruption that gives another valid file is not detected: a changed letter in the name of a tensor, if nothing else in the file repeats the name;
/// a smaller shape (a saved slice has one too); and changed values. In a file of whole modules, every name and shape is
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
    /// Checks that names are PyTorch identifiers. In a module that has one of PyTorch's own names, also checks that no name differs in one letter from
    /// another of PyTorch's names that the module lacks: a module of <c>weighu</c> and <c>bias</c> is corrupt, a module of <c>height</c> and <c>width</c> is not.
    /// </summary>
    public static void CheckNames(MappedFile file, IReadOnlyCollection<string> names)
    {
        foreach (var name in names)
        {
            file.Charge(NameCost + 2L * name.Length); // the name is split below
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
    /// Checks the list of submodules that the state dictionary of a module contains in addition to its tensors. If exactly one submodule is not listed, and its
    /// name differs in one letter from a listed name, a letter is corrupt. Any other difference is the work of a program, such as one that strips <c>module.</c>.
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
            throw file.Refuse($"the tensors of {Untrusted.Quote(module)} belong to a module that the state dictionary spells differently",
                "the file is corrupt; download it again, or save it again with PyTorch 1.6 or later");
        }
    }

    private static string Module(string name) => name[..Math.Max(0, name.LastIndexOf('.'))];

    private static InputException Damaged(MappedFile file, string name) =>
        file.Refuse($"expected the name of a tensor, found {Untrusted.Quote(name)}",
            "the file is corrupt, or its names are unusual; save it again with PyTorch 1.6 or later");

    /// <summary>Whether two names differ in exactly one letter. A different digit does not count, because it is another number and not an error.</summary>
    private static bool DiffersInOneLetter(string name, string other) =>
        name.Length == other.Length
        && name.Zip(other).Where(pair => pair.First != pair.Second).Take(2).ToArray() is [var (found, expected)]
        && !(char.IsAsciiDigit(found) && char.IsAsciiDigit(expected));
}
