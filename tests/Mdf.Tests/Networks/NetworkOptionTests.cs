using Mdf.Experiments;
using Mdf.Networks;

namespace Mdf.Tests.Networks;

public sealed class NetworkOptionTests
{
    private static readonly NetworkOption s_list = NetworkOption.WholeNumbers("channels", [32, 64], 1, 512, 3, "channels of each level");

    [Theory]
    [InlineData("32,64,128", "32,64,128")]
    [InlineData(" 32, 064 ", "32,64")]
    [InlineData("7", "7")]
    [InlineData("", null)]
    [InlineData("32,", null)]
    [InlineData("32,0", null)]
    [InlineData("513", null)]
    [InlineData("1,2,3,4", null)]
    [InlineData("1.5", null)]
    [InlineData("-1", null)]
    public void A_list_is_made_canonical_or_refused(string text, string? canonical) => Assert.Equal(canonical, s_list.Canonical(text));

    [Fact]
    public void A_list_says_what_it_takes()
    {
        Assert.Equal("32,64", s_list.Default);
        Assert.Equal("1 to 3 whole numbers from 1 to 512, with commas between them", s_list.Values);
    }

    [Theory]
    [InlineData("[8, 16, 32]", "8,16,32", "[8, 16, 32]")]
    [InlineData("8,16", "8,16", "[8, 16]")]
    [InlineData("'8,16'", "8,16", "[8, 16]")]
    [InlineData("[8]", "8", "8")]
    [InlineData("\n  - 8\n  - 16", "8,16", "[8, 16]")]
    [InlineData("[a, b]", "a,b", "'a,b'")]
    public void An_experiment_file_may_write_a_list(string yaml, string option, string canonical)
    {
        var experiment = ExperimentFile.Parse(
            $"task: jpeg:10\nnetwork:\n  name: mine\n  channels: {yaml}\nloss: l1\ndata: {{train: a, validation: b}}\nschedule: {{iterations: 1}}\n", "x.yaml");
        Assert.Equal(option, experiment.NetworkOptions["channels"]);
        var written = experiment.ToYaml();
        Assert.Contains($"\n  channels: {canonical}\n", written);
        Assert.Equal(experiment, ExperimentFile.Parse(written, "y.yaml"));
        Assert.Equal("8,4", ExperimentFile.Parse(written, "y.yaml", ["network.channels=[8, 4]"]).NetworkOptions["channels"]);
    }

    [Fact]
    public void What_a_file_says_of_plugins_is_text_for_a_message()
    {
        const string Text = "task: jpeg:10\nnetwork: {name: mine}\nloss: l1+mine-loss\ndata: {train: a, validation: b}\nschedule: {iterations: 1}\nplugins:\n  loss mine-loss: mine.dll sha256:12\n";
        Assert.Equal(
            "'x.yaml', line 3: the loss 'mine-loss' comes with the plugin 'mine.dll': load this plugin",
            Assert.Throws<Mdf.Runtime.InputException>(() => ExperimentFile.Parse(Text, "x.yaml")).Message);
        // Where the name is not used any more, the plugin is not needed.
        var other = ExperimentFile.Parse(Text, "x.yaml", ["loss=l1"]);
        Assert.DoesNotContain("plugins", other.ToYaml());
        Assert.Contains("expected the keys of 'plugins' to be names that a plugin adds", Assert.Throws<Mdf.Runtime.InputException>(() => ExperimentFile.Parse(Text + "  optimizer x: y\n", "x.yaml")).Message);

        // A name that nobody looks up before the run: the file keeps what it says.
        var network = ExperimentFile.Parse(Text.Replace("loss mine-loss", "network other", StringComparison.Ordinal).Replace("+mine-loss", "", StringComparison.Ordinal), "x.yaml");
        Assert.Equal("mine.dll sha256:12", network.Plugins["network other"]);
    }
}
