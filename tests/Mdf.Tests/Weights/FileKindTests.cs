using Mdf.Discriminators;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Training;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

/// <summary>A file of ours in the place of another kind: the message says what it is and which file is meant.</summary>
public sealed class FileKindTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_training_checkpoint_is_not_a_network_and_the_run_s_network_is_named()
    {
        var (checkpoint, best) = (Checkpoint("x"), _folder.File("x/best.safetensors"));
        new TrainingCheckpoint(200, "task: jpeg:10", null, 0, null).Write(checkpoint, new Dictionary<string, StoredTensor>());
        Assert.Contains(
            $"'{checkpoint}': expected a restoration network, found the checkpoint of a network's training: use the run's best.safetensors, which the next validation writes",
            Refusal(() => NetworkFile.Load(checkpoint)));
        using var network = Architectures.Parse("arcnn?features=4").Build(1);
        NetworkFile.Save(best, network, new NetworkMetadata { Architecture = network.Architecture, Task = "jpeg:10" });
        Assert.EndsWith($": use the run's network '{best}'", Refusal(() => NetworkFile.Load(checkpoint)));
        Assert.EndsWith($": use the run's network '{best}'", Refusal(() => NetworkFile.LoadWeights(checkpoint, network)));
        Assert.Contains("expected a discriminator stack, found the checkpoint of a network's training: give the file of a discriminator stack instead", Refusal(() => DiscriminatorStack.Load(checkpoint)));
    }

    [Fact]
    public void The_checkpoint_of_a_loss_is_not_a_stack_and_the_training_s_stack_is_named()
    {
        var (checkpoint, stack) = (Checkpoint("y"), _folder.File("y.safetensors"));
        new LossCheckpoint(1, 20, "{}", TrainingProgram.Current).Write(checkpoint, new Dictionary<string, StoredTensor>());
        Assert.Contains(
            $"'{checkpoint}': expected a discriminator stack, found the checkpoint of a loss's training: use the stack that the training writes when it ends; to finish the training, resume it",
            Refusal(() => DiscriminatorStack.Load(checkpoint)));
        using (var finished = DiscriminatorStack.Untrained(1, seed: 1))
            finished.Save(stack);
        Assert.EndsWith($": use the stack '{stack}'", Refusal(() => DiscriminatorStack.Load(checkpoint)));
        Assert.Contains("expected a restoration network, found the checkpoint of a loss's training: give the file of a restoration network instead", Refusal(() => NetworkFile.Load(checkpoint)));
    }

    [Fact]
    public void A_checkpoint_that_lies_alone_is_named_too()
    {
        var path = _folder.File("00000200.safetensors");
        new TrainingCheckpoint(200, "", null, 0, null).Write(path, new Dictionary<string, StoredTensor>());
        Assert.Contains("found the checkpoint of a network's training: use the run's best.safetensors", Refusal(() => NetworkFile.Load(path)));
        var here = Path.GetRelativePath(Environment.CurrentDirectory, path);
        Assert.Contains("found the checkpoint of a network's training", Refusal(() => NetworkFile.Load(here)));
    }

    private string Checkpoint(string run)
    {
        Directory.CreateDirectory(_folder.File($"{run}/checkpoints"));
        return _folder.File($"{run}/checkpoints/00000200.safetensors");
    }

    private static string Refusal(Action read) => Assert.Throws<InputException>(read).Message;
}
