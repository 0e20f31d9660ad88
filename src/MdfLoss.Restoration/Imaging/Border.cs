namespace Mdf.Imaging;

/// <summary>What a resampling kernel sees beyond the edge of an image.</summary>
public enum Border
{
    /// <summary>The outermost pixel, repeated: <c>aaa|abcd|ddd</c>. The benchmark sets' low-resolution images were made with it.</summary>
    Replicate,

    /// <summary>The image mirrored with its outermost pixel doubled: <c>cba|abcd|dcb</c>. MATLAB's <c>imresize</c> and BasicSR's use it.</summary>
    Symmetric,
}
