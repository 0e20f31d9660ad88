using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// A criterion <c>(restored, reference) → scalar</c> for training restoration networks: lower is better, zero for equal
/// images, the mean over the batch unless <see cref="Reduction"/> says otherwise, finite gradients everywhere.
/// </summary>
/// <remarks>
/// <para>Images are floating-point tensors <c>(N, 3, H, W)</c> in [0, 1]. The restored image may leave that range, as a
/// network's output does.</para>
/// <para>A new loss is one class: what it finds in the reference and how a restored image compares with that
/// (<see cref="Analyze"/>); and a line in <see cref="LossExpression"/> for its short name.</para>
/// </remarks>
public abstract class ReconstructionLoss : nn.Module<Tensor, Tensor, Tensor>
{
    private bool _isDisposed;

    /// <summary>Creates the loss.</summary>
    /// <param name="name">Its short name in loss expressions, such as <c>ms-ssim</c>.</param>
    protected ReconstructionLoss(string name)
        : base(name)
    {
    }

    /// <summary>What the loss is called in tables and messages: the loss expression that it was made from, where there is one.</summary>
    public virtual string Expression => GetName();

    /// <summary>The smallest height and width of an image, in pixels.</summary>
    public virtual int MinimumSize => 1;

    /// <summary>Whether each image of a batch has a value of its own; only then can the reduction be <see cref="Reduction.Sum"/> or <see cref="Reduction.None"/>.</summary>
    public virtual bool IsPerImage => true;

    /// <summary>Whether the loss is zero for equal images. Only the authors' SSIM variants are not.</summary>
    public virtual bool IsZeroForEqualImages => true;

    /// <summary>
    /// The files of the trained weights that the loss computes with, always in the same order; none in most losses. A network that is trained with the loss
    /// records their hashes, and its training resumes only with the same ones. Make them when the weights are read (<see cref="WeightsFile.Read"/>).
    /// </summary>
    public virtual IEnumerable<WeightsFile> Files => [];

    /// <summary>What to know before long work with this loss on a device, as one line; null if nothing.</summary>
    /// <param name="device">Where the images will be.</param>
    public virtual string? CautionOn(Device device) => null;

    /// <summary>What is made of the values of a batch; the mean unless set.</summary>
    /// <exception cref="InputException">Per-image values, or their sum, are asked of a loss that has one value for the whole batch.</exception>
    public Reduction Reduction
    {
        get;
        set
        {
            if (value != Reduction.Mean && !IsPerImage)
                throw new InputException($"'{Expression}' has one value for the whole batch, not one per image: give it one image at a time");
            field = value;
        }
    }

