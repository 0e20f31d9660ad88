using System.Runtime.InteropServices;
using Mdf.Discriminators;
using Mdf.Kernels;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>The inner loop of phase 1 with our own kernels and explicit derivatives, in float32 on the CPU.</summary>
/// <remarks>
/// The steps are the same as in <see cref="TensorScaleTrainer"/>, but constant results are computed only once. Without a random distortion, the generator's input is
/// fixed, so one pass of G is enough for the three steps of D and the first step of G (the running statistics are still updated four times). In the steps of G, the
/// gradient of D's weights is not computed. The last convolution of D is never computed in full: only the mean of its map and the derivatives of this mean are needed.
/// </remarks>
internal sealed unsafe class VectorizedScaleTrainer<TLanes> : ScaleTrainer
    where TLanes : unmanaged, ILanes<TLanes>
{
    private readonly Discriminator _discriminator;
    private readonly ScaleGenerator _generator;
    private readonly IReadOnlyList<ScaleImage> _images;
    private readonly Workers _workers;
    private readonly TrunkWeights<TLanes> _discriminatorWeights;
    private readonly TrunkWeights<TLanes> _generatorWeights;
    private readonly Dictionary<ImageSize, AdversarialPass<TLanes>> _passes = [];

    /// <inheritdoc cref="ScaleTrainers.Create"/>
    public VectorizedScaleTrainer(Discriminator discriminator, ScaleGenerator generator, IReadOnlyList<ScaleImage> images, ScaleSchedule schedule)
        : base(schedule)
    {
        (_discriminator, _generator, _images) = (discriminator, generator, images);
        var width = (int)images.Max(image => image.Real.shape[3]) + 2 * ScaleNetwork.Margin;
        _workers = new Workers(get_num_threads(), () => new ConvolutionScratch(_discriminator.Width, SquareConvolution<TLanes>.MostGradientTiles, width));
        _discriminatorWeights = new TrunkWeights<TLanes>(_discriminator, outputs: 1, _workers.Scratch);
        _generatorWeights = new TrunkWeights<TLanes>(_generator, outputs: 3, _workers.Scratch);
        foreach (var image in images)
        {
            var size = SizeOf(image);
            if (!_passes.ContainsKey(size))
                _passes.Add(size, new AdversarialPass<TLanes>(_discriminatorWeights, _generatorWeights, _workers, size));
        }

        _discriminator.train();
        _generator.train();
    }

    /// <inheritdoc/>
    public override ScaleLosses Step(int iteration, Generator random)
    {
        using var scope = NewDisposeScope();
        var image = _images[iteration % _images.Count];
        var (source, pass) = (image.Source, _passes[SizeOf(image)]);
        var rate = (RateAt(iteration), Beta1, Beta2);
        pass.SetReal(Values(image.Real));
        if (source.IsFixed)
        {
            Draw();
            pass.Generate(times: DiscriminatorSteps + 1);
        }

        var losses = (Real: 0.0, Fake: 0.0, Penalty: 0.0);
        for (var step = 0; step < DiscriminatorSteps; step++)
        {
            if (!source.IsFixed)
            {
                Draw();
                pass.Generate(times: 1);
            }

            losses = pass.DifferentiateDiscriminator(DrawEpsilon(random), PenaltyWeight);
            _discriminatorWeights.Step(rate, _workers.Scratch);
        }

        var reconstruction = 0.0;
        for (var step = 0; step < GeneratorSteps; step++)
        {
            if (!source.IsFixed)
                Draw();
            if (!source.IsFixed || step > 0)
                pass.Generate(times: 1);
            reconstruction = pass.DifferentiateGenerator(Schedule.ReconstructionWeight);
            _generatorWeights.Step(rate, _workers.Scratch);
        }

        return new ScaleLosses(losses.Real, losses.Fake, losses.Penalty, reconstruction);

        void Draw() => pass.SetDistorted(Values(source.Draw(random)));
    }

    /// <inheritdoc/>
    public override (IReadOnlyDictionary<string, StoredTensor> Discriminator, IReadOnlyDictionary<string, StoredTensor> Generator) SaveOptimizers() =>
        (_discriminatorWeights.SaveMoments(_discriminator), _generatorWeights.SaveMoments(_generator));

    /// <inheritdoc/>
    public override void LoadOptimizers(
        IReadOnlyDictionary<string, StoredTensor> discriminator, IReadOnlyDictionary<string, StoredTensor> generator, string where)
    {
        _discriminatorWeights.LoadMoments(_discriminator, discriminator, where);
        _generatorWeights.LoadMoments(_generator, generator, where);
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
        foreach (var part in _passes.Values.Concat<IDisposable>([_discriminatorWeights, _generatorWeights, _workers]))
            part.Dispose();
    }

    /// <summary>Computes the gradient of D's loss on given images, like <see cref="Step"/>, but changes no weights.</summary>
    /// <param name="fake">x̃, shape <c>(1, 3, H, W)</c>.</param>
    /// <param name="epsilon">The ε of the gradient penalty.</param>
    /// <returns>The three losses, and a function that returns the gradient of a parameter by its name.</returns>
    internal ((double Real, double Fake, double Penalty) Losses, Func<string, float[]> Gradient) DifferentiateDiscriminator(Tensor fake, float epsilon)
    {
        using var scope = NewDisposeScope();
        var pass = _passes[SizeOf(_images[0])];
        pass.SetReal(Values(_images[0].Real));
        pass.SetFake(Values(fake));
        return (pass.DifferentiateDiscriminator(epsilon, PenaltyWeight), _discriminatorWeights.GradientOf);
    }

    private static ImageSize SizeOf(ScaleImage image) => new((int)image.Real.shape[2], (int)image.Real.shape[3]);

    /// <summary>Returns the values of an image. They are valid until the caller's dispose scope ends.</summary>
    private static ReadOnlySpan<float> Values(Tensor image) => MemoryMarshal.Cast<byte, float>(image.detach().contiguous().bytes);

    private static float DrawEpsilon(Generator random)
    {
        using var scope = NewDisposeScope();
        return rand([1], generator: random).item<float>();
    }
}
