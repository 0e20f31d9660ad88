namespace Mdf.Imaging;

/// <summary>The extension of an image beyond its edge, for a resampling kernel.</summary>
public enum Border
{
    /// <summary>Repeat the outermost pixel: <c>aaa|abcd|ddd</c>. The low-resolution images of the benchmark sets were made with it.</summary>
    Replicate,

    /// <summary>Mirror the image, including its outermost pixel: <c>cba|abcd|dcb</c>. <c>imresize</c> of MATLAB and of BasicSR use it.</summary>
    Symmetric,
}
