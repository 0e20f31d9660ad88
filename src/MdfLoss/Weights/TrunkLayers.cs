namespace Mdf.Weights;

/// <summary>A tensor that a pretrained network reads from its file.</summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="Shape">Its shape.</param>
internal sealed record TrunkWeight(string Key, long[] Shape);

/// <summary>One layer of a pretrained network: data only. <c>Losses.Features.Trunk</c> computes it.</summary>
/// <param name="Name">The name of its result, such as <c>relu1_2</c>.</param>
internal abstract record TrunkLayer(string Name)
{
    /// <summary>The side of the square of input positions that one output position depends on.</summary>
    public virtual int Window => 1;

    /// <summary>The distance between two output positions, in input positions.</summary>
    public virtual int Step => 1;

    /// <summary>The number of rows before the input that the first output position depends on.</summary>
    public virtual int Before => 0;

    /// <summary>The tensors of the layer, in the order in which the network's authors define them.</summary>
    public virtual IReadOnlyList<TrunkWeight> Weights => [];

    /// <summary>The number of multiplications for one output position.</summary>
    public virtual long Multiplications => 0;

    /// <summary>The height or width of the output; below 1 if the input is too small.</summary>
    /// <param name="size">The height or width of the input.</param>
    public virtual long OutputSize(long size) => size;

    /// <summary>The same layer with fewer channels, for tests.</summary>
    /// <param name="divisor">The divisor of the numbers of channels, except those of the image.</param>
    public virtual TrunkLayer Narrow(int divisor) => this;

    /// <summary>Divides a number of channels. An image keeps its three.</summary>
    protected static int Divide(int channels, int divisor) => channels == 3 ? 3 : channels / divisor;
}

/// <summary>max(x, 0).</summary>
/// <param name="Name">The name of its result.</param>
internal sealed record ReluLayer(string Name) : TrunkLayer(Name);

/// <summary>How a convolution or a pooling treats the border.</summary>
internal enum TrunkPadding
{
    /// <summary>As many zeros on all sides, as in PyTorch.</summary>
    Equal,

    /// <summary>
    /// As CNTK: an output of ⌈size / step⌉. Where the number of zeros is odd, the top and the left have one more: for an even size and a step of 2,
    /// ONNX's pads are <c>[p, p, p−1, p−1]</c>.
    /// </summary>
    Cntk,
}

/// <summary>A convolution with a bias.</summary>
/// <param name="Name">The name of its result.</param>
/// <param name="Key">The prefix of its tensors in the file: <c>.weight</c> and <c>.bias</c> follow.</param>
/// <param name="Inputs">The number of input channels.</param>
/// <param name="Outputs">The number of output channels.</param>
/// <param name="Kernel">The side of the kernel.</param>
/// <param name="Stride">The step.</param>
/// <param name="Padding">The number of zeros before the first row and column.</param>
/// <param name="Rule">The number of zeros at the end.</param>
internal sealed record ConvolutionLayer(
    string Name, string Key, int Inputs, int Outputs, int Kernel, int Stride = 1, int Padding = 0, TrunkPadding Rule = TrunkPadding.Equal) : TrunkLayer(Name)
{
    public override int Window => Kernel;

    public override int Step => Stride;

    public override int Before => Padding;

    public override IReadOnlyList<TrunkWeight> Weights => [new($"{Key}.weight", [Outputs, Inputs, Kernel, Kernel]), new($"{Key}.bias", [Outputs])];

    public override long Multiplications => (long)Outputs * Inputs * Kernel * Kernel;

    public override long OutputSize(long size) => TrunkSizes.AfterWindow(size, Kernel, Stride, Padding, Rule);

    public override TrunkLayer Narrow(int divisor) => this with { Inputs = Divide(Inputs, divisor), Outputs = Divide(Outputs, divisor) };
}

/// <summary>The maximum of each window.</summary>
/// <param name="Name">The name of its result.</param>
/// <param name="Kernel">The side of the window.</param>
/// <param name="Padding">The number of rows before the first row that a window may cover.</param>
/// <param name="RoundsUp">Whether the last window may reach past the end (<c>ceil_mode</c>).</param>
/// <param name="Rule">The border.</param>
internal sealed record MaxPoolingLayer(string Name, int Kernel, int Padding = 0, bool RoundsUp = false, TrunkPadding Rule = TrunkPadding.Equal) : TrunkLayer(Name)
{
    public override int Window => Kernel;

    public override int Step => 2;

    public override int Before => Padding;

