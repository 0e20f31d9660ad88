using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses.Frozen;

/// <summary>
/// Makes values whose gradient is known already a part of the graph: going back multiplies that gradient. Where the gradient is to be
/// differentiated again, it is computed anew by operations that can be.
/// </summary>
internal sealed class StoredGradient : autograd.SingleTensorFunction<StoredGradient>
{
    private const string Plain = "plain";

    // TorchSharp takes the tensor behind what is returned but leaves the object itself to the caller's scope. Where there is none, it is disposed of
    // the next time.
    [ThreadStatic]
    private static Tensor? s_last;

    /// <inheritdoc/>
    public override string Name => nameof(StoredGradient);

    /// <summary>Puts values into the graph.</summary>
    /// <param name="restored">What they depend on, shape <c>(N, …)</c>.</param>
    /// <param name="values">Shape <c>(N)</c>.</param>
    /// <param name="gradient">The gradient of each value with respect to its part of <paramref name="restored"/>.</param>
    /// <param name="reference">What they were compared with.</param>
    /// <param name="plain">The same values of a restored image and a reference, by operations that autograd follows.</param>
    /// <remarks>
    /// Keeps copies of both images: libtorch looks at whether a saved tensor was changed since, and an error while going back would end the process.
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
    /// An exception that leaves a gradient function would end the process: where the gradient cannot be had, such as because the loss has been
    /// disposed of, it is NaN.
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
