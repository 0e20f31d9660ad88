using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Reports;
using Mdf.Runtime;
using Mdf.Training;
using static TorchSharp.torch;

namespace Mdf.Experiments;

/// <summary>The artefact of a training, as a figure in the run's folder (<c>distortion.png</c>). A training without an artefact is refused.</summary>
/// <param name="Sheet">The figure: clean, distorted, difference.</param>
internal sealed record TaskArtefact(byte[] Sheet)
{
    // The side of the part of a training image that is tried: large enough for the figure, and fast.
    private const int LargestSide = 512;

    /// <summary>Tries the distortion of a loss on its photographs, at the finest scale of the training.</summary>
    /// <param name="photographs">The photographs, <c>(1, 3, H, W)</c> in [0, 1].</param>
    /// <param name="options">The options of the training.</param>
    /// <exception cref="InputException">A photograph cannot be used for training, or the distortion changes none of them.</exception>
    public static TaskArtefact OfLoss(IEnumerable<Tensor> photographs, LossTrainingOptions options)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var plans = photographs.Select(photograph => (Photograph: photograph, Plan: LossPlan.For(photograph, options)));
        if (options.Distortion is not Upscaling)
            return From(DistortionTrial.Run(options.Distortion, plans.Select(size => At(size.Photograph, size.Plan.Plan, size.Plan.Scales - 1)), options.Seed));

        // Super-resolution has no distortion of its own. Its artefact comes from the upscaling of the previous (coarser) scale.
        var (photo, (plan, scales)) = plans.First();
        var clean = At(photo, plan, scales - 1);
        var below = scales > 1 ? plan.Sizes[scales - 2] : plan.Start;
        var upscaled = Resampler.Bicubic(Resampler.Bicubic(photo, below.Height, below.Width), clean.shape[2], clean.shape[3]).Clamp(0, 1);
        return From(new DistortionTrial(clean, upscaled, Psnr.Compute(upscaled, clean)));

        static Tensor At(Tensor photograph, PyramidPlan plan, int scale) =>
            Resampler.Bicubic(photograph, plan.Sizes[scale].Height, plan.Sizes[scale].Width).Clamp(0, 1);
    }

    /// <summary>Tries the distortion of a network on its training images, or compares them with their distorted versions.</summary>
    /// <param name="images">The training images.</param>
    /// <param name="distortion">The task's distortion.</param>
    /// <param name="seed">The seed of random distortions.</param>
    /// <exception cref="InputException">The distortion changes none of them.</exception>
    public static TaskArtefact OfNetwork(TrainingImages images, Distortion distortion, long seed)
    {
        using var scope = NewDisposeScope();
        return From(images.Images.All(image => image.Distorted is not null)
            ? DistortionTrial.Run(distortion.Task, images.Images.Select(image => (image.Reference.ToPicture(), image.Distorted!.ToPicture())))
            // The program is called directly, so that its folder of results keeps nothing of a refused training.
            : DistortionTrial.Run(distortion is CachedDistortion kept ? kept.Program : distortion, images.Images.Select(image => Middle(image.Reference.ToPicture())), seed));
    }

    /// <summary>Writes the figure to a run's folder.</summary>
    /// <param name="folder">The folder.</param>
    public void Write(RunFolder folder) => AtomicFile.Write(folder.DistortionSheet, Sheet);

    private static TaskArtefact From(DistortionTrial trial) => new(DistortionSheet.Render(trial));

    private static Tensor Middle(Tensor image)
    {
        var (height, width) = (Math.Min(LargestSide, image.shape[2]), Math.Min(LargestSide, image.shape[3]));
        return image.narrow(2, (image.shape[2] - height) / 2, height).narrow(3, (image.shape[3] - width) / 2, width).contiguous();
    }
}
