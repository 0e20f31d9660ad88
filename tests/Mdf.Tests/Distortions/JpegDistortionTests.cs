using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.TensorIndex;

namespace Mdf.Tests.Distortions;

public sealed class JpegDistortionTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void A_batch_is_distorted_image_by_image()
    {
        var batch = rand(3, 3, 24, 40, generator: Draws);
        var distorted = new JpegDistortion(10).Apply(batch);
        for (var i = 0; i < 3; i++)
        {
            var alone = JpegCodec.Decode(JpegCodec.Encode(batch[i], 10));
            Assert.True(alone.Equals(distorted[i..(i + 1)]));
        }
    }

    [Fact]
    public void Values_outside_the_range_are_clipped_and_8_bit_values_come_out()
    {
        var image = rand(1, 3, 16, 16, generator: Draws).Mul(3).Sub(1);
        var distorted = new JpegDistortion(50).Apply(image);
        Assert.True(distorted.Equals(new JpegDistortion(50).Apply(image.Clamp(0, 1))));
        Assert.InRange((distorted.Mul(255) - distorted.Mul(255).round()).abs().max().item<float>(), 0, 1e-4);
    }

    [Fact]
    public void The_resolution_of_colour_is_drawn_for_each_image_where_any_is_asked_for()
    {
        var image = rand(1, 3, 16, 24, generator: Draws);
        using var random = new Generator(1);
        var distorted = new JpegDistortion(40, subsampling: null).Apply(image.expand(24, 3, 16, 24), random);
        var full = new JpegDistortion(40, ChromaSubsampling.Full).Apply(image);
        var half = new JpegDistortion(40, ChromaSubsampling.Half).Apply(image);
        var ofFull = distorted.split(1).Count(one => one.Equals(full));
        Assert.InRange(ofFull, 1, 23);
        Assert.Equal(24 - ofFull, distorted.split(1).Count(one => one.Equals(half)));
    }

    [Fact]
    public void A_lower_quality_distorts_more()
    {
        var image = Resampler.Bicubic(rand(1, 3, 16, 16, generator: Draws), 64, 64).Clamp(0, 1);
        int[] qualities = [100, 75, 40, 10, 1];
        var errors = qualities
            .Select(quality => (new JpegDistortion(quality).Apply(image) - image).Square().mean().item<float>()).ToArray();
        Assert.Equal(errors.Order(), errors);
    }

    [Fact]
    public void Chroma_is_stored_at_half_resolution()
    {
        // Red and black columns, which 4:2:0 cannot keep at any quality.
        var image = zeros(1, 3, 16, 16);
        image[0, 0, Colon, Slice(null, null, 2)] = 1;
        Assert.InRange((new JpegDistortion(100).Apply(image) - image).abs().mean().item<float>(), 0.1, 1);
    }
}
