using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>A picture with all that its file says of its pixels; <see cref="ImageFile.ReadPicture"/> reads one.</summary>
/// <param name="Color">
/// RGB, <c>(1, 3, H, W)</c> in [0, 1]. Not mixed with any background: transparent pixels have the colour that the file gives them. Of a grey
/// picture the grey, three times.
/// </param>
/// <param name="Alpha">Opacity, <c>(1, 1, H, W)</c> in [0, 1], 1 is opaque; null where the picture has no alpha channel.</param>
/// <param name="IsGrey">Whether its file has one channel of grey and not three of colour.</param>
/// <param name="BitDepth">Bits per channel: 8 or 16.</param>
public sealed record Picture(Tensor Color, Tensor? Alpha, bool IsGrey, int BitDepth) : IDisposable
{
    /// <summary>What its file says besides; null for a picture that comes from no file.</summary>
    public PictureMetadata? Metadata { get; init; }

    /// <summary>Frees its tensors.</summary>
    public void Dispose()
    {
        Color.Dispose();
        Alpha?.Dispose();
    }
}
