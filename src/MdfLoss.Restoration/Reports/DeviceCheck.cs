using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Kernels;
using Mdf.Losses;
using Mdf.Losses.Frozen;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Training.Adversarial;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Adam = Mdf.Runtime.Adam;

namespace Mdf.Reports;

/// <summary>
/// Compares the results of a device with exact results. It computes small examples on the device in float32, as a training does, and on the processor in float64
/// with libtorch's plain operations: each loss and each network with its gradient, the kernels, a step of phase 1, the optimizer, resampling, metrics.
/// </summary>
/// <remarks>
/// On the processor this verifies our kernels; on another device it verifies this device and its libtorch. By default, cuDNN rounds the factors of a convolution to
/// 10 bits (TF32). This is switched off during the comparisons and has its own row, so that rounding does not hide errors.
/// </remarks>
internal sealed class DeviceCheck
{
    // The smallest size that tests tiles and windows. MS-SSIM's five scales use a larger size.
    private const int Side = 40;
    private const string Stack = "jpeg";

    // The limits. Rounding errors are usually 1e-7 to 1e-6. They are larger for a gradient through leaky ReLU, where rounding can move a number across 0; for
    // Winograd's convolutions, which round more; and for batch norm, which divides by small differences. bfloat16 keeps 8 bits of the factors, TF32 keeps 10.
    private const double Exact = 1e-5;
    private const double Summed = 1e-4;
    private const double Convolved = 1e-3; // also where a value may be rounded to another 8-bit value
    private const double Switching = 2e-2;
    private const double Bfloat16 = 0.15;

    private readonly Device _device;
    private readonly Generator _random;

    private DeviceCheck(Device device, Generator random) => (_device, _random) = (device, random);

    private bool IsProcessor => _device.type == DeviceType.CPU;

    /// <summary>Makes all comparisons.</summary>
    /// <param name="device">The device.</param>
    /// <param name="progress">Takes the reports. Default: none.</param>
    /// <param name="cancellationToken">Stops the work between two comparisons.</param>
    /// <returns>The report. If the device cannot compute something, the report has a row for it; this is not an exception.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static DeviceCheckReport Run(Device device, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        using var random = new Generator(20);
        var check = new DeviceCheck(device, random);
        var parts = check.Parts().ToList();
        var rows = new List<DeviceDifference>();
        var meter = new ProgressMeter(progress, $"comparing {device} with exact results", parts.Count);
        // Only libtorch for CUDA has cuDNN to set.
        var tf32 = !check.IsProcessor && backends.cudnn.allow_tf32;
        if (tf32)
            backends.cudnn.allow_tf32 = false;
        try
        {
            for (var done = 0; done < parts.Count; done++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                rows.AddRange(Attempt(parts[done].Name, parts[done].Compare));
                meter.Report(done + 1);
            }
        }
        finally
        {
            if (tf32)
                backends.cudnn.allow_tf32 = true;
        }

