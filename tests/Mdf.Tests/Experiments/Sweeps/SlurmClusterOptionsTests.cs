using Mdf.Experiments;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;

namespace Mdf.Tests.Experiments.Sweeps;

public sealed class SlurmClusterOptionsTests
{
    [Fact]
    public void An_empty_section_leaves_everything_to_Slurm()
    {
        var options = Read("{}");
        Assert.Empty(options.Modules);
        Assert.Equal(new ClusterOptions { Restarts = 20, SignalSeconds = 60 }, options with { Modules = [] });
    }

    [Fact]
    public void Every_key_is_read()
    {
        var options = Read("{partition: 'gpu,long', account: lab-7, time: 1-02:00:00, cpus: 4, memory: 16G, gres: gpu:a100:2, modules: [dotnet/10.0, cuda], throttle: 8, restarts: 3, signal_seconds: 120}");
        Assert.Equal(("gpu,long", "lab-7", "1-02:00:00", 4), (options.Partition, options.Account, options.Time, options.Cpus));
        Assert.Equal(("16G", "gpu:a100:2", 8, 3, 120), (options.Memory, options.Gres, options.Throttle, options.Restarts, options.SignalSeconds));
        Assert.Equal(["dotnet/10.0", "cuda"], options.Modules);
    }

    [Theory]
    [InlineData("partition: \"gpu\\n#SBATCH --uid=0\"", "the name of a partition")]
    [InlineData("partition: gpu long", "the name of a partition")]
    [InlineData("partition: --uid=0", "the name of a partition")]
    [InlineData("account: a;b", "the name of an account")]
    [InlineData("account: a#b", "the name of an account")]
    [InlineData("time: 60", "a time such as 4:00:00 or 1-00:00:00")]
    [InlineData("time: 4h", "a time such as 4:00:00")]
    [InlineData("time: 1:60:00", "a time such as 4:00:00")]
    [InlineData("time: ٤:00:00", "a time such as 4:00:00")]
    [InlineData("memory: 8", "with its unit")]
    [InlineData("memory: 8GB", "with its unit")]
    [InlineData("memory: 0G", "with its unit")]
    [InlineData("gres: gpu 1", "resources such as gpu:1")]
    [InlineData("gres: \"gpu:1\\\"\"", "resources such as gpu:1")]
    [InlineData("modules: [a, $(id)]", "the names of modules")]
    [InlineData("modules: [-f]", "the names of modules")]
    [InlineData("modules: []", "at least one")]
    [InlineData("cpus: 0", "a whole number from 1 to 4096")]
    [InlineData("throttle: 0", "a whole number from 1")]
    [InlineData("restarts: -1", "a whole number from 0")]
    [InlineData("signal_seconds: 0", "a whole number from 1 to 65535")]
    [InlineData("time: 0:02:59", "at least 180 seconds, found 0:02:59")]
    [InlineData("{time: 0:10:00, signal_seconds: 600}", "at least 720 seconds")]
    [InlineData("queue: long", "unknown key 'queue' in 'cluster'")]
    public void A_value_that_is_not_one_safe_word_is_refused_in_one_line(string section, string expected)
    {
        var message = Assert.Throws<InputException>(() => Read(section)).Message;
        Assert.Contains(expected, message);
        Assert.StartsWith("'sweep.yaml', line ", message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void The_shortest_time_limit_leaves_a_minute_for_training() => Assert.Equal("0:03:00", Read("time: 0:03:00").Time);

    [Fact]
    public void A_value_that_code_sets_is_checked_as_well()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ClusterOptions { Partition = "a b" });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ClusterOptions { Modules = ["a", "b\nc"] });
    }

    private static ClusterOptions Read(string section)
    {
        static Place PlaceOf(int line) => new("'sweep.yaml'", line);
        var root = (SettingMap)SettingReader.Read($"cluster:{(section.StartsWith('{') ? " " : "\n  ")}{section}", PlaceOf);
        return ClusterOptions.Read(Section.Open(PlaceOf(0), root, ["cluster"]).Inner("cluster", ClusterOptions.Keys));
    }
}
