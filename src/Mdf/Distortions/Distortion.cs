using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>The operator that a task undoes: a clean reference becomes its distorted version.</summary>
/// <remarks>A new task is a class like the ones beside this file, and its line in <c>s_tasks</c>.</remarks>
public abstract class Distortion
{
    private static readonly TaskName[] s_tasks = [Upscaling.Name, GaussianNoise.Name, JpegDistortion.Name];

    /// <summary>The task's name in its canonical form, with its strength if it has one: <c>sisr</c>, <c>denoise:25</c>, <c>jpeg:10</c>.</summary>
    public abstract string Task { get; }

    /// <summary>Whether two calls of <see cref="Apply"/> on one image give different results.</summary>
    public virtual bool IsRandom => false;

    /// <summary>Distorts a batch of images. No gradient passes.</summary>
    /// <param name="reference">RGB, <c>(N, 3, H, W)</c>, nominally in [0, 1], floating point, on any device; it is not changed.</param>
    /// <param name="random">Where random distortions draw from, anew at every call; libtorch's own generator when null.</param>
    /// <returns>A new tensor of the same shape and type, on the same device.</returns>
    /// <exception cref="ArgumentException">The tensor is not a batch of RGB images.</exception>
    public Tensor Apply(Tensor reference, Generator? random = null)
    {
        ArgumentNullException.ThrowIfNull(reference);
        if (!reference.is_floating_point() || reference.dim() != 4 || reference.shape[1] != 3 || reference.numel() == 0)
        {
            throw new ArgumentException(
                $"expected RGB images (N, 3, H, W) of a floating-point type, found {reference.dtype} ({string.Join(", ", reference.shape)})",
                nameof(reference));
        }

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return Distort(reference, random).MoveToOuterDisposeScope();
    }

    /// <summary>Finds the distortion that a task undoes.</summary>
    /// <param name="task">A task's name, with its strength behind a colon if it has one; numbers are written with a point.</param>
    /// <exception cref="InputException">The task is unknown, or its strength is missing, superfluous or out of range.</exception>
    public static Distortion Parse(string task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var parts = task.Split(':', 2);
        var known = s_tasks.FirstOrDefault(candidate => candidate.Name == parts[0]) ?? throw new InputException(
            $"unknown task '{task}': expected one of {string.Join(", ", s_tasks.Select(candidate => candidate.Usage))}");
        return known.Create(parts.Length == 2 ? parts[1] : null);
    }

    /// <inheritdoc/>
    public override string ToString() => Task;

    /// <summary>Does the work of <see cref="Apply"/>, with gradients off and inside a dispose scope.</summary>
    /// <param name="reference">Checked by <see cref="Apply"/>.</param>
    /// <param name="random">See <see cref="Apply"/>.</param>
    /// <returns>A tensor of its own, never the input.</returns>
    protected abstract Tensor Distort(Tensor reference, Generator? random);
}
