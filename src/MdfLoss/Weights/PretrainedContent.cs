using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Weights;

/// <summary>An open file of pretrained weights whose tensors and shapes are verified.</summary>
internal sealed class PretrainedContent : IDisposable
{
    private readonly IDisposable _file;
    private readonly IReadOnlyDictionary<string, StoredTensor> _tensors;

    private PretrainedContent(PretrainedFile published, IDisposable file, IReadOnlyDictionary<string, StoredTensor> tensors, string sha256)
    {
        (Published, _file, _tensors) = (published, file, tensors);
        File = new WeightsFile(published.Name, sha256);
    }

    /// <summary>The published file that has these tensors.</summary>
    public PretrainedFile Published { get; }

    /// <summary>The short name of the weights, and the hash of the file.</summary>
    public WeightsFile File { get; }

    /// <summary>Whether the file is the published one, byte by byte.</summary>
    public bool IsPublished => Published.IsPublished(File.Sha256);

    /// <summary>Opens a file, and finds out whose weights it has.</summary>
    /// <param name="path">The file: PyTorch, safetensors, or ONNX.</param>
    /// <param name="candidates">The published files that it may be.</param>
    /// <exception cref="InputException">It cannot be read, or has the tensors of no candidate.</exception>
    public static PretrainedContent Open(string path, IReadOnlyList<PretrainedFile> candidates)
    {
        var (file, tensors, sha256) = Read(path);
        try
        {
            var published = candidates.FirstOrDefault(candidate => candidate.Weights.All(weight => Has(tensors, weight)));
            return published is null
                ? throw Refuse(path, tensors, candidates)
                : new PretrainedContent(published, file, tensors, sha256());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Copies a tensor, in float32.</summary>
    /// <param name="weight">Its name, and its shape.</param>
    public Tensor Read(TrunkWeight weight)
    {
        using var scope = NewDisposeScope();
        return _tensors[weight.Key].ToTensor().to(float32).MoveToOuterDisposeScope();
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private static (IDisposable File, IReadOnlyDictionary<string, StoredTensor> Tensors, Func<string> Sha256) Read(string path)
    {
        if (Path.GetExtension(path).Equals(".onnx", StringComparison.OrdinalIgnoreCase))
        {
            var mapped = MappedFile.Open(path, "an ONNX file");
            try
            {
                return (mapped, ResNetOnnx.Read(mapped), mapped.Sha256);
            }
            catch
            {
                mapped.Dispose();
                throw;
            }
        }

        var file = TensorFile.Open(path);
        return (file, file.Tensors, file.Sha256);
    }

    private static bool Has(IReadOnlyDictionary<string, StoredTensor> tensors, TrunkWeight weight) =>
        tensors.TryGetValue(weight.Key, out var tensor) && tensor.Type.IsFloatingPoint() && tensor.Shape.SequenceEqual(weight.Shape);

    private static InputException Refuse(string path, IReadOnlyDictionary<string, StoredTensor> tensors, IReadOnlyList<PretrainedFile> candidates)
    {
        var found = tensors.Count == 0 ? "no tensors" : $"{tensors.Count} tensors, the first {Untrusted.Quote(tensors.First().Key)} of {tensors.First().Value}";
        if (candidates is not [var expected])
            return new InputException($"'{path}' does not have the weights of any of {string.Join(", ", candidates.Select(file => file.Name))}: found {found}; check that it is the right file");
        var missing = expected.Weights.First(weight => !Has(tensors, weight));
        var instead = tensors.TryGetValue(missing.Key, out var other) ? $"found {other}" : $"found none of that name among {found}";
        return new InputException(
            $"'{path}' does not have the weights '{expected.Name}': expected '{missing.Key}' of F32 [{string.Join(", ", missing.Shape)}], {instead}; the file is corrupt, or another one");
    }
}
