using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Networks;

/// <summary>Weights under the names that other projects give them.</summary>
public sealed class PublishedWeightsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    // Golden: small instances of BasicSR's EDSR and MSRResNet and KAIR's DnCNN, with their own names behind "net.", computed with PyTorch.
    [Theory]
    [InlineData("edsr_x2_f8_b2", "edsr?factor=2&features=8&blocks=2&residual_scale=0.1")]
    [InlineData("edsr_x3_f8_b2", "edsr?factor=3&features=8&blocks=2&residual_scale=0.1")]
    [InlineData("edsr_x4_f8_b2", "edsr?factor=4&features=8&blocks=2&residual_scale=0.1")]
    [InlineData("msrresnet_x4_f8_b2", "msrresnet?factor=4&features=8&blocks=2")]
    [InlineData("dncnn_f8_l5", "dncnn?features=8&layers=5")]
    public void Outputs_equal_those_of_the_projects_that_publish_weights(string golden, string architecture)
    {
        using var noGradient = no_grad();
        var expected = Golden.Read(golden);
        var path = Write(expected.Where(entry => entry.Key.StartsWith("net.", StringComparison.Ordinal)).Select(entry => (entry.Key, entry.Value)));
        using var network = Architectures.Parse(architecture).Build(1);
        NetworkFile.LoadWeights(path, network);
        network.eval();
        Assert.InRange((network.call(expected["input"]) - expected["output"]).abs().max().item<float>(), 0, 1e-4f);
    }

    [Fact]
    public void The_moving_average_of_BasicSR_is_preferred()
    {
        using var network = Architectures.Parse("msrresnet?features=4&blocks=1").Build(1);
        using var average = Architectures.Parse("msrresnet?features=4&blocks=1").Build(2);
        var path = Write(
        [
            .. Renamed(network, name => $"params.{name}"),
            .. Renamed(average, name => $"params_ema.{name}"),
            ("iteration", tensor(400_000L)),
        ]);
        AssertLoads(path, average);
        AssertLoads(Write(Renamed(network, name => $"params.module.{name}")), network);
    }

    [Fact]
    public void Scalars_that_the_network_does_not_know_are_passed_over_and_named()
    {
        using var network = Architectures.Parse("msrresnet?features=4&blocks=1").Build(1);
        var path = Write([.. Renamed(network, name => name), ("step_counter", tensor(7L)), ("body.0.num_batches_tracked", tensor(new[] { 3 })), ("loss_scale", tensor(0.5f))]);
        AssertLoads(path, network);
        var warnings = new List<string>();
        using var other = network.Architecture.Build(9);
        NetworkFile.LoadWeights(path, other, warnings.Add);
        Assert.Equal([$"'{path}': passed over 'step_counter', 'body.0.num_batches_tracked', 'loss_scale', which the network does not have"], warnings.Select(Ordered));

        NetworkFile.LoadWeights(Write(Renamed(network, name => name)), other, warnings.Add);
        Assert.Single(warnings);

        // The file holds larger elements first.
        string Ordered(string warning) => warning.Replace("'step_counter', 'loss_scale', 'body.0.num_batches_tracked'", "'step_counter', 'body.0.num_batches_tracked', 'loss_scale'");
    }

    [Fact]
    public void A_tensor_that_could_be_a_layer_s_weight_is_not_passed_over()
    {
        using var network = Architectures.Parse("msrresnet?features=4&blocks=1").Build(1);
        foreach (var extra in new[] { tensor(new[] { 0.25f }), zeros(1, 1, 1, 1), zeros(2, dtype: int64) })
        {
            var path = Write([.. Renamed(network, name => name), ("prelu.weight", extra)]);
            Assert.Contains("1 unexpected: 'prelu.weight'", Assert.Throws<InputException>(() => NetworkFile.LoadWeights(path, network)).Message);
        }
    }

    [Theory]
    [InlineData("edsr?features=4&blocks=1&factor=2", "sisr:2")]
    [InlineData("dncnn?features=4&layers=3", null)]
    public void A_file_of_another_project_is_ready_to_restore_once_its_architecture_is_given(string architecture, string? task)
    {
        using var network = Architectures.Parse(architecture).Build(1);
        network.eval();
        using var noGradient = no_grad();
        var image = rand(1, 3, 8, 8, generator: Draws);
        using var loaded = NetworkFile.Load(Write(Renamed(network, name => $"params.{name}")), network.Architecture);
        Assert.Equal((task, true, false), (loaded.Task, loaded.IsForeign, loaded.Network.training));
        Assert.True(Golden.AreEqual(network.call(image), loaded.Network.call(image)));

        var own = _folder.File("own.safetensors");
        NetworkFile.Save(own, network, new NetworkMetadata { Architecture = network.Architecture, Task = task ?? "jpeg:10" });
        using var known = NetworkFile.Load(own, Architectures.Parse("unet"));
        Assert.Equal((task ?? "jpeg:10", false, network.Architecture.ToString()), (known.Task, known.IsForeign, known.Network.Architecture.ToString()));
    }

    [Fact]
    public void A_PyTorch_checkpoint_is_read()
    {
        using var network = Architectures.Parse("dncnn?features=4&layers=4").Build(1);
        var path = _folder.File("checkpoint.pth");
        PyTorchFormat.Write(path, ModuleWeights.Save(network).ToDictionary(entry => $"params.{entry.Key}", entry => entry.Value));
        AssertLoads(path, network);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void The_names_of_the_authors_of_EDSR_are_known(int factor)
    {
        using var network = Architectures.Parse($"edsr?features=4&blocks=3&factor={factor}").Build(1);
        AssertLoads(Write([.. Renamed(network, TheirName), .. Shifts(255)]), network);
    }

    [Fact]
    public void An_EDSR_for_another_range_is_refused()
    {
        using var network = Architectures.Parse("edsr?features=4&blocks=3").Build(1);
        var path = Write([.. Renamed(network, TheirName), .. Shifts(1)]);
        var error = Assert.Throws<InputException>(() => NetworkFile.LoadWeights(path, network));
        Assert.Contains("(-114.444, -111.4605, -103.02), found the shift (-0.4488, -0.4371, -0.404)", error.Message);
    }

    [Fact]
    public void The_older_names_of_MSRResNet_are_known()
    {
        using var network = Architectures.Parse("msrresnet?features=4&blocks=2").Build(1);
        AssertLoads(Write(Renamed(network, name => name.Replace("body.", "recon_trunk.").Replace("conv_hr", "HRconv"))), network);
    }

    [Fact]
    public void A_file_that_mixes_names_is_refused()
    {
        using var network = Architectures.Parse("msrresnet?features=4&blocks=2").Build(1);
        var path = Write([.. Renamed(network, name => name), ("HRconv.bias", zeros(4))]);
        var error = Assert.Throws<InputException>(() => NetworkFile.LoadWeights(path, network));
        Assert.Contains("expected one tensor for 'conv_hr.bias', found 'HRconv.bias' beside it", error.Message);
    }

    [Fact]
    public void Weights_of_another_network_are_refused_by_name_and_change_nothing()
    {
        using var network = Architectures.Parse("msrresnet?features=4&blocks=2").Build(1);
        using var other = Architectures.Parse("msrresnet?features=4&blocks=3").Build(2);
        var before = ModuleWeights.Save(network);
        var path = Write(Renamed(other, name => $"net.{name}"));
        var error = Assert.Throws<InputException>(() => NetworkFile.LoadWeights(path, network));
        Assert.Contains("the weights in", error.Message);
        Assert.Contains("unexpected: 'body.2.conv1.weight'", error.Message);
        Assert.All(ModuleWeights.Save(network), entry => Assert.Equal(before[entry.Key].Bytes, entry.Value.Bytes));
        Assert.Contains("missing", Assert.Throws<InputException>(() => NetworkFile.LoadWeights(Write([]), network)).Message);
    }

    private static string TheirName(string name)
    {
        (string Ours, string Theirs)[] names =
        [
            ("conv_first", "head.0"), ("conv1", "body.0"), ("conv2", "body.2"), ("conv_after_body", "body.3"), ("upsample", "tail.0"), ("conv_last", "tail.1"),
        ];
        return names.Aggregate(name, (renamed, pair) => renamed.Replace(pair.Ours, pair.Theirs, StringComparison.Ordinal));
    }

    private static (string, Tensor)[] Shifts(double range)
    {
        var mean = tensor([0.4488f, 0.4371f, 0.4040f]).Mul(range);
        return
        [
            ("sub_mean.weight", eye(3).view(3, 3, 1, 1)), ("sub_mean.bias", -mean),
            ("add_mean.weight", eye(3).view(3, 3, 1, 1)), ("add_mean.bias", mean),
        ];
    }

    private static IEnumerable<(string Name, Tensor Value)> Renamed(RestorationNetwork network, Func<string, string> rename) =>
        network.state_dict().Select(entry => (rename(entry.Key), entry.Value));

    private static void AssertLoads(string path, RestorationNetwork expected)
    {
        using var network = expected.Architecture.Build(99);
        NetworkFile.LoadWeights(path, network);
        Assert.All(expected.state_dict(), entry => Assert.True(Golden.AreEqual(entry.Value, network.state_dict()[entry.Key]), entry.Key));
    }

    private string Write(IEnumerable<(string Name, Tensor Value)> tensors)
    {
        var path = _folder.File($"{Guid.NewGuid():N}.safetensors");
        SafetensorsFormat.Write(path, tensors.ToDictionary(entry => entry.Name, entry => StoredTensor.From(entry.Value)));
        return path;
    }
}
