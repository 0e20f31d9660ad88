using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Tells grey pictures from coloured ones.</summary>
/// <remarks>
/// By the pixels, not by the file: a grey picture may be stored as one channel, with a palette of greys (Classic5's BMP files), or as three equal
/// channels (WebP has no grey). The usual evaluation programs decide by an option for the whole data set, which reads any of these as one channel.
/// </remarks>
public static class GreyPicture
{
    // One 8-bit level, and something for rounding: the conversion of a grey file's colour profile may leave that much between its channels.
    private const double Tolerance = 1.01 / 255;

    /// <summary>Whether a picture has no colour: its channels agree to one 8-bit level in every pixel.</summary>
    /// <param name="picture">A whole picture, <c>(1, 3, H, W)</c> in [0, 1]. Do not ask about a patch: a patch of a coloured picture may be grey by chance.</param>
    public static bool IsGrey(Tensor picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return picture.numel() == 0 || (picture.amax(1) - picture.amin(1)).max().to(ScalarType.Float64).item<double>() <= Tolerance;
    }

    /// <summary>The channels that count: one of a grey picture, three of a coloured one.</summary>
    /// <param name="picture">A whole picture, <c>(1, 3, H, W)</c> in [0, 1].</param>
    /// <returns>A view, <c>(1, 1, H, W)</c> or <c>(1, 3, H, W)</c>.</returns>
    internal static Tensor Channels(Tensor picture) => IsGrey(picture) ? picture.narrow(1, 0, 1) : picture.alias();

    /// <summary>Three channels again: grey becomes three equal ones.</summary>
    /// <param name="channels"><c>(N, 1, H, W)</c> or <c>(N, 3, H, W)</c>.</param>
    /// <returns><c>(N, 3, H, W)</c>.</returns>
    internal static Tensor ToRgb(Tensor channels) => channels.shape[1] == 3 ? channels.alias() : channels.expand(-1, 3, -1, -1).contiguous();
}
