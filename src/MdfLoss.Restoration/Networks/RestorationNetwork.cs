using Mdf.Runtime;
using Mdf.Weights;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Networks;

/// <summary>
/// A network that undoes a distortion: distorted images in, restored ones out. Images are RGB, <c>(N, 3, H, W)</c>, nominally in [0, 1]; a
/// network that wants another range or mean converts inside.
/// </summary>
/// <remarks>
/// A new network is one class like those beside this file, and its entry in <see cref="NetworkArchitecture"/>'s table; or a class of another assembly, which a plugin
/// registers. The names of its fields are the names in its files; convolutions keep the size by padding with zeros. Its constructor makes every weight on the device that
/// it is given, since the size of a network is counted on a device that holds nothing, and ends with <c>RegisterComponents()</c>.
/// </remarks>
public abstract class RestorationNetwork : Module<Tensor, Tensor>
{
    private protected const int Colors = 3;

    /// <summary>Creates a network.</summary>
    /// <param name="architecture">What it is built as.</param>
    protected RestorationNetwork(NetworkArchitecture architecture)
        : base((architecture ?? throw new ArgumentNullException(nameof(architecture))).Name) => Architecture = architecture;

    /// <summary>What it is built as: with this alone it can be built again.</summary>
    public NetworkArchitecture Architecture { get; }

    /// <summary>The restored image's size by the distorted one's: 2, 3 or 4 for super-resolution, else 1.</summary>
    public int Factor => Architecture.Factor;

    /// <summary>
    /// How many pixels of the distorted image to each side of a pixel can change what is made of it: what a tile needs around it to equal the whole
    /// image. Null where every pixel depends on the whole image, as with attention: then images are never divided. It holds in evaluation mode; in training, batch norm
    /// makes every pixel depend on the whole batch.
    /// </summary>
    public abstract int? Margin { get; }

    /// <summary>Tiles of the distorted image begin at multiples of this, so that what the network does by steps falls on the same pixels.</summary>
    public virtual int Stride => 1;

    /// <summary>How many numbers are trained.</summary>
    public long ParameterCount => parameters().Sum(parameter => parameter.numel());

    /// <summary>Restores a batch.</summary>
    /// <param name="distorted">Shape <c>(N, 3, H, W)</c>, floating point, of any size of at least 1.</param>
    /// <returns>Shape <c>(N, 3, H · factor, W · factor)</c>, not clamped: a loss needs the gradient beyond [0, 1].</returns>
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
    /// <param name="random">The only source of randomness; on the CPU, with the network there too.</param>
    /// <exception cref="InvalidOperationException">The network has weights that this does not know.</exception>
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
                case BatchNorm2d norm: // TorchSharp's, in a network from outside
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

    /// <summary>Gives the tensors of another project's file the names they have here. What it does not know stays as it is.</summary>
    /// <param name="tensors">The tensors by the file's names, without what stands before all of them.</param>
    /// <param name="where">The file's name, for messages.</param>
    /// <exception cref="InputException">Two tensors come to have one name, or the file says that its network treats images otherwise than this one.</exception>
    internal virtual IReadOnlyDictionary<string, StoredTensor> FromPublished(IReadOnlyDictionary<string, StoredTensor> tensors, string where) => tensors;

    /// <summary>Renames tensors.</summary>
    /// <param name="tensors">The tensors by name.</param>
    /// <param name="where">The file's name, for messages.</param>
    /// <param name="prefixes">What begins the names, there and here; the first that fits is replaced.</param>
    /// <exception cref="InputException">Two tensors come to have one name.</exception>
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
    /// <returns>A tensor of its own, never the input.</returns>
    protected abstract Tensor Restore(Tensor distorted);
}
