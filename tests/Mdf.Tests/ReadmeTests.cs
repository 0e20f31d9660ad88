namespace Mdf.Tests;

public sealed class ReadmeTests
{
    [Fact]
    public void Its_packages_have_the_versions_that_we_build_with()
    {
        var readme = File.ReadAllText(Path.Combine(Shared.Repository, "README.md"));
        Assert.Contains($"dotnet add package libtorch-cpu-linux-x64 --version {PinnedVersions.Libtorch}\n", readme);
    }

    /// <summary>The block is compiled as a sample, whose compiled code <see cref="Runtime.TensorArithmeticTests"/> reads.</summary>
    [Fact]
    public void The_block_of_CSharp_is_the_sample_word_for_word()
    {
        var readme = File.ReadAllText(Path.Combine(Shared.Repository, "README.md"));
        var blocks = readme.Split("```csharp\n")[1..];
        Assert.Equal(File.ReadAllText(Path.Combine(Shared.Repository, "samples", "use-the-loss", "Program.cs")), Assert.Single(blocks)[..blocks[0].IndexOf("```", StringComparison.Ordinal)]);
    }
}
