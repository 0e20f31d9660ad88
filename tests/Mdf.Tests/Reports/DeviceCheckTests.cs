using Mdf.Losses;
using Mdf.Networks;
using Mdf.Reports;
using static TorchSharp.torch;

namespace Mdf.Tests.Reports;

public sealed class DeviceCheckTests
{
    [Fact]
    public void The_processor_computes_everything_within_the_limits()
    {
        var live = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var report = DeviceCheck.Run(CPU);
        Assert.All(report.Rows, row => Assert.True(row.IsOk, $"{row.What}: {row.Difference} {row.Failure}"));
        Assert.True(report.IsOk);
        Assert.Equal("cpu", report.Device);
        Assert.Equal(live, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Every_loss_and_every_network_is_compared_with_its_gradient()
    {
        var rows = DeviceCheck.Run(CPU).Rows.Select(row => row.What).ToList();
        Assert.All(LossExpression.Names, name => Assert.Equal([$"loss {name}: value", $"loss {name}: gradient"], rows.Where(row => row.StartsWith($"loss {name}:", StringComparison.Ordinal))));
        Assert.All(Architectures.Names, name => Assert.Equal([$"network {name}: output", $"network {name}: gradient"], rows.Where(row => row.StartsWith($"network {name}:", StringComparison.Ordinal))));
        Assert.Equal(rows.Count, rows.Distinct().Count());
    }

    [Fact]
    public void A_device_that_cannot_compute_is_rows_that_fail_in_one_line_each()
    {
        var report = DeviceCheck.Run(device("meta")); // has shapes and no numbers
        Assert.False(report.IsOk);
        Assert.All(report.Rows, row => Assert.Equal("fails", row.Verdict));
        Assert.All(report.Rows, row => Assert.DoesNotContain("\n", row.Failure));
    }

    [Fact]
    public void It_ends_between_two_comparisons_when_it_is_cancelled() =>
        Assert.Throws<OperationCanceledException>(() => DeviceCheck.Run(CPU, cancellationToken: new CancellationToken(canceled: true)));

    [Theory]
    [InlineData(0.5, true, "ok")]
    [InlineData(1.0, true, "ok")]
    [InlineData(1.5, false, "differs")]
    [InlineData(double.NaN, false, "differs")]
    [InlineData(double.PositiveInfinity, false, "differs")]
    public void A_difference_beyond_its_limit_is_not_ok(double difference, bool isOk, string verdict)
    {
        var row = new DeviceDifference("x", difference, Limit: 1);
        Assert.Equal((isOk, verdict), (row.IsOk, row.Verdict));
        Assert.Equal(isOk, new DeviceCheckReport("cpu", [row]).IsOk);
    }
}
