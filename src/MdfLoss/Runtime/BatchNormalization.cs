using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>
/// Batch norm of images (Ioffe and Szegedy, ICML 2015), with the arithmetic, the defaults and the tensor names of PyTorch's <c>BatchNorm2d</c>. It replaces
/// TorchSharp's <c>nn.BatchNorm2d</c>, which adds a number to its count of batches in each training step and does not hold that number
/// (see <see cref="TensorArithmetic"/>).
/// </summary>
public sealed class BatchNormalization : nn.Module<Tensor, Tensor>
{
    private const double Momentum = 0.1; // PyTorch's default

    // The names of the fields are the names in the files, in PyTorch's order.
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly Tensor running_mean;
    private readonly Tensor running_var;
    private readonly Tensor num_batches_tracked;

    /// <summary>Creates a batch norm that changes nothing yet: weight 1, bias 0, running mean 0, running variance 1.</summary>
    /// <param name="channels">The number of channels; at least 1.</param>
    /// <param name="epsilon">The number that is added to each variance. Default: 1e-5, as in PyTorch.</param>
    /// <param name="device">The device of the tensors. Default: the CPU.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of channels is below 1.</exception>
    public BatchNormalization(int channels, double epsilon = 1e-5, Device? device = null)
        : base(nameof(BatchNormalization))
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        Epsilon = epsilon;
        weight = new Parameter(ones(channels, device: device));
        bias = new Parameter(zeros(channels, device: device));
        running_mean = zeros(channels, device: device);
        running_var = ones(channels, device: device);
        num_batches_tracked = zeros([], int64, device);
        foreach (var tensor in new[] { weight, bias, running_mean, running_var, num_batches_tracked })
            tensor.DetachFromDisposeScope(); // the module owns its tensors
        RegisterComponents();
    }

    /// <summary>The number that is added to each variance before its root is taken.</summary>
    public double Epsilon { get; }

    /// <summary>The factor of each channel, shape <c>(C)</c>.</summary>
    public Parameter Weight => weight;

    /// <summary>The offset of each channel, shape <c>(C)</c>.</summary>
    public Parameter Bias => bias;

    /// <summary>The running mean of each channel, shape <c>(C)</c>, used in evaluation mode.</summary>
    public Tensor RunningMean => running_mean;

    /// <summary>The running variance of each channel, shape <c>(C)</c>, used in evaluation mode.</summary>
    public Tensor RunningVariance => running_var;

    /// <summary>Sets the tensors to the values that a new batch norm has.</summary>
    public void Reset()
    {
        using var noGradient = no_grad();
        weight.Fill_(1);
        bias.zero_();
        running_mean.zero_();
        running_var.Fill_(1);
        num_batches_tracked.zero_();
    }

    /// <summary>Normalizes each channel: with the statistics of the batch in training mode, otherwise with the running statistics. Training mode updates the running statistics.</summary>
    /// <param name="input">Shape <c>(N, C, H, W)</c>.</param>
    /// <returns>A tensor of the same shape.</returns>
    public override Tensor forward(Tensor input)
    {
        if (training)
        {
            using var one = 1L.ToScalar();
            using var factor = 1L.ToScalar();
            num_batches_tracked.add_(one, factor);
        }

        return nn.functional.batch_norm(input, running_mean, running_var, weight, bias, training, Momentum, Epsilon);
    }
}
