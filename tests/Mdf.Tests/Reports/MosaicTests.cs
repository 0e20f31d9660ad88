using Mdf.Reports;
using static TorchSharp.torch;

namespace Mdf.Tests.Reports;

public sealed class MosaicTests
{
    [Fact]
    public void A_row_has_the_height_of_the_first_image_and_white_between_the_images()
    {
        using var scope = NewDisposeScope();
        var row = Mosaic.Row(Full([1, 3, 20, 30], 0.25), Full([1, 3, 40, 20], 0.5));
        Assert.Equal([1, 3, 20, 30 + 8 + 10], row.shape);
        Assert.Equal(0.25f, row[0, 0, 10, 29].item<float>());
        Assert.Equal(1f, row[0, 0, 10, 34].item<float>());
        Assert.Equal(0.5f, row[0, 0, 10, 43].item<float>(), 1e-5f);
    }
}
