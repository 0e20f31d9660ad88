using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class SafeNameTests
{
    [Fact]
    public void Names_have_only_letters_digits_and_hyphens_and_are_different()
    {
        var names = SafeName.Of(["L1", "l1", "MSE + VGG", "../../etc/passwd", "知覚", "خسارة", "", new string('a', 200), new string('a', 201), "l1-2"]);
        Assert.Equal(["l1", "l1-2", "mse-vgg", "etc-passwd", "x", "x-2", "x-3", new string('a', 40), new string('a', 40) + "-2", "l1-2-2"], names);
        Assert.Equal(names, SafeName.Of(["L1", "l1", "MSE + VGG", "../../etc/passwd", "知覚", "خسارة", "", new string('a', 200), new string('a', 201), "l1-2"]));
    }
}
