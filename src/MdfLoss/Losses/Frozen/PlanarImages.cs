using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Mdf.Discriminators;
using Mdf.Kernels;
using static TorchSharp.torch;

namespace Mdf.Losses.Frozen;

/// <summary>Access to the memory of a batch of float32 images on the processor. The tensor must live at least as long.</summary>
internal sealed unsafe class PlanarImages
{
    private readonly float* _first;

    /// <summary>Gives access to the memory of a tensor.</summary>
    /// <param name="images">Shape <c>(N, 3, H, W)</c>, contiguous.</param>
    public PlanarImages(Tensor images)
    {
        (Count, Height, Width) = ((int)images.shape[0], (int)images.shape[2], (int)images.shape[3]);
        _first = Pointer(images);
    }

    /// <summary>N.</summary>
    public int Count { get; }

    /// <summary>H.</summary>
    public int Height { get; }

    /// <summary>W.</summary>
    public int Width { get; }

    /// <summary>The memory of a contiguous tensor, which may be larger than a span.</summary>
    public static float* Pointer(Tensor values)
    {
        using var scope = NewDisposeScope();
        return (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(values.detach().view(-1)[..1].bytes));
    }

    /// <summary>Reads a part of an image into a map of interleaved channels, and scales it to the input range of the discriminators.</summary>
    public void Read(int image, Area area, InputRange range, FeatureMap destination)
    {
        var (scale, offset) = ((float)(range.High - range.Low), (float)range.Low);
        for (var channel = 0; channel < 3; channel++)
        {
            for (var y = 0; y < area.Height; y++)
            {
                var source = Row(image, channel, area.Top + y) + area.Left;
                var row = destination.At(y, 0) + channel;
                for (var x = 0; x < area.Width; x++)
                    row[3 * x] = source[x] * scale + offset;
            }
        }
    }

    /// <summary>Adds the gradient of a part of an image.</summary>
    /// <param name="image">The image's index.</param>
    /// <param name="area">The part.</param>
    /// <param name="gradient">The gradient with respect to the result of <see cref="Read"/>, without gaps between the rows.</param>
    /// <param name="range">The range into which the image was scaled.</param>
    public void Add(int image, Area area, float* gradient, InputRange range)
    {
        var scale = (float)(range.High - range.Low);
        for (var channel = 0; channel < 3; channel++)
        {
            var source = gradient + channel;
            for (var y = 0; y < area.Height; y++)
            {
                var row = Row(image, channel, area.Top + y) + area.Left;
                for (var x = 0; x < area.Width; x++, source += FeatureMap.PaddedChannels)
                    row[x] += *source * scale;
            }
        }
    }

    private float* Row(int image, int channel, int y) => _first + (((nint)image * 3 + channel) * Height + y) * Width;
}
