using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>The initial image of <see cref="PixelRecovery"/>: noise, an image file, or a tensor file such as the authors' <c>noisy_img.pt</c>.</summary>
internal static class RecoveryStart
{
    /// <summary>Draws uniform noise in [0, 1], as in the authors' initial image.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="seed">The seed.</param>
    public static Tensor Noise(long[] shape, long seed)
    {
        using var random = new Generator((ulong)seed);
        return rand(shape, generator: random);
    }

    /// <summary>Reads an image, or the only tensor of a PyTorch or safetensors file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shape">The reference's shape, <c>(1, 3, H, W)</c>.</param>
    /// <param name="cancellationToken">Stops the work while an image is read.</param>
    /// <returns>A tensor of this shape, float32, on the CPU.</returns>
    /// <exception cref="InputException">The file is neither, the tensor is not one image, or it has another size.</exception>
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
