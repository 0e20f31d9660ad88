using Mdf.Discriminators;
using Mdf.Losses;
using Mdf.Losses.Frozen;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>One way to compute the MDF loss and its gradient.</summary>
/// <param name="Name">What it is called in results.</param>
/// <param name="Run">Computes both, once.</param>
internal sealed record Contestant(string Name, Func<(double Value, Tensor Gradient)> Run) : IDisposable
{
    public const string Upstream = "upstream";
    public const string Fp32 = "fp32";
    public const string Fp32Prepared = "fp32_prepared";
    public const string Bf16Prepared = "bf16_prepared";
    public const string LibtorchPrepared = "libtorch_fp32_prepared";

    private readonly List<IDisposable> _owned = [];

    /// <summary>Megabytes of the reference's features that it keeps.</summary>
    public double FeatureMegabytes { get; private init; }

    /// <summary>Makes one.</summary>
    /// <param name="name">One of the names above.</param>
    /// <param name="stackPath">A stack file, or null.</param>
    /// <param name="scales">How many scales.</param>
    /// <param name="restored">The restored images.</param>
    /// <param name="reference">Their references.</param>
    public static Contestant Create(string name, string? stackPath, int scales, Tensor restored, Tensor reference)
    {
        var (stack, _) = Workload.Stack(stackPath);
        switch (name)
        {
            case Upstream:
                stack.Freeze();
                return new Contestant(name, () => Differentiate(restored, image => UpstreamLoss.Compute(stack, scales, image, reference))) { _owned = { stack } };
            case LibtorchPrepared:
                var distance = new TensorDistance([.. Enumerable.Range(0, scales).Select(k => stack[k].Fold())], stack.InputRange, LayerWeights.Equal, float32, CPU);
                var features = distance.Prepare(reference);
                return new Contestant(name, () =>
                {
                    var (values, gradient) = distance.Compute(restored, reference, features, withGradient: true);
                    return (values.mean().item<float>(), gradient! / restored.shape[0]);
                })
                {
                    _owned = { stack, distance },
                };
        }

        var loss = new MdfLoss(stack, scales) { Precision = name == Bf16Prepared ? Precision.Bf16 : Precision.Fp32 };
        if (name == Fp32)
            return new Contestant(name, () => Differentiate(restored, image => loss.call(image, reference))) { _owned = { loss } };
        var prepared = loss.Prepare(reference);
        return new Contestant(name, () => Differentiate(restored, prepared.call))
        {
            FeatureMegabytes = prepared.FeatureBytes / 1e6,
            _owned = { prepared, loss },
        };
    }

    public void Dispose() => _owned.ForEach(owned => owned.Dispose());

    private static (double Value, Tensor Gradient) Differentiate(Tensor restored, Func<Tensor, Tensor> loss)
    {
        var image = restored.detach().requires_grad_(true);
        var value = loss(image);
        value.backward();
        return (value.item<float>(), image.grad!);
    }
}
