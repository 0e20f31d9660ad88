using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Runtime;

public sealed class TensorOrderTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Views_keep_their_numbers(int channels)
    {
        using var scope = NewDisposeScope();
        var images = rand([2, 4, 5, 6], generator: Draws);
        foreach (var view in new[] { images.narrow(1, 1, channels), images.narrow(0, 1, 1).narrow(1, 1, channels), images.narrow(0, 1, 1).narrow(1, 1, channels).narrow(2, 2, 3) })
        {
            var ordered = TensorOrder.ChannelsLast(view);
            Assert.True(Golden.AreEqual(view.contiguous(), ordered.contiguous()));
            Assert.Equal(1, ordered.stride(1));
        }
    }
}
