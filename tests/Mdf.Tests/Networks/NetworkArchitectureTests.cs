using Mdf.Networks;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Networks;

public sealed class NetworkArchitectureTests
{
    private static readonly Dictionary<string, string> s_none = [];

    [Theory]
    [InlineData("edsr", "edsr?blocks=16&factor=4&features=64&residual_scale=1")]
    [InlineData("edsr?residual_scale=0.10&factor=3&features=256&blocks=032", "edsr?blocks=32&factor=3&features=256&residual_scale=0.1")]
    [InlineData("msrresnet?factor=2", "msrresnet?blocks=16&factor=2&features=64")]
    [InlineData("srresnet", "srresnet?blocks=16&factor=4&features=64")]
    [InlineData("dncnn?batch_norm=False&layers=20", "dncnn?batch_norm=false&features=64&layers=20")]
    [InlineData("dncnn?factor=1", "dncnn?batch_norm=true&features=64&layers=17")]
    [InlineData("unet", "unet?features=48")]
    [InlineData("arcnn", "arcnn?features=64")]
    public void Text_is_made_canonical_and_read_back(string text, string canonical)
    {
        var architecture = Architectures.Parse(text);
        Assert.Equal(canonical, architecture.ToString());
        Assert.Equal(canonical, Architectures.Parse(canonical).ToString());
        Assert.Equal(canonical, Architectures.Create(architecture.Name, architecture.Factor, architecture.Options).ToString());
    }

    [Fact]
    public void Every_name_is_an_architecture_with_its_defaults()
    {
        Assert.Equal(["arcnn", "dncnn", "edsr", "msrresnet", "srresnet", "unet"], Architectures.Kinds.OwnNames);
        Assert.All(Architectures.Kinds.OwnNames, name =>
        {
            var options = Architectures.OptionsOf(name);
            var architecture = Architectures.Create(name, Architectures.FactorsOf(name)[0], s_none);
            Assert.Equal(options.ToDictionary(option => option.Name, option => option.Default), architecture.Options);
            Assert.All(options, option => Assert.False(string.IsNullOrEmpty(option.Description) || string.IsNullOrEmpty(option.Values)));
        });
    }

    [Theory]
    [InlineData("esdr", "unknown network 'esdr': did you mean 'edsr'? known are arcnn, dncnn, edsr, msrresnet, srresnet and unet")]
    [InlineData("transformer", "unknown network 'transformer': known are arcnn")]
    [InlineData("", "unknown network ''")]
    [InlineData("edsr?feature=64", "unknown option 'feature' of the network 'edsr': did you mean 'features'? known are features, blocks and residual_scale")]
    [InlineData("edsr?features=513", "the network 'edsr' takes a whole number from 1 to 512 for 'features', found '513'; its published value is 64")]
    [InlineData("edsr?features=0", "found '0'")]
    [InlineData("edsr?features=-1", "found '-1'")]
    [InlineData("edsr?features= 64", "found ' 64'")]
    [InlineData("edsr?features=99999999999999999999", "found '99999999999999999999'")]
    [InlineData("edsr?blocks=129", "from 1 to 128")]
    [InlineData("edsr?residual_scale=0", "a number above 0 and at most 1")]
    [InlineData("edsr?residual_scale=NaN", "found 'NaN'")]
    [InlineData("edsr?residual_scale=0,1", "found '0,1'")]
    [InlineData("dncnn?batch_norm=yes", "takes true or false for 'batch_norm', found 'yes'")]
    [InlineData("dncnn?layers=1", "from 2 to 128")]
    [InlineData("edsr?factor=1", "the network 'edsr' upscales: expected the factor 2, 3 or 4, found 1")]
    [InlineData("edsr?factor=x4", "expected the factor of the network 'edsr' as a whole number, found 'x4'")]
    [InlineData("unet?factor=4", "the network 'unet' keeps the size: expected the factor 1, found 4; those that upscale are edsr, msrresnet and srresnet")]
    [InlineData("edsr?features=8&features=8", "expected each option of the network 'edsr' once, as option=value")]
    [InlineData("edsr?factor=2&factor=2", "once")]
    [InlineData("edsr?features", "found 'features' in 'edsr?features'")]
    [InlineData("edsr?=8", "found '=8'")]
    [InlineData("edsr?", "found ''")]
    public void What_is_no_architecture_is_refused(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<InputException>(() => Architectures.Parse(text)).Message);

    [Fact]
    public void Options_that_a_network_does_not_have_are_refused() =>
        Assert.Contains("the network 'dncnn' has no option 'blocks'", Assert.Throws<ArgumentException>(() => Architectures.Parse("dncnn").WholeNumber("blocks")).Message);

    [Fact]
    public void A_message_quotes_only_the_beginning_of_a_long_text()
    {
        var text = new string('x', 10_000);
        string[] texts = [text, $"edsr?{text}=1", $"edsr?features={text}", $"edsr?factor={text}", $"edsr?{text}"];
        Assert.All(texts, text => Assert.InRange(Assert.Throws<InputException>(() => Architectures.Parse(text)).Message.Length, 1, 400));
    }

    // EDSR: BasicSR's and the paper's models; DnCNN: KAIR's, whose convolutions have biases beside batch norm; AR-CNN: see the published network's own
    // test. The others: the layers of the paper added up by hand.
    [Theory]
    [InlineData("edsr?factor=4", 1_517_571)]
    [InlineData("edsr?factor=4&features=256&blocks=32&residual_scale=0.1", 43_089_923)]
    [InlineData("dncnn", 559_363)]
    [InlineData("dncnn?layers=20&batch_norm=false", 668_227)]
    [InlineData("msrresnet?factor=4", 1_517_571)]
    [InlineData("srresnet?factor=4", 1_549_462)]
    [InlineData("unet", 991_203)]
    [InlineData("arcnn", 117_731)]
    public void Parameters_are_as_many_as_published(string text, long expected)
    {
        var architecture = Architectures.Parse(text);
        Assert.Equal(expected, architecture.CountParameters());
        if (expected < 10_000_000)
        {
            using var network = architecture.Build(1);
            Assert.Equal(expected, network.ParameterCount);
        }
    }

    [Fact]
    public void The_single_channel_arcnn_has_the_published_number_of_parameters()
    {
        using var network = new ArCnn(Architectures.Parse("arcnn"), CPU, channels: 1);
        Assert.Equal(106_448, network.parameters().Where(parameter => parameter.dim() == 4).Sum(weight => weight.numel())); // the paper counts no biases
        Assert.Equal(106_561, network.ParameterCount);
    }
}
