using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Distinguishes grey pictures from colour pictures.</summary>
/// <remarks>
/// The pixels decide, not the file format: a grey picture may be stored as one channel, with a palette of greys (the BMP files of Classic5), or as three equal
/// channels (WebP has no grey). The usual evaluation programs have an option for the whole data set, which reads all of these as one channel.
/// </remarks>
internal static class GreyPicture
{
    // One 8-bit level plus a margin for rounding. The conversion of a grey file's colour profile may cause such a difference between channels.
    private const double Tolerance = 1.01 / 255;

    /// <summary>Whether a picture is grey: in every pixel, its channels differ by at most one 8-bit level.</summary>
    /// <param name="picture">A whole picture, <c>(1, 3, H, W)</c> in [0, 1]. Do not pass a patch: a patch of a colour picture may be grey by chance.</param>
    public static bool IsGrey(Tensor picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return picture.numel() == 0 || (picture.amax(1) - picture.amin(1)).max().to(ScalarType.Float64).item<double>() <= Tolerance;
    }

    /// <summary>Returns the independent channels: one for a grey picture, three for a colour picture.</summary>
    /// <param name="picture">A whole picture, <c>(1, 3, H, W)</c> in [0, 1].</param>
    /// <returns>A view, <c>(1, 1, H, W)</c> or <c>(1, 3, H, W)</c>.</returns>
    internal static Tensor Channels(Tensor picture) => IsGrey(picture) ? picture.narrow(1, 0, 1) : picture.alias();

    /// <summary>Converts to three channels: a grey channel becomes three equal channels.</summary>
    /// <param name="channels"><c>(N, 1, H, W)</c> or <c>(N, 3, H, W)</c>.</param>
    /// <returns><c>(N, 3, H, W)</c>.</returns>
    internal static Tensor ToRgb(Tensor channels) => channels.shape[1] == 3 ? channels.alias() : channels.expand(-1, 3, -1, -1).contiguous();
}
