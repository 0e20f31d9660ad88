using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>A picture with all channels, the bit depth and the metadata of its file. <see cref="ImageFile.ReadPicture"/> reads one.</summary>
/// <param name="Color">
/// RGB, <c>(1, 3, H, W)</c> in [0, 1]. It is not composited with a background: transparent pixels have the colour that the file gives them. A grey
/// picture has three equal channels.
/// </param>
/// <param name="Alpha">Opacity, <c>(1, 1, H, W)</c> in [0, 1]; 1 is opaque. Null if the picture has no alpha channel.</param>
/// <param name="IsGrey">Whether the file has one grey channel, and not three colour channels.</param>
/// <param name="BitDepth">Bits per channel: 8 or 16.</param>
public sealed record Picture(Tensor Color, Tensor? Alpha, bool IsGrey, int BitDepth) : IDisposable
{
    /// <summary>The metadata of the file; null for a picture that was not read from a file.</summary>
    public PictureMetadata? Metadata { get; init; }

    /// <summary>Frees the tensors of the picture.</summary>
    public void Dispose()
    {
        Color.Dispose();
        Alpha?.Dispose();
    }
}