    /// <summary>The loss of a restored image.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>, floating point.</param>
    /// <param name="reference">The same shape, type and device, in [0, 1].</param>
    /// <returns>A scalar, or shape <c>(N)</c> when <see cref="Reduction"/> is <see cref="Reduction.None"/>.</returns>
    /// <exception cref="InputException">The shapes differ, are not images, or are smaller than <see cref="MinimumSize"/>.</exception>
    public sealed override Tensor forward(Tensor restored, Tensor reference)
    {
        RequirePair(restored, reference);
        using var scope = NewDisposeScope();
        return Reduce(Compare(restored, reference)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The loss of a restored image of any size as a number: the mean over the batch, whatever <see cref="Reduction"/> says, without gradients. Memory does not grow with the image: the
    /// losses of this library look at one strip or tile of it after the other, and sum in double. For validation and benchmarks.
    /// </summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>, floating point.</param>
    /// <param name="reference">The same shape, type and device, in [0, 1].</param>
    /// <param name="cancellationToken">Ends it between two strips.</param>
    /// <returns>What <see cref="forward"/> returns as the mean, except for the rounding of its sums.</returns>
    /// <exception cref="InputException">As for <see cref="forward"/>.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <remarks>
    /// A loss from outside the library is measured in strips if it derives from <see cref="PixelwiseLoss"/>; any other is given the whole images.
    /// </remarks>
    public double Measure(Tensor restored, Tensor reference, CancellationToken cancellationToken = default)
    {
        RequirePair(restored, reference);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return Measure(restored, reference, ImageStrips.Divide(restored.shape, cancellationToken: cancellationToken));
    }

    /// <summary>The loss as a number; whole images at once, for losses that cannot be measured in strips or divide images themselves.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>, validated.</param>
    /// <param name="reference">The same.</param>
    /// <param name="strips">How to divide them; may be enumerated more than once.</param>
    internal virtual double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips) =>
        Compare(restored, reference).mean().Number();

    /// <summary>
    /// The same loss with everything that depends on the reference alone computed once, for whoever compares many images
    /// against one reference. Gradients reach the restored image only.
    /// </summary>
    /// <param name="reference">Shape <c>(N, 3, H, W)</c>, floating point, in [0, 1].</param>
    /// <returns>The prepared loss, which owns its tensors: dispose of it. It shares this loss, which must live as long.</returns>
    /// <exception cref="InputException">The reference is not an image, or is smaller than <see cref="MinimumSize"/>.</exception>
    public PreparedLoss Prepare(Tensor reference)
    {
        RequireImage(reference, nameof(reference));
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var features = Analyze(reference.detach().clone());
        foreach (var feature in features.Tensors)
            feature.DetachFromDisposeScope();
        return new PreparedLoss(this, features, ImageKind.FromImage(reference));
    }

    internal Tensor CompareWithPrepared(Tensor restored, ReferenceFeatures features, ImageKind reference)
    {
        RequireImage(restored, nameof(restored));
        RequireSameKind(ImageKind.FromImage(restored), reference);
        using var scope = NewDisposeScope();
        return Reduce(features.Compare(restored)).MoveToOuterDisposeScope();
    }

    /// <summary>Finds in the reference what the loss needs to know of it. Differentiable.</summary>
    /// <param name="reference">Shape <c>(N, 3, H, W)</c>, validated.</param>
    /// <returns>What was found, and the comparison with it.</returns>
    protected internal abstract ReferenceFeatures Analyze(Tensor reference);

    /// <summary>
    /// Compares a restored image with a reference of which nothing is kept; for losses that can do that better than by
    /// <see cref="Analyze"/>.
    /// </summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>, validated.</param>
    /// <param name="reference">The same.</param>
    /// <returns>What <see cref="ReferenceFeatures.Compare"/> returns.</returns>
    protected internal virtual Tensor Compare(Tensor restored, Tensor reference) => Analyze(reference).Compare(restored);

    /// <summary>The mean over everything but the batch: <c>(N, …) → (N)</c>.</summary>
    /// <param name="values">Any tensor with the batch first.</param>
    protected static Tensor MeanPerImage(Tensor values) => values.flatten(1).mean([1]);

    private Tensor Reduce(Tensor values) => Reduction switch
    {
        _ when !IsPerImage => values,
        Reduction.Mean => values.mean(),
        Reduction.Sum => values.sum(),
        _ => values,
    };

    /// <summary>Frees the loss's weights.</summary>
    /// <param name="disposing">Whether it was called, rather than the finalizer.</param>
    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        base.Dispose(disposing);
    }

    private void RequirePair(Tensor restored, Tensor reference)
    {
        RequireImage(reference, nameof(reference));
        RequireImage(restored, nameof(restored));
        RequireSameKind(ImageKind.FromImage(restored), ImageKind.FromImage(reference));
    }

    private void RequireImage(Tensor image, string role)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (image.dim() != 4 || image.shape[0] < 1 || image.shape[1] != 3)
            throw new InputException($"'{Expression}' expected a {role} image of shape (N, 3, H, W), found {Describe(image.shape)}");
        if (!image.is_floating_point())
            throw new InputException($"'{Expression}' expected a {role} image of floating-point values in [0, 1], found {image.dtype}: convert and divide it by its maximum");
        if (image.shape[2] < MinimumSize || image.shape[3] < MinimumSize)
            throw new InputException($"'{Expression}' needs images of at least {MinimumSize}×{MinimumSize} pixels, found a {role} image of {image.shape[3]}×{image.shape[2]}");
    }

    private void RequireSameKind(ImageKind restored, ImageKind reference)
    {
        if (!restored.Shape.SequenceEqual(reference.Shape))
            throw new InputException($"'{Expression}' expected images of one size, found {Describe(restored.Shape)} (restored) and {Describe(reference.Shape)} (reference)");
        if (restored.Type != reference.Type)
            throw new InputException($"'{Expression}' expected both images in one type, found {restored.Type} (restored) and {reference.Type} (reference)");
        if (restored.Device != reference.Device)
            throw new InputException($"'{Expression}' expected both images on one device, found {restored.Device} (restored) and {reference.Device} (reference)");
    }

    private static string Describe(long[] shape) => $"({string.Join(", ", shape)})";

    /// <summary>What two images must have in common.</summary>
    internal sealed record ImageKind(long[] Shape, ScalarType Type, string Device)
    {
        public static ImageKind FromImage(Tensor image) => new(image.shape, image.dtype, image.device.ToString());
    }
}
