using Mdf.Runtime;
using Mdf.Weights;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Networks;

/// <summary>
/// A network that undoes a distortion: it turns distorted images into restored images. Images are RGB, <c>(N, 3, H, W)</c>, nominally in [0, 1]. A
/// network that needs another range or mean converts the images itself.
/// </summary>
/// <remarks>
/// A new network is one class in this folder and an entry in the table of <see cref="NetworkArchitecture"/>, or a class of another assembly that a plugin registers.
/// The names of its fields are the names in its files. Convolutions keep the size by padding with zeros. Its constructor creates every weight on the given device,
/// because the size of a network is computed on a device without memory. It ends with <c>RegisterComponents()</c>.
/// </remarks>
public abstract class RestorationNetwork : Module<Tensor, Tensor>
{
    private protected const int Colors = 3;

    /// <summary>Creates a network.</summary>
    /// <param name="architecture">The architecture.</param>
    protected RestorationNetwork(NetworkArchitecture architecture)
        : base((architecture ?? throw new ArgumentNullException(nameof(architecture))).Name) => Architecture = architecture;

    /// <summary>The architecture. It is sufficient to create the network again.</summary>
    public NetworkArchitecture Architecture { get; }

    /// <summary>The ratio of the restored image's size to the distorted image's size: 2, 3 or 4 for super-resolution, otherwise 1.</summary>
    public int Factor => Architecture.Factor;

    /// <summary>
    /// The distance, in pixels of the distorted image, within which other pixels can change a restored pixel. A tile needs this margin to give the same result
    /// as the whole image. Null if every pixel depends on the whole image, as with attention; then images are never divided into tiles. The margin is valid in
    /// evaluation mode. In training, batch norm makes every pixel depend on the whole batch.
    /// </summary>
    public abstract int? Margin { get; }

    /// <summary>Tiles of the distorted image start at multiples of this number, so that operations with a stride use the same pixels as in the whole image.</summary>
    public virtual int Stride => 1;

    /// <summary>The number of trained parameters.</summary>
    public long ParameterCount => parameters().Sum(parameter => parameter.numel());

    /// <summary>Restores a batch.</summary>
    /// <param name="distorted">Shape <c>(N, 3, H, W)</c>, floating point; height and width at least 1.</param>
    /// <returns>Shape <c>(N, 3, H · factor, W · factor)</c>, not clamped, because a loss needs the gradient outside [0, 1] too.</returns>
    /// <exception cref="ArgumentException">The tensor is not a batch of RGB images.</exception>
    public sealed override Tensor forward(Tensor distorted)
    {
        ArgumentNullException.ThrowIfNull(distorted);
        if (!distorted.is_floating_point() || distorted.dim() != 4 || distorted.shape[1] != Colors || distorted.numel() == 0)
        {
            throw new ArgumentException(
                $"expected RGB images (N, 3, H, W) of a floating-point type, found {distorted.dtype} ({string.Join(", ", distorted.shape)})",
                nameof(distorted));
        }

        using var scope = NewDisposeScope();
        var restored = Restore(TensorOrder.ChannelsLast(distorted)).contiguous();
        long[] expected = [distorted.shape[0], Colors, distorted.shape[2] * Factor, distorted.shape[3] * Factor];
        return restored.shape.SequenceEqual(expected)
            ? restored.MoveToOuterDisposeScope()
            : throw new InvalidOperationException($"the network '{Architecture.Name}' made ({string.Join(", ", restored.shape)}) where ({string.Join(", ", expected)}) was expected");
    }

    /// <summary>
    /// Draws new weights from one generator. This method draws convolutions as PyTorch does, sets batch norms to the identity, and PReLU to PyTorch's slope. Override it if the
    /// paper of the network draws them differently, or if the network has other weights.
    /// </summary>
    /// <param name="random">The only source of randomness. It must be on the CPU, and the network too.</param>
    /// <exception cref="InvalidOperationException">The network has weights of an unknown kind.</exception>
    public virtual void Initialize(Generator random)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var module in modules())
        {
            switch (module)
            {
                case Conv2d convolution:
                    Layers.DrawUniform(convolution, random);
                    break;
                case BatchNormalization norm:
                    norm.Reset();
                    break;
                case BatchNorm2d norm: // TorchSharp's batch norm, in a network from outside
                    norm.weight!.Fill_(1);
                    norm.bias!.zero_();
                    norm.reset_running_stats();
                    break;
                case PReLU rectifier:
                    rectifier.weight.Fill_(Layers.RectifierSlope);
                    break;
                case var other when other.parameters(recurse: false).Any():
                    throw new InvalidOperationException($"the network '{Architecture.Name}' has weights in {other.GetType().Name}, which nothing draws: override Initialize");
            }
        }
    }

    /// <summary>Renames the tensors of another project's file to the names in this class. Unknown names are unchanged.</summary>
    /// <param name="tensors">The tensors by their names in the file, without common prefixes.</param>
    /// <param name="where">The file's name, for messages.</param>
    /// <exception cref="InputException">Two tensors would get the same name, or the file shows that its network converts images in another way.</exception>
    internal virtual IReadOnlyDictionary<string, StoredTensor> FromPublished(IReadOnlyDictionary<string, StoredTensor> tensors, string where) => tensors;

    /// <summary>Renames tensors.</summary>
    /// <param name="tensors">The tensors by name.</param>
    /// <param name="where">The file's name, for messages.</param>
    /// <param name="prefixes">The prefixes of the names in the file and in this class. The first prefix that matches is replaced.</param>
    /// <exception cref="InputException">Two tensors would get the same name.</exception>
    private protected static Dictionary<string, StoredTensor> Rename(
        IEnumerable<KeyValuePair<string, StoredTensor>> tensors, string where, IReadOnlyList<(string Theirs, string Ours)> prefixes)
    {
        var renamed = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        foreach (var (theirs, stored) in tensors)
        {
            var prefix = prefixes.FirstOrDefault(prefix => theirs.StartsWith(prefix.Theirs, StringComparison.Ordinal));
            var ours = prefix.Theirs is null ? theirs : string.Concat(prefix.Ours, theirs.AsSpan(prefix.Theirs.Length));
            if (!renamed.TryAdd(ours, stored))
                throw new InputException($"'{where}': expected one tensor for {Untrusted.Quote(ours)}, found {Untrusted.Quote(theirs)} beside it: the file mixes two networks' names");
        }

        return renamed;
    }

    /// <summary>Does the work of <see cref="forward"/>, inside a dispose scope.</summary>
    /// <param name="distorted">Checked by <see cref="forward"/>; channels last.</param>
    /// <returns>A new tensor, never the input.</returns>
    protected abstract Tensor Restore(Tensor distorted);
}
