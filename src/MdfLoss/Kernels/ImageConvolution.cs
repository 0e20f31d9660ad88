using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mdf.Kernels;

/// <summary>
/// 3×3 convolutions between an image (three channels of <see cref="FeatureMap.PaddedChannels"/>; the last is zero) and many channels, row by row.
/// </summary>
/// <remarks>
/// Three neighbouring pixels of an image are adjacent in memory. So a row of pixels is already the matrix to multiply with the weights; the rows of this
/// matrix overlap. In the other direction, each pixel is multiplied with the weights of all nine kernel positions at once, and the products are
/// added to their output pixels.
/// </remarks>
internal static unsafe class ImageConvolution<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <summary>The number of rows of the weights of <see cref="Expand"/>: one per kernel position and image channel.</summary>
    public const int WeightRows = 9 * FeatureMap.PaddedChannels;

    private const int Segments = 3;
    private const int SegmentLength = 3 * FeatureMap.PaddedChannels;
    private const int ImageChannels = 3;

    /// <summary>The number of columns of the weights of <see cref="Contract"/>: one per kernel position and image channel, rounded up.</summary>
    public static int ContractColumns => MatrixProduct<TLanes>.RoundUp(9 * ImageChannels);

    /// <summary>Packs weights for <see cref="Expand"/>.</summary>
    /// <param name="weights">The weights, with <see cref="WeightRows"/> rows.</param>
    /// <param name="channels">The number of columns of the weights.</param>
    /// <param name="flips">Whether to take the nine positions in reverse order.</param>
    /// <param name="packed">The destination, of the same number of floats.</param>
    public static void PackExpanding(float* weights, int channels, bool flips, float* packed)
    {
        for (var row = 0; row < WeightRows; row++)
        {
            for (var column = 0; column < channels; column++)
                packed[MatrixProduct<TLanes>.PackedIndex(Flipped(row, flips), column, WeightRows)] = weights[row * channels + column];
        }
    }

    /// <summary>Packs weights for <see cref="Contract"/>.</summary>
    /// <param name="weights">The weights, with <see cref="WeightRows"/> rows.</param>
    /// <param name="channels">The number of columns of the weights.</param>
    /// <param name="flips">Whether to take the nine positions in reverse order.</param>
    /// <param name="packed">The destination: channels × <see cref="ContractColumns"/> floats.</param>
    public static void PackContracting(float* weights, int channels, bool flips, float* packed)
    {
        for (var position = 0; position < 9; position++)
        {
            for (var c = 0; c < ImageChannels; c++)
            {
                var row = Flipped(position * FeatureMap.PaddedChannels + c, flips);
                for (var channel = 0; channel < channels; channel++)
                    packed[MatrixProduct<TLanes>.PackedIndex(channel, position * ImageChannels + c, channels)] = weights[row * channels + channel];
            }
        }
    }

    /// <summary>Convolves a row of an image.</summary>
    /// <param name="image">The image. The first input of the row is its pixel (<paramref name="y"/>, 0).</param>
    /// <param name="packed">The weights, as packed by <see cref="PackExpanding"/>.</param>
    /// <param name="y">The row.</param>
    /// <param name="width">The number of columns of the output.</param>
    /// <param name="channels">The number of channels of the output.</param>
    /// <param name="output">The destination.</param>
    /// <param name="totals">The sums of the sink.</param>
    /// <param name="scratch">Scratch memory.</param>
    public static void Expand(FeatureMap image, float* packed, int y, int width, int channels, RowSink output, float* totals, ConvolutionScratch scratch)
    {
        MatrixProduct<TLanes>.Multiply(
            image.At(y, 0), FeatureMap.PaddedChannels, Segments, image.RowLength, SegmentLength, packed, scratch.Patch, channels, width);
        output.Write(y, 0, width, scratch.Patch, totals);
    }

    /// <summary>Convolves many channels to rows of an image.</summary>
    /// <param name="input">The input.</param>
    /// <param name="packed">The weights, as packed by <see cref="PackContracting"/>.</param>
    /// <param name="padding">The number of zeros at each border of the input: 0 or 2. The output is larger than the input by 2 · padding − 2.</param>
    /// <param name="from">The first row of the output to compute.</param>
    /// <param name="to">The row after the last row to compute.</param>
    /// <param name="output">The image. The content of its last channel is undefined.</param>
    /// <param name="scratch">Scratch memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Contract(RowSource input, float* packed, int padding, int from, int to, FeatureMap output, ConvolutionScratch scratch)
    {
        var (channels, columns) = (input.Channels, ContractColumns);
        var width = input.Width + 2 * padding - 2;
        for (var row = from; row < to; row++)
            new Span<float>(output.At(row, 0), width * FeatureMap.PaddedChannels).Clear();
        for (var y = Math.Max(0, from - padding); y < Math.Min(input.Height, to + 2 - padding); y++)
        {
            input.Read(y, 0, input.Width, scratch.Patch);
            MatrixProduct<TLanes>.Multiply(scratch.Patch, channels, 1, 0, channels, packed, scratch.Products, columns, input.Width);
            for (var i = 0; i < 3; i++)
            {
                var row = y - i + padding;
                if (row < from || row >= to)
                    continue;
                for (var j = 0; j < 3; j++)
                {
                    // Output column x − j + padding uses input column x.
                    var first = Math.Max(0, j - padding);
                    var last = Math.Min(input.Width, width + j - padding);
                    var source = scratch.Products + (nint)first * columns + (3 * i + j) * ImageChannels;
                    var destination = output.At(row, first - j + padding);
                    for (var x = first; x < last; x++, source += columns, destination += FeatureMap.PaddedChannels)
                        (Vector128.Load(destination) + Vector128.Load(source)).Store(destination);
                }
            }
        }
    }

    /// <summary>Adds the contribution of a row to the gradient of the weights between an image and many channels.</summary>
    /// <param name="image">The image. The first patch of the row begins at its pixel (<paramref name="y"/>, 0).</param>
    /// <param name="features">The many channels.</param>
    /// <param name="y">The row.</param>
    /// <param name="sums">The sums to add to, with <see cref="WeightRows"/> rows.</param>
    /// <param name="scratch">Scratch memory.</param>
    public static void AddWeightGradient(FeatureMap image, RowSource features, int y, float* sums, ConvolutionScratch scratch)
    {
        var channels = features.Channels;
        features.Read(y, 0, features.Width, scratch.Patch);
        for (var segment = 0; segment < Segments; segment++)
        {
            MatrixProduct<TLanes>.AddTransposed(
                image.At(y + segment, 0), FeatureMap.PaddedChannels, scratch.Patch, channels, features.Width, sums + segment * SegmentLength * channels, SegmentLength, channels);
        }
    }

    /// <summary>The row of the weights for the opposite position in the kernel, if <paramref name="flips"/> is set.</summary>
    public static int Flipped(int row, bool flips) =>
        flips ? (8 - row / FeatureMap.PaddedChannels) * FeatureMap.PaddedChannels + row % FeatureMap.PaddedChannels : row;
}