    public override long OutputSize(long size) =>
        RoundsUp && size >= Kernel ? (size - Kernel + 1) / 2 + 1 : TrunkSizes.AfterWindow(size, Kernel, 2, Padding, Rule);
}

/// <summary>√(Σ w·x²) over windows of 3×3 with a step of 2: the pooling of DISTS. w is a Hann window, (¼, ½, ¼) in both directions.</summary>
/// <param name="Name">The name of its result.</param>
internal sealed record HannPoolingLayer(string Name) : TrunkLayer(Name)
{
    public override int Window => 3;

    public override int Step => 2;

    public override int Before => 1;

    public override long OutputSize(long size) => (size + 1) / 2;
}

/// <summary>The fire module of SqueezeNet: a 1×1 convolution, then a 1×1 and a 3×3 convolution side by side, each with ReLU.</summary>
/// <param name="Name">The name of its result.</param>
/// <param name="Key">The prefix of its tensors in the file.</param>
/// <param name="Inputs">The number of input channels.</param>
/// <param name="Squeezed">The number of channels after the first convolution.</param>
/// <param name="Expanded">The number of output channels of each of the others.</param>
internal sealed record FireLayer(string Name, string Key, int Inputs, int Squeezed, int Expanded) : TrunkLayer(Name)
{
    public override int Window => 3;

    public override int Before => 1;

    public ConvolutionLayer Squeeze => new("", $"{Key}.squeeze", Inputs, Squeezed, 1);

    public ConvolutionLayer ExpandSmall => new("", $"{Key}.expand1x1", Squeezed, Expanded, 1);

    public ConvolutionLayer ExpandLarge => new("", $"{Key}.expand3x3", Squeezed, Expanded, 3, Padding: 1);

    public override IReadOnlyList<TrunkWeight> Weights => [.. Squeeze.Weights, .. ExpandSmall.Weights, .. ExpandLarge.Weights];

    public override long Multiplications => Squeeze.Multiplications + ExpandSmall.Multiplications + ExpandLarge.Multiplications;

    public override TrunkLayer Narrow(int divisor) => this with { Inputs = Inputs / divisor, Squeezed = Squeezed / divisor, Expanded = Expanded / divisor };
}

/// <summary>A residual block of ResNet-18: two 3×3 convolutions and a shortcut, which is a 1×1 convolution if the block changes the size.</summary>
/// <param name="Name">The name of its result.</param>
/// <param name="Key">The prefix of its tensors.</param>
/// <param name="Inputs">The number of input channels.</param>
/// <param name="Outputs">The number of output channels.</param>
/// <param name="Stride">The step of the first convolution and of the shortcut.</param>
internal sealed record ResidualLayer(string Name, string Key, int Inputs, int Outputs, int Stride = 1) : TrunkLayer(Name)
{
    public override int Window => 3 + 2 * Stride;

    public override int Step => Stride;

    public override int Before => 1 + Stride;

    public ConvolutionLayer First => new("", $"{Key}.first", Inputs, Outputs, 3, Stride, 1, TrunkPadding.Cntk);

    public ConvolutionLayer Second => new("", $"{Key}.second", Outputs, Outputs, 3, 1, 1, TrunkPadding.Cntk);

    public ConvolutionLayer? Shortcut => Stride == 1 ? null : new("", $"{Key}.shortcut", Inputs, Outputs, 1, Stride, 0, TrunkPadding.Cntk);

    public override IReadOnlyList<TrunkWeight> Weights => [.. Shortcut?.Weights ?? [], .. First.Weights, .. Second.Weights];

    public override long Multiplications => First.Multiplications + Second.Multiplications + (Shortcut?.Multiplications ?? 0);

    public override long OutputSize(long size) => First.OutputSize(size);

    public override TrunkLayer Narrow(int divisor) => this with { Inputs = Inputs / divisor, Outputs = Outputs / divisor };
}

/// <summary>The sizes of the layers.</summary>
internal static class TrunkSizes
{
    /// <summary>The number of positions of a window in one direction; below 1 if the window does not fit.</summary>
    public static long AfterWindow(long size, int window, int step, int padding, TrunkPadding rule) => rule == TrunkPadding.Cntk
        ? (size + step - 1) / step
        : size + 2 * padding < window ? 0 : (size + 2 * padding - window) / step + 1;

    /// <summary>The number of zeros after the last row, for <see cref="TrunkPadding.Cntk"/>.</summary>
    public static long CntkAfter(long size, int window, int step, int padding) =>
        Math.Max(0, (AfterWindow(size, window, step, padding, TrunkPadding.Cntk) - 1) * step + window - size - padding);
}
