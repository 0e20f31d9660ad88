using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>Adam (Kingma and Ba, ICLR 2015) on tensors of any device, in the order of operations of PyTorch.</summary>
/// <remarks>
/// TorchSharp's own (0.107) leaves its numbers to the collector while libtorch may be reading them (see <see cref="TensorArithmetic"/>). Here every
/// number is a tensor that stays.
/// </remarks>
internal sealed class TensorAdam : IDisposable
{
    private const double Epsilon = 1e-8; // PyTorch's default

    private readonly IReadOnlyList<Entry> _entries;
    private readonly double _beta1;
    private readonly double _beta2;
    private readonly Tensor _gradientShare;
    private readonly Tensor _squareDecay;
    private readonly Tensor _squareShare;
    private readonly Tensor _epsilon;

    /// <summary>Begins with moments of zero.</summary>
    /// <param name="parameters">The parameters by name, of one floating-point type and on one device; at least one. The caller keeps ownership.</param>
    /// <param name="beta1">The decay of the gradient's moving average, in [0, 1).</param>
    /// <param name="beta2">That of its square's.</param>
    public TensorAdam(IEnumerable<(string Name, Parameter Parameter)> parameters, double beta1 = 0.9, double beta2 = 0.999)
    {
        using var scope = NewDisposeScope();
        _entries = [.. parameters.Select(entry => new Entry(
            entry.Name, entry.Parameter, Keep(zeros_like(entry.Parameter)), Keep(zeros_like(entry.Parameter))))];
        (_beta1, _beta2) = (beta1, beta2);
        (_gradientShare, _squareDecay, _squareShare, _epsilon) = (Keep(Number(1 - beta1)), Keep(Number(beta2)), Keep(Number(1 - beta2)), Keep(Number(Epsilon)));
    }

    /// <summary>The parameters' names and shapes.</summary>
    public IEnumerable<(string Name, long[] Shape)> Parameters => _entries.Select(entry => (entry.Name, entry.Parameter.shape));

    /// <summary>How many steps have been made.</summary>
    public long Steps { get; private set; }

    /// <summary>Forgets the parameters' gradients.</summary>
    public void ClearGradients()
    {
        foreach (var entry in _entries)
            entry.Parameter.grad = null;
    }

    /// <summary>One step along the parameters' gradients; one without a gradient stays as it is.</summary>
    /// <param name="learningRate">The learning rate.</param>
    public void Step(double learningRate)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Steps++;
        var size = Number(learningRate / (1 - Math.Pow(_beta1, Steps)));
        var correction = Number(Math.Sqrt(1 - Math.Pow(_beta2, Steps)));
        foreach (var (_, parameter, first, second) in _entries)
        {
            if (parameter.grad is not { } gradient)
                continue;
            using var temporaries = NewDisposeScope();
            first.lerp_(gradient, _gradientShare);
            second.mul_(_squareDecay).Add_(gradient.Square().mul_(_squareShare));
            parameter.sub_(first.div(second.sqrt().div_(correction).Add_(_epsilon)).mul_(size));
        }
    }

    /// <summary>The moments of a parameter.</summary>
    /// <param name="name">The parameter's name.</param>
    /// <returns>The moving average of its gradient and that of its square; both stay the optimizer's.</returns>
    public (Tensor First, Tensor Second) MomentsOf(string name)
    {
        var entry = _entries.Single(entry => entry.Name == name);
        return (entry.First, entry.Second);
    }

    /// <summary>Goes on where another one was.</summary>
    /// <param name="moments">Both moments of every parameter by name.</param>
    /// <param name="steps">How many steps it had made.</param>
    public void Restore(Func<string, (Tensor First, Tensor Second)> moments, long steps)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var entry in _entries)
        {
            var (first, second) = moments(entry.Name);
            entry.First.copy_(first);
            entry.Second.copy_(second);
        }

        Steps = steps;
    }

    /// <summary>Frees the moments.</summary>
    public void Dispose()
    {
        foreach (var part in _entries.SelectMany(entry => new[] { entry.First, entry.Second }).Concat([_gradientShare, _squareDecay, _squareShare, _epsilon]))
            part.Dispose();
    }

    private static Tensor Keep(Tensor made) => made.DetachFromDisposeScope();

    private Tensor Number(double value) => tensor(value, _entries[0].Parameter.dtype, _entries[0].Parameter.device);

    private sealed record Entry(string Name, Parameter Parameter, Tensor First, Tensor Second);
}
