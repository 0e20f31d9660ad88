using Mdf.Discriminators;
using Mdf.Kernels;

namespace Mdf.Training.Adversarial;

/// <summary>Computes the losses of D and of G on images of one size, and their gradients.</summary>
internal sealed unsafe class AdversarialPass<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const int Channels = 3;

    // Zeros around the generator's input, so that its output has the size of the image; and zeros around a gradient in a backward pass.
    private const int Padding = ScaleNetwork.Margin;
    private const int GradientPadding = 2;

    private readonly int _height;
    private readonly int _width;
    private readonly Workers _workers;
    private readonly TrunkWeights<TLanes> _generatorWeights;
    private readonly TrunkPass<TLanes> _discriminatorPass;
    private readonly TrunkPass<TLanes> _generatorPass;
    private readonly List<NativeBuffer> _memory = [];
    private readonly FeatureMap _real;
    private readonly FeatureMap _distorted;
    private readonly FeatureMap _correction;
    private readonly FeatureMap _fake;
    private readonly FeatureMap _between;
    private readonly FeatureMap _imageGradient;
    private readonly FeatureMap _correctionGradient;

    /// <summary>Allocates the memory for images of one size. The caller keeps ownership of all arguments.</summary>
    /// <param name="discriminator">The weights of D.</param>
    /// <param name="generator">The weights of G.</param>
    /// <param name="workers">The threads.</param>
    /// <param name="size">The size of the images.</param>
    public AdversarialPass(TrunkWeights<TLanes> discriminator, TrunkWeights<TLanes> generator, Workers workers, ImageSize size)
    {
        (_height, _width, _workers, _generatorWeights) = (size.Height, size.Width, workers, generator);
        _discriminatorPass = new TrunkPass<TLanes>(discriminator, workers, _height, _width, hasPenalty: true);
        _generatorPass = new TrunkPass<TLanes>(generator, workers, _height + 2 * Padding, _width + 2 * Padding, hasPenalty: false);
        (_real, _correction, _fake, _between, _imageGradient) = (NewImage(0), NewImage(0), NewImage(0), NewImage(0), NewImage(0));
        (_distorted, _correctionGradient) = (NewImage(Padding), NewImage(GradientPadding));
    }

    /// <summary>Sets the photograph x.</summary>
    /// <param name="values">The values: channel after channel, row after row.</param>
    public void SetReal(ReadOnlySpan<float> values) => Copy(values, _real);

    /// <summary>Sets the distorted image u.</summary>
    /// <param name="values">The values: channel after channel, row after row.</param>
    public void SetDistorted(ReadOnlySpan<float> values) => Copy(values, _distorted.From(Padding, Padding));

    /// <summary>Sets x̃ to given values instead of the generator's output.</summary>
    /// <param name="values">The values: channel after channel, row after row.</param>
    public void SetFake(ReadOnlySpan<float> values) => Copy(values, _fake);

    /// <summary>Computes x̃ = u + tanh(trunk(u)).</summary>
    /// <param name="times">The number of times that the running statistics are updated with this pass.</param>
    public void Generate(int times)
    {
        _generatorPass.Forward(_distorted, times);
        _generatorPass.Output(_correction);
        var bias = _generatorWeights.TailBias();
        var (first, second, third) = (bias[0], bias[1], bias[2]);
        _workers.Share(_height, (y, _) =>
        {
            float* correction = _correction.At(y, 0), distorted = _distorted.At(y + Padding, Padding), fake = _fake.At(y, 0);
            for (var x = 0; x < _width; x++)
            {
                correction[0] = MathF.Tanh(correction[0] + first);
                correction[1] = MathF.Tanh(correction[1] + second);
                correction[2] = MathF.Tanh(correction[2] + third);
                correction[3] = 0;
                for (var c = 0; c < FeatureMap.PaddedChannels; c++)
                    *fake++ = *distorted++ + *correction++;
            }
        });
    }

    /// <summary>Computes −D(x) + D(x̃) + weight · gradient penalty, and its gradient.</summary>
    /// <param name="epsilon">The position between the images at which the penalty is computed: 1 at x, 0 at x̃.</param>
    /// <param name="penaltyWeight">The weight of the penalty.</param>
    /// <returns>The three losses. The penalty is weighted.</returns>
    public (double Real, double Fake, double Penalty) DifferentiateDiscriminator(float epsilon, double penaltyWeight)
    {
        _discriminatorPass.BeginGradient();
        // Real, fake, penalty: the running statistics of batch norm are updated in the same order as in SinGAN.
        _discriminatorPass.Forward(_real);
        var real = _discriminatorPass.MeanAndGradient(-1, _real, inputGradient: null, addsWeights: true);
        _discriminatorPass.Forward(_fake);
        var fake = _discriminatorPass.MeanAndGradient(1, _fake, inputGradient: null, addsWeights: true);
        for (var y = 0; y < _height; y++)
        {
            float* between = _between.At(y, 0), x = _real.At(y, 0), generated = _fake.At(y, 0);
            for (var i = 0; i < _width * FeatureMap.PaddedChannels; i++)
                between[i] = epsilon * x[i] + (1 - epsilon) * generated[i];
        }

        var penalty = _discriminatorPass.Penalty(_between, penaltyWeight, _imageGradient);
        _discriminatorPass.FinishGradient();
        return (-real, fake, penalty);
    }

    /// <summary>Computes −D(x̃) + weight · MSE(x̃, x) for the last image from <see cref="Generate"/>, and its gradient.</summary>
    /// <param name="reconstructionWeight">The weight of the MSE.</param>
    /// <returns>The MSE.</returns>
    public double DifferentiateGenerator(double reconstructionWeight)
    {
        _discriminatorPass.Forward(_fake);
        _discriminatorPass.MeanAndGradient(-1, _fake, _imageGradient, addsWeights: false);

        var count = (double)Channels * _height * _width;
        var factor = (float)(2 * reconstructionWeight / count);
        var errors = new double[_height];
        var biases = new double[_height, Channels];
        _workers.Share(_height, (y, _) =>
        {
            float* fake = _fake.At(y, 0), real = _real.At(y, 0), ofScore = _imageGradient.At(y, 0), correction = _correction.At(y, 0);
            var gradient = _correctionGradient.At(y + GradientPadding, GradientPadding);
            for (var i = 0; i < _width * FeatureMap.PaddedChannels; i++)
            {
                var c = i % FeatureMap.PaddedChannels;
                if (c == Channels)
                    continue;
                var difference = fake[i] - real[i];
                errors[y] += (double)difference * difference;
                gradient[i] = (ofScore[i] + factor * difference) * (1 - correction[i] * correction[i]);
                biases[y, c] += gradient[i];
            }
        });

        _generatorPass.BeginGradient();
        for (var c = 0; c < Channels; c++)
            _generatorWeights.TailBias(_generatorWeights.Gradient)[c] = (float)Enumerable.Range(0, _height).Sum(y => biases[y, c]);
        _generatorPass.BackFromOutput(_distorted, _correctionGradient);
        _generatorPass.FinishGradient();
        return errors.Sum() / count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in _memory.Concat<IDisposable>([_discriminatorPass, _generatorPass]))
            part.Dispose();
    }

    private FeatureMap NewImage(int padding)
    {
        var (rows, columns) = (_height + 2 * padding, _width + 2 * padding);
        // Kernels that read whole blocks of pixels read beyond the last row. The buffer has room for that.
        var buffer = new NativeBuffer((long)rows * columns * FeatureMap.PaddedChannels);
        _memory.Add(buffer);
        return new FeatureMap(buffer.Pointer, columns, FeatureMap.PaddedChannels);
    }

    private void Copy(ReadOnlySpan<float> values, FeatureMap map)
    {
        for (var c = 0; c < Channels; c++)
        {
            for (var y = 0; y < _height; y++)
            {
                var row = values.Slice((c * _height + y) * _width, _width);
                var pixel = map.At(y, 0) + c;
                foreach (var value in row)
                {
                    *pixel = value;
                    pixel += FeatureMap.PaddedChannels;
                }
            }
        }
    }
}
