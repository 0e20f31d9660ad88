using Mdf.Distortions;

namespace Mdf.Tests.Experiments;

/// <summary>The experiments that come with the program; what they train on need not be there.</summary>
public sealed class ExperimentsFolderTests
{
    public static TheoryData<string> Files { get; } = [.. RepositoryExperiments.Files.Select(path => Path.GetRelativePath(RepositoryExperiments.Folder, path))];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_experiment_can_be_read_and_its_network_described(string file)
    {
        foreach (var experiment in RepositoryExperiments.Read(Path.Combine(RepositoryExperiments.Folder, file)))
        {
            var distortion = Tasks.ParseForNetwork(experiment.Task);
            Assert.Equal(distortion.Factor, experiment.CreateArchitecture(distortion.Factor).Factor);
            Assert.Equal(0, experiment.Training.Sampling.Patch % distortion.Factor);
        }
    }
}
