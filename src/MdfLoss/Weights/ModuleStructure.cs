namespace Mdf.Weights;

/// <summary>
/// The module classes that a checkpoint may contain as whole modules, and the tensors and modules that each class must have. A corrupt name or shape in
/// a module does not match its class, so it is detected although the format has no checksum.
/// </summary>
internal static class ModuleStructure
{
    public const string Convolution = "Conv2d";
    public const string BatchNorm = "BatchNorm2d";
    public const string LeakyRelu = "LeakyReLU";
    public const string Sequential = "Sequential";
    public const string ConvBlock = "ConvBlock";
    public const string Discriminator = "WDiscriminator";

    private const string BatchCount = "num_batches_tracked";

    private static readonly (string Name, string Class)[] s_convBlock =
        [("conv", Convolution), ("norm", BatchNorm), ("LeakyRelu", LeakyRelu)];

    private static readonly (string Name, string Class)[] s_discriminator =
        [("head", ConvBlock), ("body", Sequential), ("tail", Convolution)];

    /// <summary>The tensors and submodules of a module, with the names and in the order of PyTorch's <c>state_dict</c>.</summary>
    /// <exception cref="Mdf.Runtime.InputException">The module does not match its class.</exception>
    public static IEnumerable<(string Name, object Value)> StateOf(MappedFile file, PickleModule module)
    {
        var parameters = Part(file, module, "_parameters");
        var buffers = Part(file, module, "_buffers");
        var children = Part(file, module, "_modules");
        var unsaved = (module.State?["_non_persistent_buffers_set"] as PickleSet)?.Items ?? [];
        var isAsExpected = module.Class switch
        {
            Convolution => HasConvolution(module, parameters) && buffers.Count == 0 && children.Count == 0,
            BatchNorm => HasBatchNorm(module, parameters, buffers) && children.Count == 0,
            LeakyRelu => parameters.Count == 0 && buffers.Count == 0 && children.Count == 0,
            Sequential => HasNumberedChildren(children) && parameters.Count == 0 && buffers.Count == 0,
            ConvBlock => Has(children, s_convBlock) && parameters.Count == 0 && buffers.Count == 0,
            Discriminator => Has(children, s_discriminator) && parameters.Count == 0 && buffers.Count == 0,
            _ => false,
        };
        if (!isAsExpected || unsaved.Count > 0)
            throw file.Refuse($"a module of class {module.Class} does not have exactly the tensors and modules of this class");

        return parameters.Concat(buffers).Concat(children)
            .Where(part => part.Value is not null)
            .Select(part => ((string)part.Key, part.Value!));
    }

    private static OrderedDictionary<object, object?> Part(MappedFile file, PickleModule module, string name) =>
        module.State?[name] is PickleDictionary part
            ? part.Items
            : throw file.Refuse($"a module of class {module.Class} has no {name}");

    private static bool HasConvolution(PickleModule module, OrderedDictionary<object, object?> parameters) =>
        module.State is { } state
        && state["in_channels"] is long inputs && state["out_channels"] is long outputs && state["groups"] is long and > 0 and var groups
        && state["kernel_size"] is object?[] and [long height, long width]
        && parameters.ToArray() is [{ Key: "weight", Value: TensorView weight }, { Key: "bias", Value: var bias }]
        && HasShape(weight, outputs, inputs / groups, height, width) && (bias is null || HasShape(bias, outputs));

    private static bool HasBatchNorm(
        PickleModule module,
        OrderedDictionary<object, object?> parameters,
        OrderedDictionary<object, object?> buffers) =>
        module.State?["num_features"] is long features
        && parameters.ToArray() is [{ Key: "weight", Value: var weight }, { Key: "bias", Value: var bias }]
        && (weight is null || HasShape(weight, features)) && (bias is null || HasShape(bias, features))
        && buffers.ToArray() is [{ Key: "running_mean", Value: var mean }, { Key: "running_var", Value: var variance }, .. var counts]
        && HasShape(mean, features) && HasShape(variance, features)
        // PyTorch before 0.4.1 wrote no count.
        && counts is [] or [{ Key: BatchCount, Value: TensorView { Shape: [], Storage.Type: ElementType.Int64 } }];

    private static bool HasShape(object? value, params ReadOnlySpan<long> shape) =>
        value is TensorView view && view.Storage.Type.IsFloatingPoint() && view.Shape.AsSpan().SequenceEqual(shape);

    private static bool Has(OrderedDictionary<object, object?> children, (string Name, string Class)[] expected) =>
        children.Count == expected.Length
        && children.Zip(expected).All(pair => pair.First.Key is string name && name == pair.Second.Name
            && pair.First.Value is PickleModule child && child.Class == pair.Second.Class);

    /// <summary>Whether the modules of a sequence are numbered: 0, 1, … (PyTorch's names), or block1, block2, … (the authors' discriminator).</summary>
    private static bool HasNumberedChildren(OrderedDictionary<object, object?> children)
    {
        return AreNumbered("", 0) || AreNumbered("block", 1);

        bool AreNumbered(string prefix, int first) =>
            children.Select((child, i) => child.Value is PickleModule && child.Key is string name && name == $"{prefix}{i + first}")
                .All(isNumbered => isNumbered);
    }
}
