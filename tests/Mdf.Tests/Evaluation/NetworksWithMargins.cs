using Mdf.Networks;
using Mdf.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Tests.Evaluation;

/// <summary>Restoration networks as small as they can be, with every way to depend on where a pixel lies.</summary>
internal static class NetworksWithMargins
{
    /// <summary>A network of a factor and a stride, with random weights, in evaluation mode.</summary>
    /// <param name="factor">1, or the upscaling factor.</param>
    /// <param name="stride">1, or 8 for one that works on a coarser grid, too, as a U-Net does.</param>
    /// <param name="margin">The margin that it states; its true one when null.</param>
    public static RestorationNetwork Make(int factor, int stride, int? margin = null)
    {
        RestorationNetwork network = stride == 1 ? new Upscaling(factor, margin) : new CoarseGrid(margin);
        using var random = new Generator(3);
        network.Initialize(random);
        network.eval();
        return network;
    }

    /// <summary>A network of which every pixel depends on the whole image.</summary>
    public static RestorationNetwork MakeWhole()
    {
        var network = new Whole();
        network.eval();
        return network;
    }

    /// <summary>Under the name of a network with that factor, since every network has one.</summary>
    private abstract class Small(int factor, int? margin)
        : RestorationNetwork(Architectures.Create(factor == 1 ? "dncnn" : "edsr", factor, new Dictionary<string, string>()))
    {
        public override int? Margin => margin;

        public override void Initialize(Generator random)
        {
            using var _ = no_grad();
            foreach (var parameter in parameters())
                parameter.normal_(0, 0.3, random);
        }
    }

    private sealed class Whole() : Small(1, null)
    {
        protected override Tensor Restore(Tensor distorted) => distorted - distorted.mean([2, 3], keepdim: true);
    }

    /// <summary>Convolutions with zero padding, pixel shuffle, and another convolution at the full resolution.</summary>
    private sealed class Upscaling : Small
    {
        private readonly Conv2d first;
        private readonly Conv2d second;
        private readonly Conv2d last;
        private readonly int _factor;

        public Upscaling(int factor, int? margin)
            : base(factor, margin ?? 3) // the last reaches one pixel of the restored image, so into the next of the distorted one
        {
            _factor = factor;
            first = Conv2d(3, 4, 3, padding: 1);
            second = Conv2d(4, 4 * factor * factor, 3, padding: 1);
            last = Conv2d(4, 3, 3, padding: 1);
            RegisterComponents();
        }

        protected override Tensor Restore(Tensor distorted) =>
            last.call(functional.pixel_shuffle(second.call(functional.relu(first.call(distorted))), _factor));
    }

    /// <summary>Pads at the right and the bottom to multiples of 8, averages blocks of 8×8, mixes neighbouring ones, and adds that to the pixels.</summary>
    private sealed class CoarseGrid : Small
    {
        private const int Block = 8;

        private readonly Conv2d coarse;
        private readonly Conv2d fine;

        public CoarseGrid(int? margin)
            : base(1, margin ?? 2 * Block) // from the edge of a block to the far edge of the next; with one more for the fine convolution before
        {
            coarse = Conv2d(3, 3, 3, padding: 1);
            fine = Conv2d(3, 3, 3, padding: 1);
            RegisterComponents();
        }

        public override int Stride => Block;

        protected override Tensor Restore(Tensor distorted)
        {
            var (height, width) = (distorted.shape[2], distorted.shape[3]);
            var padded = functional.pad(distorted, [0, (Block - width % Block) % Block, 0, (Block - height % Block) % Block], PaddingModes.Replicate);
            var blocks = coarse.call(functional.avg_pool2d(fine.call(padded), Block));
            var whole = padded.Add(functional.interpolate(blocks, scale_factor: [Block, Block], mode: InterpolationMode.Nearest));
            return whole.narrow(2, 0, height).narrow(3, 0, width);
        }
    }
}
