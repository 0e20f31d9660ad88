using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>
/// The Adam optimizer (Kingma and Ba, ICLR 2015) on tensors of any device, with the order of operations of PyTorch. With <see cref="WeightDecay"/> it is AdamW
/// (Loshchilov and Hutter, ICLR 2019). It replaces <c>torch.optim.Adam</c> and <c>torch.optim.AdamW</c> of TorchSharp.
/// </summary>
/// <remarks>
/// <para> TorchSharp's optimizer (0.107) does not hold its numbers, so the garbage collector may free them while libtorch reads them (see
/// <see cref="TensorArithmetic"/>). A training may then end with "Expected false to be true", or continue with a wrong number. In this class every number is a
/// tensor that the optimizer holds. </para>
/// <example>
/// <code>
/// using var adam = new Adam(network.parameters(), 1e-3);
/// // every step:
/// adam.ZeroGrad();
/// loss.call(network.call(input), reference).backward();
/// adam.Step();
/// </code>
/// </example>
/// <para> It is not a <c>torch.optim.Optimizer</c>, so TorchSharp's learning-rate schedulers do not accept it: set <see cref="LearningRate"/> instead. A file
/// that also uses the namespace <c>TorchSharp.Modules</c> needs <c>using Adam = Mdf.Runtime.Adam;</c>. </para>
/// </remarks>
public sealed class Adam : IDisposable
{
    private const double Epsilon = 1e-8; // PyTorch's default

    private readonly IReadOnlyList<Entry> _entries;
    private readonly double _beta1;
    private readonly double _beta2;
    private readonly Tensor _gradientShare;
    private readonly Tensor _squareDecay;
    private readonly Tensor _squareShare;
    private readonly Tensor _epsilon;

    /// <summary>Creates the optimizer with moments of zero. The names of the parameters are 0, 1, …, in their order.</summary>
    /// <param name="parameters">The parameters, of one floating-point type and on one device; at least one. The caller keeps ownership. Move a network to its device first, because the move makes new parameters.</param>
    /// <param name="learningRate">The learning rate. Default: 1e-3, as in PyTorch.</param>
    /// <param name="beta1">The decay of the moving average of the gradient, in [0, 1). Default: 0.9.</param>
    /// <param name="beta2">The decay of the moving average of the squared gradient, in [0, 1). Default: 0.999.</param>
    /// <exception cref="ArgumentException">There is no parameter, or they differ in type or device.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate is negative or not finite, or a decay is not in [0, 1).</exception>
    public Adam(IEnumerable<Parameter> parameters, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999)
        : this(parameters.Select((parameter, i) => (i.ToString(CultureInfo.InvariantCulture), parameter)), learningRate, beta1, beta2)
    {
    }

    /// <summary>Creates the optimizer with moments of zero, for parameters with names.</summary>
    /// <param name="parameters">The parameters by name, such as a module's <c>named_parameters()</c>; otherwise as in the other constructor.</param>
    /// <param name="learningRate">The learning rate. Default: 1e-3, as in PyTorch.</param>
    /// <param name="beta1">The decay of the moving average of the gradient, in [0, 1). Default: 0.9.</param>
    /// <param name="beta2">The decay of the moving average of the squared gradient, in [0, 1). Default: 0.999.</param>
    /// <exception cref="ArgumentException">There is no parameter, or they differ in type or device.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate is negative or not finite, or a decay is not in [0, 1).</exception>
    public Adam(IEnumerable<(string Name, Parameter Parameter)> parameters, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        LearningRate = learningRate;
        (_beta1, _beta2) = (Decay(beta1, nameof(beta1)), Decay(beta2, nameof(beta2)));
        var given = parameters.ToList();
        if (given.Count == 0)
            throw new ArgumentException("expected at least one parameter", nameof(parameters));
        var (type, device) = (given[0].Parameter.dtype, given[0].Parameter.device.ToString());
        if (given.Find(entry => entry.Parameter.dtype != type || entry.Parameter.device.ToString() != device) is { Parameter: { } odd } entry)
            throw new ArgumentException($"expected parameters of one type on one device, found {type} on {device} and, in '{entry.Name}', {odd.dtype} on {odd.device}", nameof(parameters));

        using var scope = NewDisposeScope();
        _entries = [.. given.Select(entry => new Entry(entry.Name, entry.Parameter, Keep(zeros_like(entry.Parameter)), Keep(zeros_like(entry.Parameter))))];
        (_gradientShare, _squareDecay, _squareShare, _epsilon) = (Keep(Number(1 - beta1)), Keep(Number(beta2)), Keep(Number(1 - beta2)), Keep(Number(Epsilon)));
    }

