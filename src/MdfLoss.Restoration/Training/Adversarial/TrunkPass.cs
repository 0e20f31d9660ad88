using Mdf.Discriminators;
using Mdf.Kernels;

namespace Mdf.Training.Adversarial;

/// <summary>
/// Forward and backward passes of the trunk, which the discriminator and the generator of a scale have in common, over one image, with batch norm in training mode.
/// </summary>
/// <remarks>
/// Layer 0 is the head, layers 1 to 3 are the body. Every convolution reads rows that are computed from the output of the previous convolution (normalized, masked,
/// combined), and its own output is summed while it is written. So there is no pass over the maps except the convolutions.
/// </remarks>
internal sealed unsafe class TrunkPass<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const int Layers = TrunkWeights<TLanes>.Layers;
    private const int Top = Layers - 1;
    private const int BackPadding = 2;

    // The number of image rows that one thread computes at a time. Each block reads two more rows, so small blocks are costly; large blocks leave threads without work.
    private const int ImageRows = 12;

    private readonly TrunkWeights<TLanes> _weights;
    private readonly Workers _workers;
    private readonly NormalizedLayer<TLanes>[] _layers;
    private readonly TileBlock[][] _outputs;
    private readonly TileBlock[][] _gradients;
    private readonly ChannelSums _sums;
    private readonly NativeBuffer[] _weightSums;
    private readonly int _height;
    private readonly int _width;

    /// <summary>Allocates the memory for images of one size.</summary>
    /// <param name="weights">The weights of the network. The caller keeps ownership.</param>
    /// <param name="workers">The threads.</param>
    /// <param name="height">The number of rows of the image.</param>
    /// <param name="width">The number of columns of the image.</param>
    /// <param name="hasPenalty">Whether <see cref="Penalty"/> will be called.</param>
    public TrunkPass(TrunkWeights<TLanes> weights, Workers workers, int height, int width, bool hasPenalty)
    {
        (_weights, _workers, _height, _width) = (weights, workers, height, width);
        _layers = [.. Enumerable.Range(0, Layers).Select(i =>
            new NormalizedLayer<TLanes>(weights, i, height - 2 * (i + 1), width - 2 * (i + 1), hasPenalty))];
        _outputs = [.. _layers.Select(layer => TileBlock.Divide(
            layer.Height, layer.Width, SquareConvolution<TLanes>.MostTiles, MatrixProduct<TLanes>.RowBlock, workers.Count))];
        _gradients = [.. _layers.Select(layer => TileBlock.Divide(
            layer.Height, layer.Width, SquareConvolution<TLanes>.MostGradientTiles, 1, workers.Count))];
        _sums = new ChannelSums(weights.Channels, height);
        var squares = (Layers - 1) * SquareConvolution<TLanes>.SumsLength(weights.Channels);
        _weightSums = [.. Enumerable.Range(0, workers.Count).Select(_ =>
            new NativeBuffer(squares + 2L * ImageConvolution<TLanes>.WeightRows * weights.Channels))];
    }

    /// <summary>The output of the last layer before the final convolution.</summary>
    public RowSource Activations => _layers[Top].Activations;

    /// <summary>The number of rows of the final map.</summary>
    public int OutputHeight => _height - 2 * ScaleNetwork.Margin;

    /// <summary>The number of columns of the final map.</summary>
    public int OutputWidth => _width - 2 * ScaleNetwork.Margin;

    /// <summary>Computes all layers except the final convolution.</summary>
    /// <param name="image">The image.</param>
    /// <param name="times">The number of times that the running statistics are updated with this pass.</param>
    public void Forward(FeatureMap image, int times = 1)
    {
        for (var i = 0; i < Layers; i++)
        {
            var layer = _layers[i];
            layer.Begin();
            var sink = new CenteredSink<TLanes>(layer.Z, layer.Center);
            layer.Normalize(i == 0 ? Expand(image, _weights.HeadPacked, layer, sink) : Convolve(i, _layers[i - 1].Activations, sink), times);
        }

        for (var i = 0; i < times; i++)
            _weights.CountBatch();
    }

    /// <summary>Computes the mean of the discriminator's map and, optionally, the gradient of factor · mean. Call it after <see cref="Forward"/>.</summary>
    /// <param name="factor">The factor of the mean in the loss.</param>
    /// <param name="image">The image.</param>
    /// <param name="inputGradient">The destination of the gradient with respect to the image; null if it is not needed. The content of its last channel is undefined.</param>
    /// <param name="addsWeights">Whether to add to the gradient of the weights.</param>
    /// <returns>The mean, without the factor; 0 unless <paramref name="addsWeights"/>.</returns>
    public double MeanAndGradient(double factor, FeatureMap image, FeatureMap? inputGradient, bool addsWeights)
    {
        var mean = 0.0;
        if (addsWeights)
        {
            var count = (double)OutputHeight * OutputWidth;
            var windows = WindowSums(Activations);
            mean = *_weights.TailBias();
            for (var k = 0; k < windows.Length; k++)
            {
                for (var c = 0; c < _weights.Channels; c++)
                    mean += windows[k][c] / count * TailWeight(k, _weights.Tail())[c];
            }

            AddTail(windows, factor / count);
            *_weights.TailBias(_weights.Gradient) += (float)factor;
        }

        Back(image, BeginBack(factor / ((double)OutputHeight * OutputWidth)), addsWeights, inputGradient);
        return mean;
    }

    /// <summary>Computes the gradient of the weights from the gradient of the final convolution's output. Call it after <see cref="Forward"/>.</summary>
    /// <param name="image">The image.</param>
    /// <param name="gradient">The gradient of the output, with two rows and columns of zeros around it.</param>
    public void BackFromOutput(FeatureMap image, FeatureMap gradient)
    {
        var layer = _layers[Top];
        _workers.Divide(layer.Height, (y, part, scratch) =>
            ImageConvolution<TLanes>.AddWeightGradient(gradient, Activations, y, TailSums(part), scratch));
        var sums = Expand(gradient, _weights.TailBackPacked, layer, new MaskedSink<TLanes>(layer.Gradient, layer.Mask));
        Back(image, sums, addsWeights: true, inputGradient: null);
    }

    /// <summary>Computes the final convolution, without its bias. Call it after <see cref="Forward"/>.</summary>
    /// <param name="output">The destination. The content of its last channel is undefined.</param>
    public void Output(FeatureMap output) => Contract(Activations, _weights.TailPacked, padding: 0, OutputHeight, output);

    /// <summary>
    /// Computes the gradient penalty weight · mean((‖∇D(image)‖₂ − 1)²) (Gulrajani et al. 2017), and its gradient with respect to the weights. This is the derivative
    /// of a derivative, written explicitly.
    /// </summary>
    /// <param name="image">The image between the real and the generated one.</param>
    /// <param name="weight">The weight of the penalty.</param>
    /// <param name="inputGradient">Memory for an image: it first holds the gradient of D's mean with respect to the image, then the derivative of the penalty.</param>
    /// <returns>The penalty.</returns>
    public double Penalty(FeatureMap image, double weight, FeatureMap inputGradient)
    {
        Forward(image);

        // Down: p is the gradient with respect to a layer's y, q is the gradient with respect to its z. The last result is ∇D.
        var ofGradient = new LayerSums[Layers];
        var q = new RowSource[Layers];
        ofGradient[Top] = BeginBack(1);
        for (var i = Top; i >= 0; i--)
        {
            q[i] = _layers[i].GradientRows(ofGradient[i], addsGradient: false);
            if (i > 0)
                ofGradient[i - 1] = ConvolveBack(i, q[i], new MaskedSink<TLanes>(_layers[i - 1].Gradient, _layers[i - 1].Mask));
            else
                Contract(q[0], _weights.HeadBackPacked, BackPadding, _height, inputGradient);
        }

        var penalty = PenaltyOf(inputGradient, weight);

        // Up: the derivative of the penalty with respect to each q and p.
        var ofTangent = new LayerSums[Layers];
        RowSource? tangent = null;
        for (var i = 0; i < Layers; i++)
        {
            var layer = _layers[i];
            var sink = new CorrelatedSink<TLanes>(layer.Tangent, layer.Z, layer.Gradient);
            if (i == 0)
                AddHead(inputGradient, q[0]);
            else
                AddSquare(i, tangent!, q[i]);
            ofTangent[i] = i == 0 ? Expand(inputGradient, _weights.HeadPacked, layer, sink) : Convolve(i, tangent!, sink);
            tangent = layer.TangentRows(ofTangent[i]);
        }

        AddTail(WindowSums(tangent!), 1);

        // Down again: p and q also depend on the weights through z.
        LayerSums? ofSecond = null;
        for (var i = Top; i >= 0; i--)
        {
            var second = _layers[i].SecondRows(ofGradient[i], ofTangent[i], ofSecond);
            if (i == 0)
            {
                AddHead(image, second);
                break;
            }

            var before = _layers[i - 1];
            AddSquare(i, before.Activations, second);
            ofSecond = ConvolveBack(i, second, new MaskedSink<TLanes>(before.Second, before.Mask));
        }

        return penalty;
    }

    /// <summary>Starts a step: sets the gradient of the weights to zero.</summary>
    public void BeginGradient()
    {
        _weights.ClearGradient();
        foreach (var sums in _weightSums)
            sums.Span.Clear();
    }

    /// <summary>Adds the sums of the threads, in <see cref="TrunkWeights{TLanes}.Gradient"/>.</summary>
    public void FinishGradient()
    {
        var (channels, image) = (_weights.Channels, ImageConvolution<TLanes>.WeightRows * _weights.Channels);
        for (var part = 1; part < _workers.Count; part++)
            AddAll(_weightSums[part], _weightSums[0]);
        for (var i = 1; i < Layers; i++)
        {
            SquareConvolution<TLanes>.FinishWeightGradient(
                SquareSums(0, i), channels, _weights.Square(i - 1, _weights.Gradient), _workers.Scratch);
        }

        float* head = _weights.Head(_weights.Gradient), tail = _weights.Tail(_weights.Gradient);
        for (var j = 0; j < image; j++)
        {
            head[j] += HeadSums(0)[j];
            // At the first pixel of the gradient's patch, the last position of the kernel used the pixel.
            tail[ImageConvolution<TLanes>.Flipped(j / channels, flips: true) * channels + j % channels] += TailSums(0)[j];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in _layers.Cast<IDisposable>().Concat(_weightSums).Append(_sums))
            part.Dispose();
    }

    private static void AddAll(NativeBuffer from, NativeBuffer to)
    {
        for (nint i = 0; i + TLanes.Count <= (nint)to.Length; i += TLanes.Count)
            (TLanes.Load(to.Pointer + i) + TLanes.Load(from.Pointer + i)).Store(to.Pointer + i);
    }

    private float* TailWeight(int position, float* tail) => tail + position * FeatureMap.PaddedChannels * _weights.Channels;

    private float* SquareSums(int part, int layer) => _weightSums[part].Pointer + (layer - 1) * (nint)SquareConvolution<TLanes>.SumsLength(_weights.Channels);

    private float* HeadSums(int part) => SquareSums(part, Layers);

    private float* TailSums(int part) => HeadSums(part) + ImageConvolution<TLanes>.WeightRows * _weights.Channels;

    private void AddTail(double[][] windows, double factor)
    {
        var tail = _weights.Tail(_weights.Gradient);
        for (var k = 0; k < windows.Length; k++)
        {
            for (var c = 0; c < _weights.Channels; c++)
                TailWeight(k, tail)[c] += (float)(factor * windows[k][c]);
        }
    }

    /// <summary>Propagates the gradient with respect to the top layer's y back through all layers.</summary>
    private void Back(FeatureMap image, LayerSums sums, bool addsWeights, FeatureMap? inputGradient)
    {
        for (var i = Top; i >= 0; i--)
        {
            var gradient = _layers[i].GradientRows(sums, addsWeights);
            if (i > 0)
            {
                var before = _layers[i - 1];
                if (addsWeights)
                    AddSquare(i, before.Activations, gradient);
                sums = ConvolveBack(i, gradient, new MaskedSink<TLanes>(before.Gradient, before.Mask));
                continue;
            }

            if (addsWeights)
                AddHead(image, gradient);
            if (inputGradient is { } destination)
                Contract(gradient, _weights.HeadBackPacked, BackPadding, _height, destination);
        }
    }

    /// <summary>Computes the gradient of the top layer if every output of the discriminator has the same gradient. It is then the sum of the last convolution's weights, except at the borders.</summary>
    private LayerSums BeginBack(double factor)
    {
        var layer = _layers[Top];
        var channels = _weights.Channels;
        // The classes of rows and columns: first, second, middle, second to last, last.
        var classes = new float[25 * channels];
        for (var k = 0; k < 9; k++)
        {
            for (var kind = 0; kind < 25; kind++)
            {
                if (!Sees(kind / 5, k / 3) || !Sees(kind % 5, k % 3))
                    continue;
                for (var c = 0; c < channels; c++)
                    classes[kind * channels + c] += (float)factor * TailWeight(k, _weights.Tail())[c];
            }
        }

        return Sum(layer.Height, new MaskedSink<TLanes>(layer.Gradient, layer.Mask), (y, totals, sink, scratch) =>
        {
            for (var x = 0; x < layer.Width; x++)
            {
                classes.AsSpan((ClassOf(y, layer.Height) * 5 + ClassOf(x, layer.Width)) * channels, channels)
                    .CopyTo(new Span<float>(scratch.Patch + (nint)x * channels, channels));
            }

            sink.Write(y, 0, layer.Width, scratch.Patch, totals);
        });

        static int ClassOf(int at, int size) => at < 2 ? at : at >= size - 2 ? 5 - (size - at) : 2;

        // Only the first row of the kernel uses an input in the first row, and so on.
        static bool Sees(int kind, int k) => kind switch { 0 => k == 0, 1 => k <= 1, 3 => k >= 1, 4 => k == 2, _ => true };
    }

    /// <summary>Computes, for each position in the kernel, the sum of all inputs that are multiplied with it.</summary>
    private double[][] WindowSums(RowSource features)
    {
        var (height, width, channels) = (features.Height, features.Width, features.Channels);
        _sums.Begin(height);
        _workers.Share(height, (y, scratch) =>
        {
            features.Read(y, 0, width, scratch.Patch);
            var totals = _sums.UnitSums(y);
            for (nint channel = 0; channel < channels; channel += TLanes.Count)
            {
                var values = scratch.Patch + channel;
                var middle = TLanes.Fill(0);
                for (nint x = 2; x < width - 2; x++)
                    middle += TLanes.Load(values + x * channels);
                var (first, second) = (TLanes.Load(values), TLanes.Load(values + channels));
                var (lastButOne, last) = (TLanes.Load(values + (nint)(width - 2) * channels), TLanes.Load(values + (nint)(width - 1) * channels));
                (first + second + middle).Store(totals + channel);
                (second + middle + lastButOne).Store(totals + channels + channel);
                (middle + lastButOne + last).Store(totals + 2 * channels + channel);
            }
        });
        return [.. Enumerable.Range(0, 3).SelectMany(k => _sums.Total(k, height - 2 + k, 3))];
    }

    private LayerSums Convolve(int layer, RowSource input, RowSink sink) =>
        SumBlocks(_outputs[layer], sink, (block, totals, scratch) =>
            _weights.Convolutions[layer - 1].Forward(input, block, _layers[layer].Height, _layers[layer].Width, sink, totals, scratch));

    private LayerSums ConvolveBack(int layer, RowSource gradient, RowSink sink) =>
        SumBlocks(_outputs[layer - 1], sink, (block, totals, scratch) =>
            _weights.Convolutions[layer - 1].Back(gradient, block, _layers[layer - 1].Height, _layers[layer - 1].Width, sink, totals, scratch));

    private LayerSums Expand(FeatureMap image, float* packed, NormalizedLayer<TLanes> layer, RowSink sink)
    {
        var address = (nint)packed;
        return Sum(layer.Height, sink, (y, totals, output, scratch) =>
            ImageConvolution<TLanes>.Expand(image, (float*)address, y, layer.Width, _weights.Channels, output, totals, scratch));
    }

    private void Contract(RowSource input, float* packed, int padding, int height, FeatureMap output)
    {
        var address = (nint)packed;
        _workers.Share((height + ImageRows - 1) / ImageRows, (unit, scratch) => ImageConvolution<TLanes>.Contract(
            input, (float*)address, padding, unit * ImageRows, Math.Min((unit + 1) * ImageRows, height), output, scratch));
    }

    private void AddSquare(int layer, RowSource input, RowSource gradient) =>
        _workers.Divide(_gradients[layer].Length, (unit, part, scratch) =>
            SquareConvolution<TLanes>.AddWeightGradient(input, gradient, _gradients[layer][unit], SquareSums(part, layer), scratch));

    private void AddHead(FeatureMap image, RowSource gradient) =>
        _workers.Divide(gradient.Height, (y, part, scratch) =>
            ImageConvolution<TLanes>.AddWeightGradient(image, gradient, y, HeadSums(part), scratch));

    private delegate void RowWork(int y, float* totals, RowSink sink, ConvolutionScratch scratch);

    private delegate void BlockWork(TileBlock block, float* totals, ConvolutionScratch scratch);

    private LayerSums Sum(int rows, RowSink sink, RowWork work)
    {
        _sums.Begin(rows);
        _workers.Share(rows, (y, scratch) => work(y, _sums.UnitSums(y), sink, scratch));
        return _sums.LayerTotal(rows, sink.Sums);
    }

    private LayerSums SumBlocks(TileBlock[] blocks, RowSink sink, BlockWork work)
    {
        _sums.Begin(blocks.Length);
        _workers.Share(blocks.Length, (i, scratch) => work(blocks[i], _sums.UnitSums(i), scratch));
        return _sums.LayerTotal(blocks.Length, sink.Sums);
    }

    /// <summary>Computes weight · mean((‖g‖ − 1)²), and replaces the image g with the derivative with respect to g.</summary>
    private double PenaltyOf(FeatureMap gradient, double weight)
    {
        var count = (double)_height * _width;
        var rows = new double[_height];
        _workers.Share(_height, (y, _) =>
        {
            var g = gradient.At(y, 0);
            for (var x = 0; x < _width; x++, g += FeatureMap.PaddedChannels)
            {
                var norm = Math.Sqrt((double)g[0] * g[0] + (double)g[1] * g[1] + (double)g[2] * g[2]);
                rows[y] += (norm - 1) * (norm - 1);
                // Where the gradient is 0, the derivative of the norm is undefined; libtorch returns 0 there.
                var factor = (float)(norm > 0 ? 2 * weight * (norm - 1) / norm / count : 0);
                (g[0], g[1], g[2], g[3]) = (factor * g[0], factor * g[1], factor * g[2], 0);
            }
        });
        return weight * rows.Sum() / count;
    }
}
