using static TorchSharp.torch;

namespace Mdf.Tests.Runtime;

public sealed class NativeLibrariesTests
{
    [Fact]
    public void Libtorch_loads_and_computes()
    {
        using var sum = ones(3, 3).sum();
        Assert.Equal(9f, sum.item<float>());
    }
}
