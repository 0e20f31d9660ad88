// A restorer of your own: anything that makes an image of an image, here the median of each pixel's neighbourhood.
// Use it as mdf evaluate median:5 or mdf restore median:5.
using System.Globalization;
using Mdf.Evaluation;
using Mdf.Plugins;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace OwnRestorer;

public sealed class MedianPlugin : IMdfPlugin
{
    public void Register(Registry registry) => registry.AddRestorer(
        "median",
        "median:3, the median of 3×3 pixels",
        (width, setup) => int.TryParse(width ?? "3", NumberStyles.None, CultureInfo.InvariantCulture, out var pixels) && pixels % 2 == 1
            ? new MedianRestorer(pixels)
            : throw new InputException($"restorer 'median' takes an odd number of pixels, such as 'median:3', found '{width}'"));
}

/// <summary>The median of the square around each pixel, of each channel by itself.</summary>
public sealed class MedianRestorer(int width) : IRestorer
{
    public string Name => $"median:{width}";

    public int? Factor => 1; // the size stays

    public Tensor Restore(Tensor distorted, RestorationRequest request)
    {
        using var scope = NewDisposeScope();
        var half = width / 2;
        var padded = nn.functional.pad(distorted, [half, half, half, half], PaddingModes.Replicate);
        var squares = padded.unfold(2, width, 1).unfold(3, width, 1).flatten(4); // (1, 3, H, W, width²)
        return squares.kthvalue(width * width / 2 + 1, 4).values.MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
    }
}
