using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses.Frozen;

/// <summary>
/// Attaches values with a known gradient to the graph. The backward pass multiplies the stored gradient. If the gradient itself must be
/// differentiated, it is computed again by differentiable operations.
/// </summary>
internal sealed class StoredGradient : autograd.SingleTensorFunction<StoredGradient>
{
    private const string Plain = "plain";

    // TorchSharp takes the native tensor of the result, but leaves the .NET object to the scope of the caller. If there is no scope, the next call disposes of
    // the object.
    [ThreadStatic]
    private static Tensor? s_last;

    /// <inheritdoc/>
    public override string Name => nameof(StoredGradient);

    /// <summary>Attaches values to the graph.</summary>
    /// <param name="restored">The images that the values depend on, shape <c>(N, …)</c>.</param>
    /// <param name="values">The values, shape <c>(N)</c>.</param>
    /// <param name="gradient">The gradient of each value with respect to its part of <paramref name="restored"/>.</param>
    /// <param name="reference">The images with which they were compared.</param>
    /// <param name="plain">Computes the same values from a restored image and a reference, by operations that autograd follows.</param>
    /// <remarks>
    /// Copies of both images are kept. libtorch checks whether a saved tensor was changed since, and an error in the backward pass would end the process.
    /// </remarks>
    public static Tensor Attach(Tensor restored, Tensor values, Tensor gradient, Tensor reference, Func<Tensor, Tensor, Tensor> plain) =>
        apply(restored.clone(), values, gradient, reference.detach().clone(), plain);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        ctx.save_for_backward([(Tensor)vars[0], (Tensor)vars[2], (Tensor)vars[3]]);
        ctx.save_data(Plain, vars[4]);
        return ((Tensor)vars[1]).clone();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        s_last?.Dispose();
        s_last = null;
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (restored, gradient, reference) = (saved[0], saved[1], saved[2]);
        if (is_grad_enabled())
            return Return(Differentiate((Func<Tensor, Tensor, Tensor>)ctx.get_data(Plain), restored, reference, grad_output));

        var result = (grad_output.to(gradient.dtype).view([-1, .. Enumerable.Repeat(1L, (int)gradient.dim() - 1)]) * gradient).to(restored.dtype);
        grad_output.Dispose();
        s_last = result;
        return Return(result);

        static List<Tensor> Return(Tensor ofRestored) => [ofRestored.MoveToOuterDisposeScope(), null!, null!, null!, null!];
    }

    /// <summary>
    /// Computes the gradient. If this is not possible, for example because the loss was disposed of, the gradient is NaN: an exception that leaves
    /// a gradient function would end the process.
    /// </summary>
    private static Tensor Differentiate(Func<Tensor, Tensor, Tensor> plain, Tensor restored, Tensor reference, Tensor gradOutput)
    {
        try
        {
            return autograd.grad([plain(restored, reference)], [restored], [gradOutput], retain_graph: true, create_graph: true)[0];
        }
        catch (Exception e) when (e is InvalidOperationException or System.Runtime.InteropServices.ExternalException or ObjectDisposedException)
        {
            return empty_like(restored.detach()).Fill_(double.NaN);
        }
    }
}