    /// <summary>The learning rate of the next steps.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or not finite.</exception>
    public double LearningRate
    {
        get;
        set => field = NotNegative(value);
    }

    /// <summary>
    /// The weight decay of AdamW: each step also multiplies a parameter by 1 − learning rate · weight decay. Default: 0. (The weight decay of
    /// <c>torch.optim.Adam</c> is different: it adds to the gradient.)
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or not finite.</exception>
    public double WeightDecay
    {
        get;
        set => field = NotNegative(value);
    }

    /// <summary>The parameters' names and shapes.</summary>
    public IEnumerable<(string Name, long[] Shape)> Parameters => _entries.Select(entry => (entry.Name, entry.Parameter.shape));

    /// <summary>The number of steps made so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Sets the gradients of the parameters to null, as PyTorch's <c>zero_grad()</c> does.</summary>
    public void ZeroGrad()
    {
        foreach (var entry in _entries)
            entry.Parameter.grad = null;
    }

    /// <summary>Makes one step along the gradients of the parameters. A parameter without a gradient is unchanged.</summary>
    public void Step()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Steps++;
        var size = Number(LearningRate / (1 - Math.Pow(_beta1, Steps)));
        var correction = Number(Math.Sqrt(1 - Math.Pow(_beta2, Steps)));
        foreach (var (_, parameter, first, second) in _entries)
        {
            if (parameter.grad is not { } gradient)
                continue;
            using var temporaries = NewDisposeScope();
            if (WeightDecay > 0)
                parameter.Mul_(1 - LearningRate * WeightDecay);
            first.lerp_(gradient, _gradientShare);
            second.mul_(_squareDecay).Add_(gradient.Square().mul_(_squareShare));
            parameter.sub_(first.div(second.sqrt().div_(correction).Add_(_epsilon)).mul_(size));
        }
    }

    /// <summary>The moments of a parameter.</summary>
    /// <param name="name">The parameter's name.</param>
    /// <returns>The moving averages of its gradient and of its squared gradient. The optimizer keeps ownership of both.</returns>
    /// <exception cref="InvalidOperationException">There is no such parameter.</exception>
    public (Tensor First, Tensor Second) MomentsOf(string name)
    {
        var entry = _entries.Single(entry => entry.Name == name);
        return (entry.First, entry.Second);
    }

    /// <summary>Resumes from the state of another optimizer.</summary>
    /// <param name="moments">Both moments of every parameter by name, of the parameter's shape. They are copied.</param>
    /// <param name="steps">The number of steps that the other optimizer made.</param>
    public void Restore(Func<string, (Tensor First, Tensor Second)> moments, long steps)
    {
        ArgumentNullException.ThrowIfNull(moments);
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
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

    /// <summary>Frees the moments. It does not free the parameters.</summary>
    public void Dispose()
    {
        foreach (var part in _entries.SelectMany(entry => new[] { entry.First, entry.Second }).Concat([_gradientShare, _squareDecay, _squareShare, _epsilon]))
            part.Dispose();
    }

    private static double NotNegative(double value) =>
        value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "expected a finite number that is not negative");

    private static double Decay(double value, string name) =>
        value is >= 0 and < 1 ? value : throw new ArgumentOutOfRangeException(name, value, "expected a decay in [0, 1)");

    private static Tensor Keep(Tensor made) => made.DetachFromDisposeScope();

    private Tensor Number(double value) => tensor(value, _entries[0].Parameter.dtype, _entries[0].Parameter.device);

    private sealed record Entry(string Name, Parameter Parameter, Tensor First, Tensor Second);
}
