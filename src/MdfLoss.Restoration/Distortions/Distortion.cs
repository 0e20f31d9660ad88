using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>The operator that a task undoes. It turns a clean reference into its distorted version.</summary>
/// <remarks>A new task is a class in this folder and an entry in <c>Tasks</c>, or a class of another assembly that a plugin registers.</remarks>
public abstract class Distortion
{
    /// <summary>The task's name in its canonical form, with its strength if it has one: <c>sisr:4</c>, <c>denoise:25</c>, <c>jpeg:10</c>.</summary>
    public abstract string Task { get; }

    /// <summary>The task's name without its strength: <c>sisr</c>, <c>denoise</c>, <c>jpeg</c>.</summary>
    public string Kind => Task.Split(':')[0];

    /// <summary>The ratio of the reference's size to the distorted image's size: above 1 only for super-resolution of a network.</summary>
    public virtual int Factor => 1;

    /// <summary>Whether two calls of <see cref="Apply"/> on one image give different results.</summary>
    public virtual bool IsRandom => false;

    /// <summary>Distorts a batch of images or patches. No gradient passes.</summary>
    /// <param name="reference">
    /// RGB, <c>(N, 3, H, W)</c>, or grey, <c>(N, 1, H, W)</c>, nominally in [0, 1], floating point, on any device. It is not changed. Three channels are
    /// distorted as colour, even if they are equal. For grey images give one channel, or use <see cref="ApplyToPicture"/>, which detects grey.
    /// </param>
    /// <param name="random">The generator of random distortions; every call draws new numbers. Default: libtorch's own generator.</param>
    /// <returns>
    /// A new tensor of the same type, on the same device, and of the same shape except for <see cref="Factor"/>. Only a program may turn a grey image into a
    /// colour image; then the result has three channels.
    /// </returns>
    /// <exception cref="ArgumentException">The tensor is not a batch of images, or its sides are not multiples of <see cref="Factor"/>.</exception>
    public Tensor Apply(Tensor reference, Generator? random = null)
    {
        ArgumentNullException.ThrowIfNull(reference);
        if (!reference.is_floating_point() || reference.dim() != 4 || reference.shape[1] is not (1 or 3) || reference.numel() == 0)
        {
            throw new ArgumentException(
                $"expected images (N, 3, H, W) or (N, 1, H, W) of a floating-point type, found {reference.dtype} ({string.Join(", ", reference.shape)})",
                nameof(reference));
        }

        if (reference.shape[2] % Factor != 0 || reference.shape[3] % Factor != 0)
            throw new ArgumentException($"expected sides that are multiples of {Factor}, found {reference.shape[3]}×{reference.shape[2]}: crop the image first", nameof(reference));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return (reference.shape[1] == 3 ? Distort(reference, random) : DistortGrey(reference, random)).MoveToOuterDisposeScope();
    }

    /// <summary>Distorts a whole image. A grey image is distorted as one channel: it gets one noise for all channels, as a grey file would.</summary>
    /// <param name="picture">RGB, <c>(1, 3, H, W)</c> in [0, 1]; its pixels show whether it is grey (<see cref="GreyPicture.IsGrey"/>).</param>
    /// <param name="random">As for <see cref="Apply"/>.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, except for <see cref="Factor"/>; three equal channels if the image is grey.</returns>
    /// <exception cref="ArgumentException">As for <see cref="Apply"/>.</exception>
    public Tensor ApplyToPicture(Tensor picture, Generator? random = null)
    {
        ArgumentNullException.ThrowIfNull(picture);
        using var scope = NewDisposeScope();
        return GreyPicture.ToRgb(Apply(GreyPicture.Channels(picture), random)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string ToString() => Task;

    /// <summary>Refuses a task that cannot be applied to an image, because it stands for pairs of files.</summary>
    /// <exception cref="InputException">The task is <see cref="FilePairs"/>; the message says how to give the files.</exception>
    internal virtual void RequireOperator()
    {
    }

    /// <summary>Does the work of <see cref="Apply"/>, with gradients off and inside a dispose scope.</summary>
    /// <param name="reference">Checked by <see cref="Apply"/>; three channels.</param>
    /// <param name="random">See <see cref="Apply"/>.</param>
    /// <returns>A new tensor, never the input.</returns>
    protected abstract Tensor Distort(Tensor reference, Generator? random);

    /// <summary>Does the work of <see cref="Apply"/> for grey images. Default: the first channel of the result of <see cref="Distort"/> for three equal channels.</summary>
    /// <param name="reference">Checked by <see cref="Apply"/>; one channel.</param>
    /// <param name="random">See <see cref="Apply"/>.</param>
    /// <returns>A new tensor, of one channel, or of three channels if the distortion makes a grey image coloured.</returns>
    private protected virtual Tensor DistortGrey(Tensor reference, Generator? random) =>
        Distort(GreyPicture.ToRgb(reference), random).narrow(1, 0, 1).contiguous();

    /// <summary>Joins images into a batch. It has one channel if all images have one, otherwise three.</summary>
    private protected static Tensor Join(IEnumerable<Tensor> images)
    {
        Tensor[] parts = [.. images];
        return cat(parts.All(part => part.shape[1] == 1) ? parts : [.. parts.Select(GreyPicture.ToRgb)]);
    }
}
