using System.Runtime.InteropServices;
using Mdf.Discriminators;
using Mdf.Kernels;
using Mdf.Weights;
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
    private readonly Discriminator _discriminator;
    private readonly ScaleGenerator _generator;
    private readonly IReadOnlyList<ScaleImage> _images;
    private readonly double _reconstructionWeight;
    private readonly Workers _workers;
    private readonly TrunkWeights<TLanes> _critic;
    private readonly TrunkWeights<TLanes> _maker;
    private readonly Dictionary<ImageSize, AdversarialPass<TLanes>> _passes = [];

    /// <inheritdoc cref="ScaleTrainers.Create"/>
    public VectorizedScaleTrainer(Discriminator discriminator, ScaleGenerator generator, IReadOnlyList<ScaleImage> images, double reconstructionWeight)
    {
        (_discriminator, _generator, _images, _reconstructionWeight) = (discriminator, generator, images, reconstructionWeight);
        var width = (int)images.Max(image => image.Real.shape[3]) + 2 * ScaleNetwork.Margin;
        _workers = new Workers(get_num_threads(), () => new ConvolutionScratch(discriminator.Width, SquareConvolution<TLanes>.MostGradientTiles, width));
        _critic = new TrunkWeights<TLanes>(discriminator, outputs: 1, _workers.Scratch);
        _maker = new TrunkWeights<TLanes>(generator, outputs: 3, _workers.Scratch);
        foreach (var image in images)
        {
            var size = SizeOf(image);
            if (!_passes.ContainsKey(size))
                _passes.Add(size, new AdversarialPass<TLanes>(_critic, _maker, _workers, size));
        }

        discriminator.train();
        generator.train();
    }

    /// <inheritdoc/>
    public override ScaleLosses Step(int iteration, Generator random)
    {
        using var scope = NewDisposeScope();
        var image = _images[iteration % _images.Count];
        var pass = _passes[SizeOf(image)];
        var rate = (LearningRateAt(iteration, LastScheduled), Beta1, Beta2);
        pass.SetReal(Values(image.Real));
        if (image.Input.IsFixed)
        {
            Draw();
            pass.Generate(times: DiscriminatorSteps + 1);
        }

        var losses = (Real: 0.0, Fake: 0.0, Penalty: 0.0);
        for (var step = 0; step < DiscriminatorSteps; step++)
        {
            if (!image.Input.IsFixed)
            {
                Draw();
                pass.Generate(times: 1);
            }

            losses = pass.DifferentiateDiscriminator(DrawEpsilon(random), PenaltyWeight);
            _critic.Step(rate, _workers.Scratch);
        }

        var reconstruction = 0.0;
        for (var step = 0; step < GeneratorSteps; step++)
        {
            if (!image.Input.IsFixed)
                Draw();
            if (!image.Input.IsFixed || step > 0)
                pass.Generate(times: 1);
            reconstruction = pass.DifferentiateGenerator(_reconstructionWeight);
            _maker.Step(rate, _workers.Scratch);
        }

        return new ScaleLosses(losses.Real, losses.Fake, losses.Penalty, reconstruction);

        void Draw() => pass.SetDistorted(Values(image.Input.Draw(random)));
    }

    /// <inheritdoc/>
    public override (IReadOnlyDictionary<string, StoredTensor> Discriminator, IReadOnlyDictionary<string, StoredTensor> Generator) SaveOptimizers() =>
        (_critic.SaveMoments(_discriminator), _maker.SaveMoments(_generator));

    /// <inheritdoc/>
    public override void LoadOptimizers(
        IReadOnlyDictionary<string, StoredTensor> discriminator, IReadOnlyDictionary<string, StoredTensor> generator, string where)
    {
        _critic.LoadMoments(_discriminator, discriminator, where);
        _maker.LoadMoments(_generator, generator, where);
    }

    /// <inheritdoc/>
    public override void Store()
    {
        _critic.Store(_discriminator);
        _maker.Store(_generator);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var part in _passes.Values.Concat<IDisposable>([_critic, _maker, _workers]))
            part.Dispose();
    }

    /// <summary>The gradient of D's loss on given images, as <see cref="Step"/> computes it; nothing is stepped.</summary>
    /// <param name="fake">x̃, shape <c>(1, 3, H, W)</c>.</param>
    /// <param name="epsilon">The gradient penalty's ε.</param>
    /// <returns>The three losses, and the gradient of a parameter by its name.</returns>
    internal ((double Real, double Fake, double Penalty) Losses, Func<string, float[]> Gradient) DifferentiateDiscriminator(Tensor fake, float epsilon)
    {
        using var scope = NewDisposeScope();
        var pass = _passes[SizeOf(_images[0])];
        pass.SetReal(Values(_images[0].Real));
        pass.SetFake(Values(fake));
        return (pass.DifferentiateDiscriminator(epsilon, PenaltyWeight), _critic.GradientOf);
    }

    private static ImageSize SizeOf(ScaleImage image) => new((int)image.Real.shape[2], (int)image.Real.shape[3]);

    /// <summary>An image's numbers, for as long as the caller's dispose scope lasts.</summary>
    private static ReadOnlySpan<float> Values(Tensor image) => MemoryMarshal.Cast<byte, float>(image.detach().contiguous().bytes);

    private static float DrawEpsilon(Generator random)
    {
        using var scope = NewDisposeScope();
        return rand([1], generator: random).item<float>();
    }
}
