using Mdf.Discriminators;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Networks;

public sealed class NetworkFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(SmallNetworks.All), MemberType = typeof(SmallNetworks))]
    public void A_file_alone_is_enough_to_restore(string architecture)
    {
        using var scope = NewDisposeScope();
        using var network = Architectures.Parse(architecture).Build(4);
        network.call(rand(2, 3, 8, 8, generator: Draws)); // in training: moves the statistics of batch norm
        network.eval();
        var image = rand(1, 3, 8, 8, generator: Draws);
        var path = _folder.File("network.safetensors");
        NetworkFile.Save(path, network, Metadata(network));

        using var loaded = NetworkFile.Load(path);
        Assert.Equal(Metadata(network) with { Architecture = loaded.Metadata.Architecture }, loaded.Metadata);
        Assert.Equal(architecture, loaded.Network.Architecture.ToString());
        Assert.False(loaded.Network.training);
        Assert.All(loaded.Network.parameters(), parameter => Assert.False(parameter.requires_grad));
        Assert.True(Golden.AreEqual(network.call(image).detach(), loaded.Network.call(image)));
    }

    [Fact]
    public void What_is_not_known_is_left_out()
    {
        using var network = Small();
        var path = _folder.File("network.safetensors");
        NetworkFile.Save(path, network, new NetworkMetadata { Architecture = network.Architecture, Task = "jpeg:10" });
        using var loaded = NetworkFile.Load(path);
        Assert.Equal(("jpeg:10", null, null, null, null, null),
            (loaded.Metadata.Task, loaded.Metadata.Loss, loaded.Metadata.LossSha256, loaded.Metadata.Iterations, loaded.Metadata.Seed, loaded.Metadata.ProgramVersion));
    }

    [Fact]
    public void The_hashes_of_a_losss_files_are_read_under_their_earlier_name_too()
    {
        using var network = Small();
        var values = new Dictionary<string, string>(Metadata(network).ToDictionary());
        Assert.Equal("0123", values["loss_sha256"]);
        values.Remove("loss_sha256");
        Assert.Null(NetworkMetadata.Read(values, "a test")!.LossSha256);
        values["stack_sha256"] = "4567";
        Assert.Equal("4567", NetworkMetadata.Read(values, "a test")!.LossSha256);
    }

    [Fact]
    public void Saving_twice_gives_the_same_bytes()
    {
        using var network = Small();
        var (first, second) = (_folder.File("first.safetensors"), _folder.File("second.safetensors"));
        NetworkFile.Save(first, network, Metadata(network));
        NetworkFile.Save(second, network, Metadata(network));
        Assert.Equal(File.ReadAllBytes(first), File.ReadAllBytes(second));
    }

    [Fact]
    public void Metadata_of_another_architecture_is_refused()
    {
        using var network = Small();
        var metadata = Metadata(network) with { Architecture = Architectures.Parse("unet") };
        Assert.Throws<ArgumentException>(() => NetworkFile.Save(_folder.File("network.safetensors"), network, metadata));
        Assert.Empty(_folder.Content());
    }

    [Fact]
    public void A_discriminator_stack_is_no_network_and_the_reverse()
    {
        var path = _folder.File("stack.safetensors");
        using (var stack = DiscriminatorStack.Untrained(1, 1))
            SafetensorsFormat.Write(path, ModuleWeights.Save(stack), new Dictionary<string, string> { ["format"] = StackMetadata.CurrentFormat });
        Assert.Contains($"'{path}': expected a restoration network, found a discriminator stack", Refusal(path));

        using var network = Small();
        Assert.Contains("found a discriminator stack", Assert.Throws<InputException>(() => NetworkFile.LoadWeights(path, network)).Message);
        NetworkFile.Save(path, network, Metadata(network));
        Assert.Contains("expected a discriminator stack, found a restoration network", Assert.Throws<InputException>(() => DiscriminatorStack.Load(path)).Message);
    }

    [Fact]
    public void Weights_without_an_architecture_are_refused()
    {
        using var network = Small();
        var path = _folder.File("weights.safetensors");
        SafetensorsFormat.Write(path, ModuleWeights.Save(network));
        Assert.Contains("found weights without their architecture", Refusal(path));
        NetworkFile.LoadWeights(path, network);
    }

    [Fact]
    public void Weights_go_only_into_a_network_of_their_architecture()
    {
        using var network = Small();
        using var other = Architectures.Parse("arcnn?features=8").Build(1);
        var path = _folder.File("network.safetensors");
        NetworkFile.Save(path, network, Metadata(network));
        using var same = network.Architecture.Build(9);
        NetworkFile.LoadWeights(path, same);
        Assert.All(network.state_dict(), entry => Assert.True(Golden.AreEqual(entry.Value, same.state_dict()[entry.Key])));
        var error = Assert.Throws<InputException>(() => NetworkFile.LoadWeights(path, other));
        Assert.Contains("expected the weights of arcnn?features=8, found those of arcnn?features=4", error.Message);
    }

    [Theory]
    [InlineData("architecture", null, "its metadata lacks 'architecture'")]
    [InlineData("architecture", "arcn?features=4", "did you mean 'arcnn'? known are arcnn, dncnn, edsr, msrresnet, srresnet and unet; the file is corrupt, or it needs a newer version of mdf")]
    [InlineData("architecture", "arcnn?features=8", "expected 3687 numbers for arcnn?features=8, as its metadata says, found 1451: the file is corrupt")]
    [InlineData("architecture", "edsr?features=512&blocks=128", "numbers for edsr?blocks=128&factor=4&features=512&residual_scale=1, as its metadata says")]
    [InlineData("architecture", "arcnn?features=3", "the weights in")]
    [InlineData("task", null, "its metadata lacks 'task'")]
    [InlineData("iterations", "many", "the unusable value 'many' for 'iterations'")]
    [InlineData("iterations", "-1", "the unusable value '-1' for 'iterations'")]
    [InlineData("seed", "0x1", "the unusable value '0x1' for 'seed'")]
    [InlineData("format", "mdf-network-3", "found 'mdf-network-3': it is another kind of file, or it needs a newer version of mdf")]
    public void Damaged_metadata_are_refused(string key, string? value, string expected)
    {
        using var network = Small();
        var path = _folder.File("network.safetensors");
        var metadata = Metadata(network).ToDictionary().ToDictionary();
        metadata.Remove(key);
        if (value is not null)
            metadata.Add(key, value);
        SafetensorsFormat.Write(path, ModuleWeights.Save(network), metadata);
        var message = Refusal(path);
        Assert.Contains(expected, message);
        Assert.Contains(path, message);
    }

    [Fact]
    public void A_damaged_file_is_refused()
    {
        using var network = Small();
        var path = _folder.File("network.safetensors");
        NetworkFile.Save(path, network, Metadata(network));
        var content = File.ReadAllBytes(path);
        File.WriteAllBytes(path, content[..^1]);
        Refusal(path);
        Refusal(_folder.File("missing.safetensors"));
    }

    private static RestorationNetwork Small() => Architectures.Parse("arcnn?features=4").Build(1);

    private static NetworkMetadata Metadata(RestorationNetwork network) => new()
    {
        Architecture = network.Architecture,
        Task = "denoise:25",
        Loss = "mse+0.01*mdf:stack.safetensors",
        LossSha256 = "0123",
        Iterations = 1000,
        Seed = -3,
        ProgramVersion = "1.2.3",
    };

    private static string Refusal(string path) => Assert.Throws<InputException>(() => NetworkFile.Load(path)).Message;
}
