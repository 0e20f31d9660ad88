namespace Mdf.Weights;

/// <summary>The content of a file of weights.</summary>
/// <param name="Tensors">The tensors by name, in the order of the file.</param>
/// <param name="Metadata">The metadata of the file.</param>
internal sealed record TensorFileContent(
    OrderedDictionary<string, StoredTensor> Tensors, IReadOnlyDictionary<string, string> Metadata);
