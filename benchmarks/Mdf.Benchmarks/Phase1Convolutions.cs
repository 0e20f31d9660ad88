using System.Diagnostics;
using Mdf.Discriminators;
using Mdf.Kernels;
using Mdf.Training.Adversarial;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>Of our iteration, the convolutions from many channels to many alone: with their transforms, and their matrix products only.</summary>
internal sealed unsafe class Phase1Convolutions
{
    private const int Layers = 3;

    private readonly Func<double> _whole;
    private readonly Func<double> _products;

    /// <summary>Prepares them.</summary>
    /// <param name="width">Channels.</param>
    /// <param name="size">The image's size.</param>
    /// <param name="isFixed">Whether the generator's input is: its passes are fewer then.</param>
    public Phase1Convolutions(int width, ImageSize size, bool isFixed) => (_whole, _products) = TrainingEngine.Automatic.Resolve(CPU, width) switch
    {
        TrainingEngine.SixteenLanes => Prepare<Lanes16>(width, size, isFixed),
        TrainingEngine.EightLanes => Prepare<Lanes8>(width, size, isFixed),
        _ => (() => double.NaN, () => double.NaN),
    };

    /// <summary>The convolutions with their transforms, in milliseconds.</summary>
    public double Whole() => _whole();

    /// <summary>Their products, in milliseconds.</summary>
    public double Products() => _products();

    private static (Func<double> Whole, Func<double> Products) Prepare<TLanes>(int width, ImageSize size, bool isFixed)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        // Per layer of the body: of D forward and back 15 times each, weights 12 times; of G forward 3 or 6 times, back and weights 3 times each.
        var convolutions = 15 + 15 + (isFixed ? 3 : 6) + 3;
        var gradients = 12 + 3;
        var (height, columns) = (size.Height - 4, size.Width - 4);
        var memory = new NativeBuffer((long)(height + 2) * (columns + 2) * width);
        var source = new PlainRows(new FeatureMap(memory.Pointer, columns + 2, width), height + 2, columns + 2);
        var sink = new NoSink(new FeatureMap(memory.Pointer, columns + 2, width));
        var workers = new Workers(get_num_threads(), () => new ConvolutionScratch(width, SquareConvolution<TLanes>.MostGradientTiles, columns + 2));
        var square = new SquareConvolution<TLanes>(width);
        var weights = new NativeBuffer((long)SquareConvolution<TLanes>.SumsLength(width));
        var sums = Enumerable.Range(0, workers.Count).Select(_ => new NativeBuffer(SquareConvolution<TLanes>.SumsLength(width))).ToArray();
        var blocks = TileBlock.Divide(height, columns, SquareConvolution<TLanes>.MostTiles, MatrixProduct<TLanes>.RowBlock, workers.Count);
        var gradientBlocks = TileBlock.Divide(height, columns, SquareConvolution<TLanes>.MostGradientTiles, 1, workers.Count);
        return (
            () => Layers * (convolutions * Time(() => workers.Share(blocks.Length, (i, scratch) =>
                square.Forward(source, blocks[i], height, columns, sink, memory.Pointer, scratch)))
                + gradients * Time(() => workers.Divide(gradientBlocks.Length, (i, part, scratch) =>
                    SquareConvolution<TLanes>.AddWeightGradient(source, source, gradientBlocks[i], sums[part].Pointer, scratch)))),
            () => Layers * (convolutions * Time(() => workers.Share(blocks.Length, (i, scratch) =>
            {
                for (nint k = 0; k < 36; k++)
                {
                    MatrixProduct<TLanes>.Multiply(scratch.Inputs + k * Position(blocks[i]), width, 1, 0, width, weights.Pointer + k * width * width,
                        scratch.Products + k * Position(blocks[i]), width, blocks[i].Tiles);
                }
            }))
                + gradients * Time(() => workers.Divide(gradientBlocks.Length, (i, part, scratch) =>
                {
                    for (nint k = 0; k < 36; k++)
                    {
                        MatrixProduct<TLanes>.AddTransposed(scratch.Inputs + k * Position(gradientBlocks[i]), width, scratch.Products + k * Position(gradientBlocks[i]), width,
                            gradientBlocks[i].Tiles, sums[part].Pointer + k * width * width, width, width);
                    }
                }))));

        nint Position(TileBlock block) => (nint)(block.Tiles + MatrixProduct<TLanes>.RowBlock) * width + 16;
    }

    private static double Time(Action action)
    {
        action();
        var started = Stopwatch.GetTimestamp();
        action();
        action();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds / 2;
    }

    private sealed class PlainRows(FeatureMap map, int height, int width) : RowSource(height, width, map.Channels)
    {
        public override void Read(int y, int x, int count, float* destination) =>
            new Span<float>(map.At(y, x), count * Channels).CopyTo(new Span<float>(destination, count * Channels));
    }

    private sealed class NoSink(FeatureMap map) : RowSink(map, sums: 0)
    {
        public override void Write(int y, int x, int count, float* values, float* totals)
        {
        }
    }
}
