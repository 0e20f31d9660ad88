using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// Gives every tensor of a checkpoint its name: nested names joined with dots, indices for lists and tuples, the
/// <c>state_dict</c> names for modules, and <c>tensor</c> for a single tensor. Other values are ignored.
/// </summary>
internal sealed class TensorNames
{
    private const int MaxDepth = 64;

    // A pickle can refer to one value from many places. So a small file can describe an enormous tree.
    private const int MaxNodes = 4_000_000;
    private const int NameCost = 256; // includes the entry and the stored tensor of the name

    private const string TooMany = "the checkpoint's values are nested too deeply or too often";

    private readonly MappedFile _file;
    private readonly OrderedDictionary<string, TensorView> _views = [];
    private int _nodes;

    private TensorNames(MappedFile file) => _file = file;

    /// <summary>Collects the tensors of a checkpoint by name, in the order of the checkpoint.</summary>
    /// <param name="file">The file, for error messages.</param>
    /// <param name="root">The value of the checkpoint's pickle.</param>
    public static OrderedDictionary<string, TensorView> Resolve(MappedFile file, object? root)
    {
        var names = new TensorNames(file);
        if (root is TensorView)
            names.Visit(root, "tensor", 0);
        else
            names.Visit(root, "", 0);
        return names._views.Count > 0
            ? names._views
            : throw file.Refuse("the checkpoint holds no tensors", "check that it is a file of weights");
    }

    private void Visit(object? value, string name, int depth)
    {
        if (depth > MaxDepth)
            throw _file.Refuse(TooMany);
        switch (value)
        {
            case TensorView view:
                if (!_views.TryAdd(name, view))
                    throw _file.Refuse($"two tensors have the name {Untrusted.Quote(name)}");
                break;
            case PickleDictionary dictionary:
                foreach (var (key, item) in dictionary.Items)
                    VisitPart(item, name, key as string ?? ((long)key).ToString(CultureInfo.InvariantCulture), depth);
                break;
            case IReadOnlyList<object?> sequence: // a list or a tuple
                for (var i = 0; i < sequence.Count; i++)
                    VisitPart(sequence[i], name, i.ToString(CultureInfo.InvariantCulture), depth);
                break;
            case PickleModule module:
                foreach (var (part, item) in ModuleStructure.StateOf(_file, module))
                    VisitPart(item, name, part, depth);
                break;
        }
    }

    private void VisitPart(object? value, string name, string part, int depth)
    {
        if (++_nodes > MaxNodes)
            throw _file.Refuse(TooMany);
        if (value is null or bool or long or double or string)
            return;
        _file.Charge(NameCost + 2L * (name.Length + part.Length));
        Visit(value, name.Length == 0 ? part : $"{name}.{part}", depth + 1);
    }
}
