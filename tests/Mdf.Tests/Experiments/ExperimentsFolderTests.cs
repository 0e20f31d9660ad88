using Mdf.Distortions;
using Mdf.Experiments;

namespace Mdf.Tests.Experiments;

/// <summary>The experiments that come with the program; what they train on need not be there.</summary>
public sealed class ExperimentsFolderTests
{
    public static TheoryData<string> Files { get; } =
    [
        .. Directory.GetFiles(Folder, "*.yaml", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Folder, path)).Order(StringComparer.Ordinal),
    ];

    private static string Folder => Path.Combine(Shared.Repository, "experiments");

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_experiment_can_be_read_and_its_network_described(string file)
    {
        var experiment = ExperimentFile.Load(Path.Combine(Folder, file), []);
        var distortion = Tasks.ParseForNetwork(experiment.Task);
        Assert.Equal(distortion.Factor, experiment.CreateArchitecture(distortion.Factor).Factor);
        Assert.Equal(0, experiment.Training.Sampling.Patch % distortion.Factor);
    }
}
