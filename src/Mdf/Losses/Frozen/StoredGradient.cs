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
    /// <param name="plain">The same values by operations that autograd follows.</param>
    public static Tensor Attach(Tensor restored, Tensor values, Tensor gradient, Func<Tensor, Tensor> plain) =>
        apply(restored, values, gradient, plain);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        ctx.save_for_backward([(Tensor)vars[0], (Tensor)vars[2]]);
        ctx.save_data(Plain, vars[3]);
        return ((Tensor)vars[1]).alias();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        // An exception that leaves this method would end the process.
        s_last?.Dispose();
        s_last = null;
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (restored, gradient) = (saved[0], saved[1]);
        if (is_grad_enabled())
        {
            var values = ((Func<Tensor, Tensor>)ctx.get_data(Plain))(restored);
            return Return(autograd.grad([values], [restored], [grad_output], retain_graph: true, create_graph: true)[0]);
        }

        var result = grad_output.view([-1, .. Enumerable.Repeat(1L, (int)gradient.dim() - 1)]) * gradient;
        grad_output.Dispose();
        s_last = result;
        return Return(result);

        static List<Tensor> Return(Tensor ofRestored) => [ofRestored.MoveToOuterDisposeScope(), null!, null!, null!];
    }
}
