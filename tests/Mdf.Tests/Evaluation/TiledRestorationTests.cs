using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Tests.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class TiledRestorationTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    public static TheoryData<int, int, int, int, int> Cases
    {
        get
        {
            var data = new TheoryData<int, int, int, int, int>();
            foreach (var (factor, stride) in new[] { (1, 1), (3, 1), (1, 8) })
            {
                foreach (var (height, width) in new[] { (1, 1), (1, 50), (7, 3), (33, 47), (64, 40) })
                {
                    foreach (var tile in new[] { 5, 16, 30, 1000 })
                        data.Add(factor, stride, height, width, tile);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Tiles_equal_the_whole(int factor, int stride, int height, int width, int tile)
    {
        using var network = NetworksWithMargins.Make(factor, stride);
        var distorted = rand(1, 3, height, width, generator: Draws);
        var restored = TiledRestoration.Run(network, distorted, tile);
        Assert.Equal([1, 3, height * factor, width * factor], restored.shape);
        Assert.InRange(Difference(network.call(distorted), restored), 0, 1e-5);
    }

    [Fact]
    public void Tiles_without_the_margin_do_not() // so that the test above can see a seam
    {
        var distorted = rand(1, 3, 33, 47, generator: Draws);
        foreach (var (factor, stride, margin) in new[] { (1, 1, 2), (3, 1, 2), (1, 8, 8) })
        {
            using var network = NetworksWithMargins.Make(factor, stride, margin);
            Assert.InRange(Difference(network.call(distorted), TiledRestoration.Run(network, distorted, 16)), 1e-3, 100);
        }
    }

    [Theory]
    [MemberData(nameof(SmallNetworks.All), MemberType = typeof(SmallNetworks))]
    public void Every_network_makes_the_same_of_tiles(string architecture)
    {
        using var network = Architectures.Parse(architecture).Build(seed: 1);
        network.eval();
        // Wide enough that the U-Net's windows, 384 pixels, are a part of it.
        var distorted = rand(1, 3, 21, network.Stride > 1 ? 700 : 90, generator: Draws);
        Assert.InRange(Difference(network.call(distorted), TiledRestoration.Run(network, distorted, tile: 40)), 0, 1e-4);
    }

    [Theory]
    [MemberData(nameof(SmallNetworks.All), MemberType = typeof(SmallNetworks))]
    public void A_picture_that_fits_in_one_tile_is_restored_to_the_bit_as_without_tiles(string architecture)
    {
        using var network = Architectures.Parse(architecture).Build(seed: 1);
        network.eval();
        var distorted = rand(1, 3, 33, 47, generator: Draws);
        Assert.True(Golden.AreEqual(network.call(distorted), TiledRestoration.Run(network, distorted)));
    }

    [Fact]
    public void The_tiles_chosen_for_a_large_picture_equal_the_whole()
    {
        foreach (var (factor, stride) in new[] { (1, 1), (3, 1), (1, 8) })
        {
            using var network = NetworksWithMargins.Make(factor, stride);
            var distorted = rand(1, 3, 901 / factor, 1003 / factor, generator: Draws);
            Assert.InRange(Difference(network.call(distorted), TiledRestoration.Run(network, distorted)), 0, 1e-5);
        }
    }

    [Fact]
    public void The_result_has_the_inputs_type_is_not_clamped_and_has_no_gradient()
    {
        using var network = NetworksWithMargins.Make(1, 1);
        var restored = TiledRestoration.Run(network, rand(1, 3, 20, 20, generator: Draws).Mul_(50).requires_grad_(), 8);
        Assert.Equal(ScalarType.Float32, restored.dtype);
        Assert.False(restored.requires_grad);
        Assert.True(restored.max().item<float>() > 1);
        Assert.True(restored.min().item<float>() < 0);
    }

    [Fact]
    public void What_cannot_be_restored_is_refused()
    {
        using var network = NetworksWithMargins.Make(1, 1);
        foreach (var tensor in new[] { rand(2, 3, 8, 8, generator: Draws), rand(3, 8, 8, generator: Draws), rand(1, 1, 8, 8, generator: Draws), ones(1, 3, 8, 8, ScalarType.Byte), rand(1, 3, 0, 8, generator: Draws) })
            Assert.Throws<ArgumentException>(() => TiledRestoration.Run(network, tensor));
        Assert.Throws<ArgumentOutOfRangeException>(() => TiledRestoration.Run(network, rand(1, 3, 8, 8, generator: Draws), tile: 0));
        network.train();
        Assert.Contains("call eval()", Assert.Throws<ArgumentException>(() => TiledRestoration.Run(network, rand(1, 3, 8, 8, generator: Draws))).Message);
    }

    [Fact]
    public void Every_tile_is_reported()
    {
        using var network = NetworksWithMargins.Make(1, 1);
        var steps = new List<(long, long)>();
        TiledRestoration.Run(network, rand(1, 3, 20, 33, generator: Draws), 10, new Watcher(update => steps.Add((update.Step, update.Total))));
        Assert.Equal(Enumerable.Range(0, 9).Select(step => ((long)step, 8L)), steps);
    }

    [Fact]
    public void A_cancelled_restoration_stops_after_the_tile_and_frees_what_it_made()
    {
        using var network = NetworksWithMargins.Make(1, 1);
        var distorted = rand(1, 3, 20, 33, generator: Draws);
        using var source = new CancellationTokenSource();
        var last = 0L;
        var watcher = new Watcher(update =>
        {
            last = update.Step;
            if (last == 2)
                source.Cancel();
        });
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Assert.Throws<OperationCanceledException>(() => TiledRestoration.Run(network, distorted, 10, watcher, source.Token));
        Assert.Equal(2, last);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Nothing_but_the_result_stays_alive()
    {
        using var network = NetworksWithMargins.Make(3, 1);
        using var picture = new Picture(rand(1, 3, 20, 33, generator: Draws), rand(1, 1, 20, 33, generator: Draws), false, 8);
        ImageRestoration.Restore(network, picture, 10).Dispose();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var counts = new List<long>();
        var restored = ImageRestoration.Restore(network, picture, 10, new Watcher(_ => counts.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount)));
        Assert.Single(counts.Distinct());
        Assert.Equal(before + 2, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        restored.Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void A_picture_keeps_what_it_is_and_its_alpha_grows_with_it()
    {
        using var network = NetworksWithMargins.Make(3, 1);
        // An edge, at which cubic kernels overshoot.
        var alpha = cat([zeros(1, 1, 20, 15), ones(1, 1, 20, 18)], dim: 3);
        var restored = ImageRestoration.Restore(network, new Picture(rand(1, 3, 20, 33, generator: Draws), alpha, IsGrey: true, 16));
        Assert.Equal((true, 16), (restored.IsGrey, restored.BitDepth));
        Assert.Equal([1, 3, 60, 99], restored.Color.shape);
        Assert.InRange(restored.Color.min().item<float>(), 0, 1);
        Assert.InRange(restored.Color.max().item<float>(), 0, 1);
        Assert.True(Resampler.BicubicScale(alpha, 3).Clamp(0, 1).Equals(restored.Alpha!));
        Assert.Equal((0f, 1f), (restored.Alpha!.min().item<float>(), restored.Alpha.max().item<float>()));
    }

    [Fact]
    public void Alpha_stays_as_it_is_where_the_size_does()
    {
        using var network = NetworksWithMargins.Make(1, 8);
        var alpha = rand(1, 1, 20, 33, generator: Draws);
        Assert.True(alpha.Equals(ImageRestoration.Restore(network, new Picture(rand(1, 3, 20, 33, generator: Draws), alpha, false, 8)).Alpha!));
        Assert.Null(ImageRestoration.Restore(network, new Picture(rand(1, 3, 20, 33, generator: Draws), null, false, 8)).Alpha);
    }

    [Fact]
    public void A_picture_that_would_become_too_large_to_be_read_is_refused_before_any_work()
    {
        using var network = NetworksWithMargins.Make(3, 1);
        var picture = new Picture(zeros(1).expand(1, 3, 4000, 4000), null, false, 8);
        var error = Assert.Throws<InputException>(() => ImageRestoration.Restore(network, picture));
        Assert.Equal("expected a picture of at most 134217728 pixels once it is restored, found 12000×12000: crop it first", error.Message);
    }

    private static double Difference(Tensor expected, Tensor actual) => (expected - actual).abs().max().item<float>();

    private sealed class Watcher(Action<ProgressUpdate> onUpdate) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate update) => onUpdate(update);
    }
}
