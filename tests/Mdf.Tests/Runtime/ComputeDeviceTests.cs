using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Tests.Runtime;

public sealed class ComputeDeviceTests
{
    [Theory]
    [InlineData("auto", "auto")]
    [InlineData("cpu", "cpu")]
    [InlineData("cuda", "cuda:0")]
    [InlineData("cuda:0", "cuda:0")]
    [InlineData("cuda:12", "cuda:12")]
    public void A_device_is_read_by_its_name(string text, string expected) =>
        Assert.Equal(expected, ComputeDevice.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("CPU")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:1.0")]
    [InlineData("cuda:99999999999")]
    [InlineData("cpu:0")]
    public void Any_other_name_is_refused(string text)
    {
        var error = Assert.Throws<InputException>(() => ComputeDevice.Parse(text));
        Assert.Equal($"unknown device '{text}': expected auto, cpu, cuda or cuda:N (N = 0, 1, …)", error.Message);
    }

    [Fact]
    public void Devices_with_the_same_name_are_equal() => Assert.Equal(ComputeDevice.Parse("cuda:0"), ComputeDevice.Parse("cuda"));

    [Fact]
    public void The_processor_is_always_there() => Assert.Equal(DeviceType.CPU, ComputeDevice.Cpu.Resolve().type);

    [Fact]
    public void Auto_takes_cuda_exactly_where_there_is_one() =>
        Assert.Equal(torch.cuda.is_available() ? DeviceType.CUDA : DeviceType.CPU, ComputeDevice.Auto.Resolve().type);

    [Fact]
    public void Cuda_without_a_cuda_device_says_what_to_do()
    {
        Assert.SkipWhen(torch.cuda.is_available(), "this machine has a CUDA device");
        var error = Assert.Throws<InputException>(() => ComputeDevice.Parse("cuda:1").Resolve());
        Assert.StartsWith("device 'cuda:1' was asked for, but ", error.Message);
        Assert.Contains($"libtorch {torch.__version__}", error.Message);
        Assert.Contains(NativeLibraries.HasCuda ? "nvidia-smi" : "-p:Libtorch=cuda", error.Message);
    }

    [Fact]
    public void A_cuda_device_beyond_the_last_is_refused()
    {
        Assert.SkipUnless(torch.cuda.is_available(), "this machine has no CUDA device");
        var error = Assert.Throws<InputException>(() => ComputeDevice.Parse("cuda:99").Resolve());
        Assert.Contains($"this machine has {torch.cuda.device_count()}", error.Message);
    }
}
