using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Networks;

/// <summary>
/// EDSR: residual blocks without batch norm on the small image, and upscaling at the end by pixel shuffle. Lim, Son, Kim, Nah and Lee, "Enhanced Deep
/// Residual Networks for Single Image Super-Resolution" (CVPRW 2017).
/// </summary>
/// <remarks>
/// <para>The defaults are the paper's baseline model; its full model is <c>blocks=32&amp;features=256&amp;residual_scale=0.1</c>.</para>
/// <para>The names of the layers are from BasicSR's <c>edsr_arch.py</c>. The files of the authors (EDSR-PyTorch) can be read too.</para>
/// </remarks>
internal sealed class Edsr : RestorationNetwork
{
    private const double ImageRange = 255; // as in the authors' code and in BasicSR

    // The mean of the DIV2K training images (R, G, B), from the authors' code and BasicSR. It is not a tensor, because tensor fields are saved.
    private static readonly float[] s_mean = [0.4488f, 0.4371f, 0.4040f];

    private readonly Conv2d conv_first;
    private readonly Sequential body;
    private readonly Conv2d conv_after_body;
    private readonly Sequential upsample;
    private readonly Conv2d conv_last;
    private readonly int _blocks;

    private Edsr(NetworkArchitecture architecture, Device device)
        : base(architecture)
    {
        using var scope = NewDisposeScope(); // each of TorchSharp's own layers leaves a tensor in the scope
        var features = architecture.WholeNumber("features");
        var scale = architecture.Number("residual_scale");
        _blocks = architecture.WholeNumber("blocks");
        conv_first = Layers.Convolution(Colors, features, 3, device);
        body = Sequential([.. Enumerable.Range(0, _blocks).Select(_ => new ResidualBlock(features, scale, device))]);
        conv_after_body = Layers.Convolution(features, features, 3, device);
        upsample = Layers.PixelShuffling(features, Factor, device);
        conv_last = Layers.Convolution(features, Colors, 3, device);
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <remarks>
    /// These reach one pixel each: the first convolution, the two convolutions of each block, the convolution after the blocks, and the first convolution of the
    /// upscaling. The later convolutions work on smaller pixels and together reach one more pixel.
    /// </remarks>
    public override int? Margin => 1 + 2 * _blocks + 1 + 1 + 1;

    internal static NetworkKind Kind { get; } = new()
    {
        Name = "edsr",
        Factors = [2, 3, 4],
        Options =
        [
            NetworkOption.WholeNumber("features", 64, 1, 512, "channels of every layer; 256 in the full model"),
            NetworkOption.WholeNumber("blocks", 16, 1, 128, "residual blocks; 32 in the full model"),
            NetworkOption.Number("residual_scale", 1, "factor of the output of each block; 0.1 in the full model"),
        ],
        Create = (architecture, device) => new Edsr(architecture, device),
    };

    /// <inheritdoc/>
    /// <remarks>The paper does not describe it. PyTorch's default is used, as in the authors' code.</remarks>
    public override void Initialize(Generator random)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var convolution in modules().OfType<Conv2d>())
            Layers.DrawUniform(convolution, random);
    }

    /// <inheritdoc/>
    /// <remarks>The authors' files contain the shift by the mean as the convolutions <c>sub_mean</c> and <c>add_mean</c>, which are not weights in this class.</remarks>
    internal override IReadOnlyDictionary<string, StoredTensor> FromPublished(IReadOnlyDictionary<string, StoredTensor> tensors, string where)
    {
        if (!tensors.ContainsKey("head.0.weight"))
            return tensors;
        if (tensors.TryGetValue("sub_mean.bias", out var shift))
            RequireOurMean(shift, where);
        return Rename(tensors.Where(entry => !IsShift(entry.Key)), where,
        [
            ("head.0.", "conv_first."),
            .. Enumerable.Range(0, _blocks).SelectMany(i => new[] { ($"body.{i}.body.0.", $"body.{i}.conv1."), ($"body.{i}.body.2.", $"body.{i}.conv2.") }),
            ($"body.{_blocks}.", "conv_after_body."),
            ("tail.0.", "upsample."),
            ("tail.1.", "conv_last."),
        ]);

        static bool IsShift(string name) =>
            name.StartsWith("sub_mean.", StringComparison.Ordinal) || name.StartsWith("add_mean.", StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    protected override Tensor Restore(Tensor distorted)
    {
        var mean = tensor(s_mean, dtype: distorted.dtype, device: distorted.device).view(1, Colors, 1, 1);
        var first = conv_first.call((distorted - mean).Mul(ImageRange));
        var features = conv_after_body.call(body.call(first)).Add_(first);
        return conv_last.call(upsample.call(features)).Div(ImageRange).Add(mean);
    }

    /// <summary>Checks the range and the mean of the authors' model. Models for other values have the same names and shapes, but would give wrong images here.</summary>
    private static void RequireOurMean(StoredTensor shift, string where)
    {
        using var scope = NewDisposeScope();
        var expected = s_mean.Select(mean => -ImageRange * mean).ToArray();
        var found = shift.ToTensor().to(float64).reshape(-1).data<double>().ToArray();
        if (found.Length != Colors || found.Zip(expected).Any(pair => !(Math.Abs(pair.First - pair.Second) < 0.01)))
        {
            throw new InputException($"'{where}': expected an EDSR that takes images of 0 to 255 and subtracts DIV2K's mean ({Text(expected)}), found the shift "
                + $"({Text(found.Take(Colors))}); use one that was trained with rgb_range=255");
        }

        static string Text(IEnumerable<double> values) => string.Join(", ", values.Select(value => value.ToString("0.####", CultureInfo.InvariantCulture)));
    }
}
