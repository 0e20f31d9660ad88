using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>Where <see cref="PixelRecovery"/> starts: noise, an image, or a tensor file such as the authors' <c>noisy_img.pt</c>.</summary>
internal static class RecoveryStart
{
    /// <summary>Uniform noise in [0, 1], as the authors' start picture is.</summary>
    /// <param name="shape">Its shape.</param>
    /// <param name="seed">Its seed.</param>
    public static Tensor Noise(long[] shape, long seed)
    {
        using var random = new Generator((ulong)seed);
        return rand(shape, generator: random);
    }

    /// <summary>Reads an image, or the only tensor of a PyTorch or safetensors file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shape">The reference's shape, <c>(1, 3, H, W)</c>.</param>
    /// <param name="cancellationToken">Ends it while an image is read.</param>
    /// <returns>That shape, float32, on the CPU.</returns>
    /// <exception cref="InputException">It is neither, or the tensor is not one image, or it has another size.</exception>
    public static Tensor Load(string path, long[] shape, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var start = Read(path, cancellationToken);
        return start.shape.SequenceEqual(shape)
            ? start
            : throw new InputException($"'{path}': expected a start of the reference's size, {shape[3]}×{shape[2]}, found {start.shape[3]}×{start.shape[2]}");
    }

    private static Tensor Read(string path, CancellationToken cancellationToken)
    {
        if (Path.GetExtension(path).ToLowerInvariant() is not (".pt" or ".pth" or ".safetensors"))
            return ImageFile.Read(path, cancellationToken: cancellationToken);
        using var file = TensorFile.Open(path);
        if (file.Tensors.Count != 1)
            throw new InputException($"'{path}': expected one tensor, the image to start from, found {file.Tensors.Count}");
        var stored = file.Tensors.Values.Single();
        if (stored.Type != ElementType.Float32 || stored.Shape is not [1, 3, _, _])
            throw new InputException($"'{path}': expected a float32 tensor of shape (1, 3, H, W), found {stored}");
        return stored.ToTensor();
    }
}
