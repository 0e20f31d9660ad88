using Mdf.Reports;

namespace Mdf.Tests.Reports;

public sealed class SystemReportTests
{
    [Fact]
    public void This_machine_is_described_and_computes_correctly()
    {
        var report = SystemReport.Collect();
        Assert.Empty(report.Problems);
        Assert.Equal(PinnedVersions.TorchSharp, report.Versions.TorchSharp.Split('+')[0]);
        Assert.StartsWith(PinnedVersions.Libtorch, report.Versions.Libtorch);
        Assert.Equal(PinnedVersions.Libvips, report.Versions.Libvips);
        Assert.Equal(Environment.ProcessorCount, report.Processor.Cores);
        Assert.InRange(report.Memory.Available ?? 1, 1, report.Memory.Total);
        Assert.Equal("cpu", report.Libtorch!.Devices[0].Name);
        Assert.All(report.Libtorch.Devices, device => Assert.True(device.Computes));
        Assert.True(File.Exists(report.Libtorch.File));
    }

    [Fact]
    public void On_linux_the_c_libraries_are_named()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "these are Linux's");
        var platform = SystemReport.Collect().Platform;
        Assert.Matches(@"^2\.\d+", platform.Glibc);
        Assert.Matches(@"^GLIBCXX_3\.4\.\d+$", platform.Libstdcxx);
    }
}
