using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Networks;

/// <summary>
/// Networks between two networks: all weights are (1 − t) · start + t · end. If the end was trained from the start with another loss, t trades one loss for the other without any training.
/// Wang et al., "Deep Network Interpolation for Continuous Imagery Effect Transition" (CVPR 2019).
/// </summary>
internal static class NetworkInterpolation
{
    /// <summary>Moves the weights of a network towards those of another.</summary>
    /// <param name="start">The network at t = 0. It becomes the result.</param>
    /// <param name="end">The network at t = 1, of the same architecture, on the same device. It is not changed.</param>
    /// <param name="t">The position; outside [0, 1] the weights are extrapolated.</param>
    /// <exception cref="InputException">The networks have different architectures.</exception>
    public static void Move(RestorationNetwork start, RestorationNetwork end, double t)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(end);
        if (start.Architecture.ToString() != end.Architecture.ToString())
            throw new InputException($"expected two networks of one architecture, found {start.Architecture} and {end.Architecture}");
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var ends = end.state_dict();
        foreach (var (name, tensor) in start.state_dict())
        {
            if (tensor.is_floating_point()) // not the counters of batch norm
                tensor.lerp_(ends[name], t);
        }
    }
}
