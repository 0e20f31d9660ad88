using Mdf.Losses.Frozen;

namespace Mdf.Tests.Losses.Frozen;

public sealed class TileTests
{
    [Theory]
    [InlineData(11, 11, 128)]
    [InlineData(12, 40, 5)]
    [InlineData(61, 47, 16)]
    [InlineData(30, 11, 1)]
    public void Every_position_of_every_layer_is_counted_by_one_tile(int height, int width, int largest)
    {
        var tiles = Tile.Divide(height, width, largest);
        Assert.All(tiles, tile => Assert.True(tile.Map.Height <= largest && tile.Map.Width <= largest));
        foreach (var margin in new[] { 0, 1, 4 })
        {
            var counts = new int[height - 10 + 2 * margin, width - 10 + 2 * margin];
            foreach (var tile in tiles)
            {
                var area = tile.Owned(margin);
                Assert.InRange(area.Top + area.Height, 1, tile.Map.Height + 2 * margin);
                Assert.InRange(area.Left + area.Width, 1, tile.Map.Width + 2 * margin);
                for (var y = 0; y < area.Height; y++)
                {
                    for (var x = 0; x < area.Width; x++)
                        counts[tile.Map.Top + area.Top + y, tile.Map.Left + area.Left + x]++;
                }
            }

            Assert.All(counts.Cast<int>(), count => Assert.Equal(1, count));
        }
    }
}
