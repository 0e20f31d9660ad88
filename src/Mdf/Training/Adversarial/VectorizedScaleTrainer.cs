using System.Runtime.InteropServices;
using Mdf.Discriminators;
using Mdf.Kernels;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>The inner loop of phase 1 with our own kernels and with every derivative written out, in float32 on a processor.</summary>
/// <remarks>
/// The steps are those of <see cref="TensorScaleTrainer"/>. What does not change is computed once: without random distortion the generator's input is
/// fixed, so one pass of G serves the three steps of D and the first of G (its running statistics see it four times, as they would). D's weights
/// get no gradient in G's steps. D's last convolution is never carried out: only the mean of its map and that mean's derivatives are asked for.
/// </remarks>
internal sealed unsafe class VectorizedScaleTrainer<TLanes> : ScaleTrainer
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const int Padding = ScaleNetwork.Margin;
    private const int GradientPadding = 2;

    private readonly Discriminator _discriminator;
    private readonly ScaleGenerator _generator;
    private readonly GeneratorInput _input;
    private readonly Generator _random;
    private readonly int _iterations;
    private readonly int _height;
    private readonly int _width;
    private readonly Workers _workers;
    private readonly TrunkWeights<TLanes> _discriminatorWeights;
    private readonly TrunkWeights<TLanes> _generatorWeights;
    private readonly TrunkPass<TLanes> _critic;
    private readonly TrunkPass<TLanes> _maker;
    private readonly List<NativeBuffer> _images = [];
    private readonly FeatureMap _real;
    private readonly FeatureMap _distorted;
    private readonly FeatureMap _fake;
    private readonly FeatureMap _correction;
    private readonly FeatureMap _correctionGradient;
    private readonly FeatureMap _between;
    private readonly FeatureMap _imageGradient;
    private readonly double[] _rows;

    /// <inheritdoc cref="ScaleTrainer.Create"/>
    public VectorizedScaleTrainer(
        Discriminator discriminator, ScaleGenerator generator, Tensor real, GeneratorInput input, Generator random, int iterations)
    {
        (_discriminator, _generator, _input, _random, _iterations) = (discriminator, generator, input, random, iterations);
        (_height, _width) = ((int)real.shape[2], (int)real.shape[3]);
        var channels = discriminator.Width;
        _workers = new Workers(get_num_threads(), () =>
            new ConvolutionScratch(channels, SquareConvolution<TLanes>.MostGradientTiles, _width + 2 * Padding));
        _discriminatorWeights = new TrunkWeights<TLanes>(discriminator, outputs: 1, _workers.Scratch);
        _generatorWeights = new TrunkWeights<TLanes>(generator, outputs: 3, _workers.Scratch);
        _critic = new TrunkPass<TLanes>(_discriminatorWeights, _workers, _height, _width, hasPenalty: true);
        _maker = new TrunkPass<TLanes>(_generatorWeights, _workers, _height + 2 * Padding, _width + 2 * Padding, hasPenalty: false);
        (_real, _fake, _between, _imageGradient, _correction) = (NewImage(0), NewImage(0), NewImage(0), NewImage(0), NewImage(0));
        (_distorted, _correctionGradient) = (NewImage(Padding), NewImage(GradientPadding));
        _rows = new double[_height];
        Copy(real, _real);
        if (input.IsFixed)
            Draw();
        discriminator.train();
        generator.train();
    }

    /// <inheritdoc/>
    public override ScaleLosses Step(int iteration)
    {
        var rate = (LearningRateAt(iteration, _iterations), Beta1, Beta2);
        if (_input.IsFixed)
            Generate(times: DiscriminatorSteps + 1);
        var critic = (Real: 0.0, Fake: 0.0, Penalty: 0.0);
        for (var step = 0; step < DiscriminatorSteps; step++)
        {
            if (!_input.IsFixed)
            {
                Draw();
                Generate(times: 1);
            }

            critic = StepDiscriminator(DrawEpsilon(), rate);
        }

        var reconstruction = 0.0;
        for (var step = 0; step < GeneratorSteps; step++)
        {
            if (!_input.IsFixed)
                Draw();
            if (!_input.IsFixed || step > 0)
                Generate(times: 1);
            reconstruction = StepGenerator(rate);
        }

        return new ScaleLosses(critic.Real, critic.Fake, critic.Penalty, reconstruction);
    }

    /// <inheritdoc/>
    public override void Store()
    {
        _discriminatorWeights.Store(_discriminator);
        _generatorWeights.Store(_generator);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var part in new IDisposable[] { _critic, _maker, _discriminatorWeights, _generatorWeights, _workers }.Concat(_images))
            part.Dispose();
    }

    /// <summary>The gradient of D's loss on given images, as <see cref="Step"/> computes it; nothing is stepped.</summary>
    /// <param name="fake">x̃, shape <c>(1, 3, H, W)</c>.</param>
    /// <param name="epsilon">The gradient penalty's ε.</param>
    /// <returns>The three losses, and the gradient of a parameter by its name.</returns>
    internal ((double Real, double Fake, double Penalty) Losses, Func<string, float[]> Gradient) DifferentiateDiscriminator(Tensor fake, float epsilon)
    {
        Copy(fake, _fake);
        return (DifferentiateDiscriminator(epsilon), _discriminatorWeights.GradientOf);
    }

    private FeatureMap NewImage(int padding)
    {
        var (rows, columns) = (_height + 2 * padding, _width + 2 * padding);
        // Kernels that read whole blocks of pixels may read beyond the last row.
        var buffer = new NativeBuffer((long)rows * columns * FeatureMap.PaddedChannels);
        _images.Add(buffer);
        return new FeatureMap(buffer.Pointer, columns, FeatureMap.PaddedChannels);
    }

    private void Copy(Tensor image, FeatureMap map)
    {
        using var scope = NewDisposeScope();
        var values = MemoryMarshal.Cast<byte, float>(image.detach().contiguous().bytes);
        for (var y = 0; y < _height; y++)
        {
            for (var x = 0; x < _width; x++)
            {
                for (var c = 0; c < 3; c++)
                    map.At(y, x)[c] = values[(c * _height + y) * _width + x];
            }
        }
    }

    private void Draw()
    {
        using var scope = NewDisposeScope();
        Copy(_input.Draw(), _distorted.From(Padding, Padding));
    }

    private float DrawEpsilon()
    {
        using var scope = NewDisposeScope();
        return rand([1], generator: _random).item<float>();
    }

    /// <summary>x̃ = u + tanh(trunk(u)).</summary>
    private void Generate(int times)
    {
        _maker.Forward(_distorted, times);
        _maker.Output(_correction);
        var bias = (nint)_generatorWeights.TailBias();
        _workers.Share(_height, (y, _) =>
        {
            float* correction = _correction.At(y, 0), distorted = _distorted.At(y + Padding, Padding), fake = _fake.At(y, 0);
            for (var i = 0; i < _width * FeatureMap.PaddedChannels; i++)
            {
                var c = i % FeatureMap.PaddedChannels;
                correction[i] = c == 3 ? 0 : MathF.Tanh(correction[i] + ((float*)bias)[c]);
                fake[i] = distorted[i] + correction[i];
            }
        });
    }

    /// <summary>One step of the discriminator: −D(x) + D(x̃) + 0.1 · gradient penalty.</summary>
    private (double Real, double Fake, double Penalty) StepDiscriminator(float epsilon, (double, double, double) rate)
    {
        var losses = DifferentiateDiscriminator(epsilon);
        _discriminatorWeights.Step(rate, _workers.Scratch);
        return losses;
    }

    private (double Real, double Fake, double Penalty) DifferentiateDiscriminator(float epsilon)
    {
        _critic.BeginGradient();
        // Real, fake, penalty: the order in which batch norm's running statistics see them is SinGAN's.
        _critic.Forward(_real);
        var real = _critic.MeanAndGradient(-1, _real, inputGradient: null, addsWeights: true);
        _critic.Forward(_fake);
        var fake = _critic.MeanAndGradient(1, _fake, inputGradient: null, addsWeights: true);
        for (var y = 0; y < _height; y++)
        {
            float* between = _between.At(y, 0), x = _real.At(y, 0), generated = _fake.At(y, 0);
            for (var i = 0; i < _width * FeatureMap.PaddedChannels; i++)
                between[i] = epsilon * x[i] + (1 - epsilon) * generated[i];
        }

        var penalty = _critic.Penalty(_between, PenaltyWeight, _imageGradient);
        _critic.FinishGradient();
        return (-real, fake, penalty);
    }

    /// <summary>One step of the generator, whose image is there: −D(x̃) + 10 · MSE(x̃, x).</summary>
    /// <returns>The MSE before the step.</returns>
    private double StepGenerator((double, double, double) rate)
    {
        _critic.Forward(_fake);
        _critic.MeanAndGradient(-1, _fake, _imageGradient, addsWeights: false);

        var count = 3.0 * _height * _width;
        var bias = new double[_height, 3];
        _workers.Share(_height, (y, _) =>
        {
            float* fake = _fake.At(y, 0), real = _real.At(y, 0), critic = _imageGradient.At(y, 0), correction = _correction.At(y, 0);
            var gradient = _correctionGradient.At(y + GradientPadding, GradientPadding);
            var factor = (float)(2 * ReconstructionWeight / count);
            _rows[y] = 0;
            for (var i = 0; i < _width * FeatureMap.PaddedChannels; i++)
            {
                var c = i % FeatureMap.PaddedChannels;
                if (c == 3)
                    continue;
                var difference = fake[i] - real[i];
                _rows[y] += (double)difference * difference;
                gradient[i] = (critic[i] + factor * difference) * (1 - correction[i] * correction[i]);
                bias[y, c] += gradient[i];
            }
        });

        _maker.BeginGradient();
        for (var y = 0; y < _height; y++)
        {
            for (var c = 0; c < 3; c++)
                _generatorWeights.TailBias(_generatorWeights.Gradient)[c] += (float)bias[y, c];
        }

        _maker.BackFromOutput(_distorted, _correctionGradient);
        _maker.FinishGradient();
        _generatorWeights.Step(rate, _workers.Scratch);
        return _rows.Sum() / count;
    }
}
