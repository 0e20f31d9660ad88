using System.Buffers;

namespace Mdf.Weights;

/// <summary>
/// The format of PyTorch before 1.6 has no checksum. What such a file says twice must therefore agree, so that damage is
/// found as far as the file can show it.
/// </summary>
/// <remarks>
/// What remains is damage that leaves another valid file: a changed letter in the name of a tensor of a plain dictionary, where
/// nothing else in the file repeats that name, and changed values. In a file of whole modules every name and shape is repeated
/// (<see cref="ModuleStructure"/>).
/// </remarks>
internal static class LegacyRedundancy
{
    private static readonly SearchValues<char> s_nameCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.");

    // PyTorch's own names for the tensors of convolutions, linear layers and batch norm.
    private static readonly string[] s_ownNames = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];

    /// <summary>Every storage is used from end to end: a smaller shape or a moved view would leave a part over.</summary>
    public static void CheckStorages(MappedFile file, TensorStorages storages)
    {
        var views = storages.Views.ToLookup(view => view.Storage);
        foreach (var storage in storages.All)
        {
            var end = 0L;
            foreach (var view in views[storage].OrderBy(view => view.Offset))
            {
                if (view.Offset > end)
                    break;
                end = Math.Max(end, view.Offset + view.Extent);
            }

            if (end != storage.Count)
            {
                throw file.Refuse($"the tensors use {end} of the {storage.Count} elements of storage {MappedFile.Quote(storage.Key)}",
                    "the file is damaged, or holds a part of a larger tensor: save it again with a PyTorch of 1.6 or later");
            }
        }
    }

    /// <summary>Names are PyTorch identifiers, and none is a near miss of one of PyTorch's own.</summary>
    public static void CheckName(MappedFile file, string name)
    {
        var leaf = name[(name.LastIndexOf('.') + 1)..];
        var isIdentifier = !name.AsSpan().ContainsAnyExcept(s_nameCharacters) && name.Split('.').All(part => part.Length > 0);
        if (!isIdentifier || s_ownNames.Any(own => DiffersInOneLetter(leaf, own)))
        {
            throw file.Refuse($"expected the name of a tensor, found {MappedFile.Quote(name)}",
                "the file is damaged, or its names are unusual: save it again with a PyTorch of 1.6 or later");
        }
    }

    /// <summary>A state dictionary of a module lists the module's parts beside its tensors: each tensor belongs to one.</summary>
    public static void CheckParts(MappedFile file, PickleDictionary dictionary)
    {
        if (dictionary.Attributes?["_metadata"] is not PickleDictionary parts)
            return;
        foreach (var (key, value) in dictionary.Items)
        {
            if (value is TensorView && key is string name && !parts.Items.ContainsKey(name[..Math.Max(0, name.LastIndexOf('.'))]))
            {
                throw file.Refuse($"the tensor {MappedFile.Quote(name)} belongs to a module that the state dictionary does not list",
                    "the file is damaged, or its names were changed: save it again with a PyTorch of 1.6 or later");
            }
        }
    }

    private static bool DiffersInOneLetter(string name, string other) =>
        name.Length == other.Length && name.Zip(other).Count(pair => pair.First != pair.Second) == 1;
}
