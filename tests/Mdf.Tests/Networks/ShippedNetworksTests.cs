using System.Security.Cryptography;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Networks;

public sealed class ShippedNetworksTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    public static TheoryData<string> Names => [.. ShippedNetworks.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_shipped_network_restores_a_photograph_that_it_has_not_seen(string name)
    {
        using var trained = NetworkFile.Load(name);
        var distortion = Tasks.ParseForNetwork(trained.Metadata.Task);
        Assert.Equal(name.Split('-')[0], distortion.Kind);
        var photo = ImageFile.Read(Path.Combine(Shared.Repository, "samples", "photographs", "chelsea.png"));
        var reference = photo[.., .., ..168, ..256].contiguous();
        using var random = new Generator(1);
        var distorted = distortion.Apply(reference, random);
        var nothing = distortion.Factor == 1 ? distorted : Resampler.BicubicScale(distorted, distortion.Factor, Border.Symmetric);

        var (before, after) = (Score(nothing), Score(TiledRestoration.Run(trained.Network, distorted)));
        Assert.True(after > before + 0.3, $"PSNR-Y {before:F2} → {after:F2} dB");

        double Score(Tensor image) => BenchmarkMetrics.Score(image, reference, distortion.Factor > 1 ? distortion.Factor : 0)[Measures.PsnrY]!.Value;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_card_has_the_file_s_hash(string name)
    {
        var models = Path.Combine(Shared.Repository, "models");
        var hash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(models, name + ".safetensors"))));
        Assert.Contains(hash, File.ReadAllText(Path.Combine(models, "README.md")));
    }

    [Fact]
    public void A_network_may_begin_with_a_shipped_one()
    {
        using var trained = NetworkFile.Load("jpeg");
        using var network = trained.Network.Architecture.Build(9);
        NetworkFile.LoadWeights("jpeg", network);
        Assert.All(trained.Network.state_dict(), entry => Assert.True(Golden.AreEqual(entry.Value, network.state_dict()[entry.Key]), entry.Key));
    }

    [Fact]
    public void Other_names_are_refused_with_those_there_are()
    {
        var message = Assert.Throws<InputException>(() => NetworkFile.Load("deblur")).Message;
        Assert.Contains("neither a file nor a shipped network called 'deblur': give one of", message);
        Assert.Contains("jpeg", message);
        Assert.Contains("there is no such file", Assert.Throws<InputException>(() => NetworkFile.Load("jpeg.safetensors")).Message);
    }
}
