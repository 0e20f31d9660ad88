using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Weights;

/// <summary>Loads stored tensors into TorchSharp modules and saves them from modules, by their <c>state_dict</c> names.</summary>
internal static class ModuleWeights
{
    private const int MostShown = 5;

    /// <summary>The number of batches that a batch norm has seen. It changes no result, and files from before PyTorch 0.4.1 do not have it.</summary>
    private const string BatchCount = "num_batches_tracked";

    /// <summary>Leaves out scalars that a module does not have, such as <c>step_counter</c>. Other projects save such scalars together with the weights.</summary>
    /// <param name="module">The module, on any device.</param>
    /// <param name="tensors">The tensors by <c>state_dict</c> name.</param>
    /// <returns>
    /// The other tensors, and the names of the scalars left out: tensors without dimensions, and tensors of one integer. A tensor that has
    /// dimensions and one floating-point number stays, because it could be the weight of a layer.
    /// </returns>
    internal static (IReadOnlyDictionary<string, StoredTensor> Tensors, IReadOnlyList<string> LeftOut) WithoutUnknownScalars(
        Module module, IReadOnlyDictionary<string, StoredTensor> tensors)
    {
        var known = module.state_dict();
        var lookup = tensors.ToLookup(entry => !known.ContainsKey(entry.Key) && IsScalar(entry.Value));
        return (lookup[false].ToDictionary(entry => entry.Key, entry => entry.Value, StringComparer.Ordinal), [.. lookup[true].Select(entry => entry.Key)]);

        static bool IsScalar(StoredTensor tensor) => tensor.Shape.Count == 0 || tensor.Count == 1 && !tensor.Type.IsFloatingPoint();
    }

    /// <summary>
    /// Sets every parameter and buffer of a module. All names and shapes must match, otherwise nothing is changed; only
    /// <c>num_batches_tracked</c> may be missing. Floating-point values are converted to the module's type.
    /// </summary>
    /// <param name="module">The module, on any device.</param>
    /// <param name="tensors">The tensors by <c>state_dict</c> name.</param>
    /// <param name="where">The source of the tensors, for the message: the path of the file.</param>
    /// <exception cref="InputException">Tensors are missing, unexpected, or of another shape or type; the message names them.</exception>
    public static void Load(Module module, IReadOnlyDictionary<string, StoredTensor> tensors, string where)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(tensors);
        var targets = module.state_dict();
        var missing = targets.Keys.Where(name => !tensors.ContainsKey(name) && !IsBatchCount(name)).ToArray();
        var unexpected = tensors.Keys.Where(name => !targets.ContainsKey(name)).ToArray();
        var differing = targets
            .Where(target => tensors.TryGetValue(target.Key, out var tensor) && !Fits(tensor, target.Value))
            .Select(target => $"{Untrusted.Quote(target.Key)} (expected {Describe(target.Value)}, found {tensors[target.Key]})").ToArray();
        string[] faults =
        [
            .. List("missing", missing.Select(Untrusted.Quote), missing.Length),
            .. List("unexpected", unexpected.Select(Untrusted.Quote), unexpected.Length),
            .. List("of another shape or type", differing, differing.Length),
        ];
        if (faults.Length > 0)
        {
            throw new InputException($"the weights in '{where}' are not those of {module.GetName()}: {string.Join("; ", faults)}; "
                + "check that the file belongs to this network and its options");
        }

        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var (name, target) in targets)
        {
            if (tensors.TryGetValue(name, out var tensor))
                target.copy_(tensor.ToTensor());
        }
    }

    /// <summary>Copies every parameter and buffer of a module into stored tensors.</summary>
    /// <param name="module">The module, on any device.</param>
    /// <returns>The tensors by <c>state_dict</c> name, in its order.</returns>
    public static Dictionary<string, StoredTensor> Save(Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        return module.state_dict().ToDictionary(entry => entry.Key, entry => StoredTensor.From(entry.Value));
    }

    private static bool IsBatchCount(string name) => name == BatchCount || name.EndsWith($".{BatchCount}", StringComparison.Ordinal);

    private static bool Fits(StoredTensor tensor, Tensor target) =>
        tensor.Shape.SequenceEqual(target.shape)
        && (tensor.Type.ScalarType() == target.dtype || tensor.Type.IsFloatingPoint() && target.is_floating_point());

    private static string Describe(Tensor tensor) =>
        ElementTypes.FromScalarType(tensor.dtype) is { } type ? StoredTensor.Describe(type, tensor.shape) : $"{tensor.dtype}";

    private static string[] List(string what, IEnumerable<string> names, int count) => count == 0
        ? []
        : [$"{count} {what}: {string.Join(", ", names.Take(MostShown))}{(count > MostShown ? ", …" : "")}"];
}
