using System.Globalization;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Weights;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Adam = Mdf.Runtime.Adam;

namespace Mdf.Training;

/// <summary>The measurements of one step of <see cref="NetworkTrainer"/>.</summary>
/// <param name="Loss">The loss before the step.</param>
/// <param name="GradientNorm">The norm of the whole gradient, before clipping.</param>
/// <param name="LearningRate">The learning rate of the step.</param>
/// <param name="Terms">The parts of the terms of the loss, if they were asked for and the loss is a sum.</param>
internal readonly record struct TrainingStep(double Loss, double GradientNorm, double LearningRate, IReadOnlyList<TermGradient>? Terms = null);

/// <summary>Trains a restoration network with a reconstruction loss, step by step: the inner loop of phase 2.</summary>
/// <remarks>The optimizer is Adam (Kingma and Ba, ICLR 2015). The learning rate is a function of the iteration.</remarks>
internal sealed class NetworkTrainer : IDisposable
{
    private const string NetworkPrefix = "network.";
    private const string AveragePrefix = "average.";
    private const string OptimizerPrefix = "adam.";

    private readonly ReconstructionLoss _loss;
    private readonly ScheduleOptions _options;
    private readonly LearningRateSchedule _schedule;
    private readonly Adam _optimizer;
    private readonly (string Name, Parameter Parameter)[] _parameters;
    private readonly RestorationNetwork? _average;

    /// <summary>Starts a training. The caller keeps ownership of the network and of the loss.</summary>
    /// <param name="network">The network, on the device to train on. It is trained in place.</param>
    /// <param name="loss">The loss, on the same device.</param>
    /// <param name="options">The schedule of the training.</param>
    public NetworkTrainer(RestorationNetwork network, ReconstructionLoss loss, ScheduleOptions options)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(options);
        (Network, _loss, _options, _schedule) = (network, loss, options, options.PlanLearningRate());
        network.train();
        _parameters = [.. network.named_parameters()];
        _optimizer = new Adam(_parameters, beta1: options.Betas.Gradient, beta2: options.Betas.Square);
        if (options.Ema > 0)
        {
            _average = network.Architecture.Build(seed: 0);
            _average.to(_parameters[0].Parameter.device);
            _average.eval();
            Copy(network, _average);
        }
    }

    /// <summary>The network in training.</summary>
    public RestorationNetwork Network { get; }

    /// <summary>The result of the training: the moving average of the network if there is one, otherwise the network itself.</summary>
    public RestorationNetwork Result => _average ?? Network;

    /// <summary>The number of finished steps.</summary>
    public int Iteration { get; private set; }

    /// <summary>Runs one step.</summary>
    /// <param name="batch">The batch to train on, on any device.</param>
    /// <param name="withTerms">Whether to measure the parts of the terms if the loss is a sum. The step does not depend on it.</param>
    /// <returns>The measurements of the step.</returns>
    /// <exception cref="DivergedException">The loss or a gradient is not finite. The network is unchanged.</exception>
    public TrainingStep Step(TrainingBatch batch, bool withTerms = false)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var _ = enable_grad();
        var device = _parameters[0].Parameter.device;
        var rate = _schedule.At(Math.Min(Iteration, _options.Iterations)); // extensions keep the last learning rate
        _optimizer.ZeroGrad();
        var (restored, reference) = (Network.call(batch.Distorted.to(device)), batch.Reference.to(device));
        var (loss, gradient, terms) = _loss is WeightedSum sum ? sum.Differentiate(restored, reference, withTerms) : (_loss.call(restored, reference), null, null);
        var value = loss.Number();
        if (!double.IsFinite(value))
            throw Diverged($"the loss became {Text(value)}");
        if (gradient is null)
            loss.backward();
        else
            restored.backward([gradient]);
        var norm = Clip();
        _optimizer.LearningRate = rate;
        _optimizer.Step();
        if (_average is not null)
            Average();
        Iteration++;
        return new TrainingStep(value, norm, rate, terms);
    }

    /// <summary>Returns all state that is needed to resume the training, except the iteration.</summary>
    /// <returns>The tensors by name: weights, the optimizer's moments, the moving average.</returns>
    public IReadOnlyDictionary<string, StoredTensor> Save()
    {
        IEnumerable<KeyValuePair<string, StoredTensor>> tensors =
        [
            .. Prefixed(NetworkPrefix, ModuleWeights.Save(Network)),
            .. Prefixed(OptimizerPrefix, AdamState.Save(_optimizer)),
            .. _average is null ? [] : Prefixed(AveragePrefix, ModuleWeights.Save(_average)),
        ];
        return new OrderedDictionary<string, StoredTensor>(tensors);
    }

    /// <summary>Resumes a training of the same network with the same options.</summary>
    /// <param name="tensors">The tensors from <see cref="Save"/>.</param>
    /// <param name="iteration">The number of finished steps.</param>
    /// <param name="where">The source of the tensors, for messages.</param>
    /// <exception cref="InputException">The tensors are from another network or from other options.</exception>
    public void Load(IReadOnlyDictionary<string, StoredTensor> tensors, int iteration, string where)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        AdamState.Load(_optimizer, Part(OptimizerPrefix), where);
        ModuleWeights.Load(Network, Part(NetworkPrefix), where);
        if (_average is not null)
            ModuleWeights.Load(_average, Part(AveragePrefix), where);
        Iteration = iteration;

        Dictionary<string, StoredTensor> Part(string prefix) => tensors
            .Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(entry => entry.Key[prefix.Length..], entry => entry.Value);
    }

    /// <summary>Frees the optimizer and the moving average.</summary>
    public void Dispose()
    {
        _optimizer.Dispose();
        _average?.Dispose();
    }

    /// <summary>Scales the gradient down if its norm is above the limit.</summary>
    /// <returns>The norm before clipping.</returns>
    private double Clip()
    {
        var norms = stack(_parameters.Select(entry => entry.Parameter.grad is { } gradient ? gradient.norm() : zeros([], device: entry.Parameter.device)));
        var norm = norms.norm().Number();
        if (!double.IsFinite(norm))
        {
            var odd = norms.isfinite().logical_not().to(ScalarType.Int32).argmax().item<long>();
            throw Diverged($"the gradient of '{_parameters[odd].Name}' became {Text(norms[odd].Number())}");
        }

        if (_options.ClipGradient is { } largest && norm > largest)
        {
            foreach (var (_, parameter) in _parameters)
                parameter.grad?.Mul_(largest / norm);
        }

        return norm;
    }

    /// <summary>Moves the average a little towards the network. The counters of batch norm are copied unchanged.</summary>
    private void Average()
    {
        using var _ = no_grad();
        foreach (var ((_, average), (_, parameter)) in _average!.named_parameters().Zip(_parameters))
            average.lerp_(parameter, 1 - _options.Ema);
        foreach (var ((_, average), (_, buffer)) in _average.named_buffers().Zip(Network.named_buffers()))
            average.copy_(buffer);
    }

    private static void Copy(RestorationNetwork from, RestorationNetwork to)
    {
        using var scope = NewDisposeScope();
        to.load_state_dict(from.state_dict());
    }

    private static IEnumerable<KeyValuePair<string, StoredTensor>> Prefixed(string prefix, IReadOnlyDictionary<string, StoredTensor> tensors) =>
        tensors.Select(entry => KeyValuePair.Create(prefix + entry.Key, entry.Value));

    private DivergedException Diverged(string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{what} at iteration {Iteration}: try a lower learning rate, or schedule.clip_gradient"));

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
}