        return new DeviceCheckReport($"{device}", rows);
    }

    /// <summary>Returns all comparisons. A comparison has one or more rows.</summary>
    private IEnumerable<(string Name, Func<DeviceDifference[]> Compare)> Parts()
    {
        foreach (var name in LossExpression.Names.Where(name => name != "mdf"))
            yield return ($"loss {name}", () => Loss(name));
        yield return ("loss mdf", Mdf);
        yield return ("loss mdf in bf16", () => MdfOf("loss mdf in bf16", Bfloat16, () => LossExpression.Parse($"mdf:{Stack}?precision=bf16").Create(_device)));
        if (!IsProcessor)
            yield return ("loss mdf in TF32", InTf32);
        foreach (var kernels in Kernels())
            yield return (kernels.Name, () => kernels.Compare());
        foreach (var name in Architectures.Names)
            yield return ($"network {name}", () => Network(name));
        yield return ("optimizer", Optimizer);
        foreach (var engine in Engines())
        {
            yield return ($"phase 1, discriminator ({NameOf(engine)})", () => CompareDiscriminators(engine));
            yield return ($"phase 1, iteration ({NameOf(engine)})", () => Iteration(engine));
        }

        yield return ("resampling", Resampling);
        yield return ("metrics", Metrics);
    }

    private static List<DeviceDifference> Attempt(string part, Func<DeviceDifference[]> compare)
    {
        using var scope = NewDisposeScope();
        try
        {
            return [.. compare()];
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return [new DeviceDifference(part, null, 0, InputException.OneLine(e.GetBaseException().Message.Split('\n', 2)[0]))];
        }
    }

    private DeviceDifference[] Loss(string name)
    {
        using var found = CreateLoss(name);
        found.to(_device);
        using var exact = CreateLoss(name);
        exact.to(float64);
        var (restored, reference) = Pair(found.MinimumSize);
        var expected = ValueAndGradient(exact, restored.to(float64), reference.to(float64));
        // FSIM's gradient acts at the pixel with the median response, which rounding may exchange for its neighbour in order.
        // A pretrained network has ReLU, which rounding may switch.
        var isSwitching = name is "fsim" or "fsimc" || LossExpression.Kinds.Find(name)?.Untrained is not null;
        return Rows($"loss {name}", Convolved, isSwitching ? Switching : Convolved, ValueAndGradient(found, restored.to(_device), reference.to(_device)), expected);
    }

    /// <summary>Creates a loss. A pretrained network gets random weights, because its files may not be there.</summary>
    private static ReconstructionLoss CreateLoss(string name)
    {
        if (LossExpression.Kinds.Find(name)?.Untrained is not { } untrained)
            return LossExpression.Parse(name).Create();
        using var random = new Generator(1);
        return untrained(random, 4);
    }

    /// <summary>Compares the MDF loss, without and with a prepared reference.</summary>
    private DeviceDifference[] Mdf()
    {
        using var found = LossExpression.Parse($"mdf:{Stack}").Create(_device);
        var (restored, reference, expected) = ExactMdf();
        using var prepared = found.Prepare(reference.to(_device));
        return
        [
            .. Rows("loss mdf", Summed, Switching, ValueAndGradient(found, restored.to(_device), reference.to(_device)), expected),
            .. Rows("loss mdf, prepared", Summed, Switching, ValueAndGradient(prepared.call, restored.to(_device)), expected),
        ];
    }

    private DeviceDifference[] InTf32()
    {
        backends.cudnn.allow_tf32 = true;
        try
        {
            return MdfOf("loss mdf in TF32", Bfloat16, () => LossExpression.Parse($"mdf:{Stack}").Create(_device));
        }
        finally
        {
            backends.cudnn.allow_tf32 = false;
        }
    }

    private DeviceDifference[] MdfOf(string what, double limit, Func<ReconstructionLoss> create)
    {
        using var found = create();
        var (restored, reference, expected) = ExactMdf();
        return Rows(what, limit / 5, limit, ValueAndGradient(found, restored.to(_device), reference.to(_device)), expected);
    }

    /// <summary>Compares all implementations of the frozen loss that run on this processor. mdf uses the fastest; another processor may have only a slower one.</summary>
    private IEnumerable<(string Name, Func<DeviceDifference[]> Compare)> Kernels()
    {
        if (!IsProcessor)
            yield break;
        yield return Of("loss mdf, libtorch's convolutions", (scales, stack) => new TensorDistance(scales, stack.InputRange, stack.LayerWeights, float32, CPU));
        if (Lanes8.IsSupported)
            yield return Of("loss mdf, AVX2", (scales, stack) => new VectorizedDistance<Lanes8>(scales, stack.InputRange, stack.LayerWeights));
        if (Lanes16.IsSupported)
            yield return Of("loss mdf, AVX-512", (scales, stack) => new VectorizedDistance<Lanes16>(scales, stack.InputRange, stack.LayerWeights));

        (string, Func<DeviceDifference[]>) Of(string name, Func<IReadOnlyList<FoldedDiscriminator>, DiscriminatorStack, FrozenDistance> create) => (name, () =>
        {
            using var stack = DiscriminatorStack.Load(Stack);
            using var distance = create([.. Enumerable.Range(0, Math.Min(MdfLoss.DefaultNumScales, stack.Count)).Select(scale => stack[scale].Fold())], stack);
            var (restored, reference, expected) = ExactMdf();
            var (values, gradient) = distance.Compute(restored, reference, features: null, withGradient: true);
            // The gradient is for the value of each image; the loss is their mean.
            return Rows(name, Summed, Switching, (values.mean(), gradient!.Div(values.numel())), expected);
        }
        );
    }

    private (Tensor Restored, Tensor Reference, (Tensor Value, Tensor Gradient) Expected) ExactMdf()
    {
        using var exact = new MdfLoss(DiscriminatorStack.Load(Stack)) { IsPlain = true };
        exact.to(float64);
        var (restored, reference) = Pair(exact.MinimumSize);
        return (restored, reference, ValueAndGradient(exact, restored.to(float64), reference.to(float64)));
    }

    /// <summary>Compares the output of a network, and the gradient of all its weights in one step of training.</summary>
    private DeviceDifference[] Network(string name)
    {
        var small = new Dictionary<string, string> { ["features"] = "8", ["blocks"] = "2", ["layers"] = "5" };
        var architecture = Architectures.Create(
            name, Architectures.FactorsOf(name)[0], Architectures.OptionsOf(name).Where(option => small.ContainsKey(option.Name)).ToDictionary(option => option.Name, option => small[option.Name]));
        var distorted = rand([2, 3, Side, Side], generator: _random);
        var target = rand([2, 3, Side * architecture.Factor, Side * architecture.Factor], generator: _random);
        return Rows($"network {name}", Convolved, Switching, Train(_device, float32), Train(CPU, float64), "output");

        (Tensor, Tensor) Train(Device device, ScalarType type)
        {
            using var network = architecture.Build(seed: 1);
            network.to(device, type);
            network.train();
            var output = network.call(distorted.to(type, device));
            (output - target.to(type, device)).Square().mean().backward();
            return (output.detach(), cat([.. network.parameters().Select(parameter => parameter.grad!.flatten())]));
        }
    }

    private DeviceDifference[] Optimizer()
    {
        const int steps = 5;
        var start = randn([1000], generator: _random);
        var gradients = randn([steps, 1000], generator: _random);
        return [Row("optimizer (Adam), five steps", Exact, Move(_device, float32), Move(CPU, float64))];

        Tensor Move(Device device, ScalarType type)
        {
            using var parameter = new Parameter(start.to(type, device).clone());
            using var adam = new Adam([("x", parameter)], learningRate: 1e-2);
            for (var step = 0; step < steps; step++)
            {
                parameter.grad = gradients[step].to(type, device);
                adam.Step();
            }

            return parameter.detach().clone();
        }
    }

    private IEnumerable<TrainingEngine> Engines()
    {
        yield return TrainingEngine.Tensors;
        if (IsProcessor && Lanes8.IsSupported)
            yield return TrainingEngine.EightLanes;
        if (IsProcessor && Lanes16.IsSupported)
            yield return TrainingEngine.SixteenLanes;
    }

    private static string NameOf(TrainingEngine engine) => engine switch
    {
        TrainingEngine.EightLanes => "AVX2",
        TrainingEngine.SixteenLanes => "AVX-512",
        _ => "libtorch",
    };

    /// <summary>Compares the three losses of phase 1's discriminator and the gradient of its weights. This includes the gradient penalty, which needs second derivatives.</summary>
    private DeviceDifference[] CompareDiscriminators(TrainingEngine engine)
    {
        const float epsilon = 0.37f;
        var (real, fake) = (rand([1, 3, 29, 33], generator: _random).Mul(2).Sub(1), rand([1, 3, 29, 33], generator: _random).Mul(2).Sub(1));
        using var found = NewDiscriminator(_device);
        using var exact = NewDiscriminator(CPU);
        exact.to(float64);
        return Rows($"phase 1, discriminator ({NameOf(engine)})", Summed, Switching, engine switch
        {
            TrainingEngine.EightLanes => ByKernels<Lanes8>(found),
            TrainingEngine.SixteenLanes => ByKernels<Lanes16>(found),
            _ => ByTensors(found, float32),
        }, ByTensors(exact, float64), "losses");

        static Discriminator NewDiscriminator(Device device)
        {
            using var random = new Generator(3);
            var discriminator = new Discriminator(32);
            discriminator.Initialize(random);
            discriminator.to(device);
            discriminator.train();
            return discriminator;
        }

        static IEnumerable<(string name, Parameter parameter)> Trained(Discriminator discriminator) =>
            // Batch norm removes the bias before it, and the bias of the output cancels in the loss. Their gradients are only rounding errors.
            discriminator.named_parameters().Where(entry => !entry.name.EndsWith("conv.bias", StringComparison.Ordinal) && entry.name != "tail.bias");

        (Tensor, Tensor) ByTensors(Discriminator discriminator, ScalarType type)
        {
            var device = discriminator.parameters().First().device;
            using var optimizer = new Adam(discriminator.named_parameters());
            var losses = TensorScaleTrainer.StepDiscriminator(discriminator, optimizer, 0, real.to(type, device), fake.to(type, device), AsTensor(epsilon).to(type, device));
            return (AsTensor(losses.Real, losses.Fake, losses.Penalty), cat([.. Trained(discriminator).Select(entry => entry.parameter.grad!.flatten())]));
        }

        (Tensor, Tensor) ByKernels<TLanes>(Discriminator discriminator)
            where TLanes : unmanaged, ILanes<TLanes>
        {
            using var source = new DistortedSource(fake, Tasks.Parse("sisr"), noise: 0);
            using var generator = new ScaleGenerator(discriminator.Width);
            using var trainer = new VectorizedScaleTrainer<TLanes>(discriminator, generator, [new ScaleImage(real, source)], new ScaleSchedule());
            var (losses, gradient) = trainer.DifferentiateDiscriminator(fake, epsilon);
            return (AsTensor(losses.Real, losses.Fake, losses.Penalty), cat([.. Trained(discriminator).Select(entry => tensor(gradient(entry.name)))]));
        }
    }

    /// <summary>Compares a whole iteration of phase 1: three steps of each network. Later steps amplify the rounding errors of earlier steps.</summary>
    private DeviceDifference[] Iteration(TrainingEngine engine)
    {
        var (real, upscaled) = (rand([1, 3, 29, 33], generator: _random).Mul(2).Sub(1), rand([1, 3, 29, 33], generator: _random).Mul(2).Sub(1));
        return [Row($"phase 1, iteration ({NameOf(engine)})", Switching, Step(_device, float32, engine), Step(CPU, float64, TrainingEngine.Tensors))];

        Tensor Step(Device device, ScalarType type, TrainingEngine by)
        {
            using var random = new Generator(4);
            using var discriminator = new Discriminator(32);
            using var generator = new ScaleGenerator(32);
            discriminator.Initialize(random);
            generator.Initialize(random);
            discriminator.to(device, type);
            generator.to(device, type);
            using var source = new DistortedSource(upscaled.to(type, device), Tasks.Parse("blur:2"), noise: 0);
            using var trainer = ScaleTrainers.Create(discriminator, generator, [new ScaleImage(real.to(type, device), source)], new ScaleSchedule(), by);
            var losses = trainer.Step(0, random);
            return AsTensor(losses.Real, losses.Fake, losses.Penalty, losses.Reconstruction!.Value);
        }
    }

    private DeviceDifference[] Resampling()
    {
        var image = rand([1, 3, 3 * Side, 2 * Side], generator: _random);
        return
        [
            Compare("bicubic resampling down", Exact, of => Resampler.Bicubic(of, Side, Side - 7)),
            Compare("bicubic resampling up", Exact, of => Resampler.Bicubic(of, 4 * Side, 3 * Side + 5)),
            Compare("distortion sisr", Convolved, of => Tasks.Parse("sisr").Apply(of)),
            Compare("distortion blur:2", Exact, of => Tasks.Parse("blur:2").Apply(of)),
        ];

        DeviceDifference Compare(string what, double limit, Func<Tensor, Tensor> resample) => Row(what, limit, resample(image.to(_device)), resample(image.to(float64)));
    }

    /// <summary>Compares the metrics of benchmarks on 8-bit images, so that no result depends on the rounding to 8 bits.</summary>
    private DeviceDifference[] Metrics()
    {
        var (restored, reference) = Pair(MsSsimLoss.SmallestSize);
        restored = restored.narrow(0, 0, 1).Clamp(0, 1).Mul(255).round().Div(255);
        reference = reference.narrow(0, 0, 1).Mul(255).round().Div(255);
        var (found, expected) = (BenchmarkMetrics.Score(restored.to(_device), reference.to(_device)), BenchmarkMetrics.Score(restored.to(float64), reference.to(float64)));
        return
        [
            Row("metric PSNR", Exact, Values(found, Measures.Psnr, Measures.PsnrY, Measures.PsnrChroma), Values(expected, Measures.Psnr, Measures.PsnrY, Measures.PsnrChroma)),
            Row("metric SSIM", Exact, Values(found, Measures.Ssim, Measures.SsimY), Values(expected, Measures.Ssim, Measures.SsimY)),
            Row("metric MS-SSIM", Exact, Values(found, Measures.MsSsim), Values(expected, Measures.MsSsim)),
        ];

        Tensor Values(BenchmarkScores scores, params string[] names) => AsTensor([.. names.Select(name => scores[name]!.Value)]);
    }

    /// <summary>Creates a reference and a restored image, both float32 on the processor.</summary>
    private (Tensor Restored, Tensor Reference) Pair(int least)
    {
        var side = Math.Max(Side, least + 3); // not a multiple of the block size of the kernels
        var reference = rand([2, 3, side, side + 4], generator: _random);
        return (reference.Add(randn([2, 3, side, side + 4], generator: _random).Mul(0.1)), reference);
    }

    private static (Tensor Value, Tensor Gradient) ValueAndGradient(ReconstructionLoss loss, Tensor restored, Tensor reference) =>
        ValueAndGradient(image => loss.call(image, reference), restored);

    private static (Tensor Value, Tensor Gradient) ValueAndGradient(Func<Tensor, Tensor> loss, Tensor restored)
    {
        var image = restored.detach().clone();
        image.requires_grad = true;
        var value = loss(image);
        value.backward();
        return (value.detach(), image.grad!);
    }

    private static Tensor AsTensor(params double[] values) => tensor(values, float64);

    private static DeviceDifference[] Rows(
        string what, double valueLimit, double gradientLimit, (Tensor Value, Tensor Gradient) found, (Tensor Value, Tensor Gradient) expected, string value = "value") =>
        [Row($"{what}: {value}", valueLimit, found.Value, expected.Value), Row($"{what}: gradient", gradientLimit, found.Gradient, expected.Gradient)];

    private static DeviceDifference Row(string what, double limit, Tensor found, Tensor expected)
    {
        using var scope = NewDisposeScope();
        return found.shape.SequenceEqual(expected.shape)
            ? new DeviceDifference(what, (found.detach().to(float64, CPU) - expected).norm().Number() / expected.norm().Number(), limit)
            : new DeviceDifference(what, null, limit, $"the shape is ({string.Join(", ", found.shape)}), expected ({string.Join(", ", expected.shape)})");
    }
}
