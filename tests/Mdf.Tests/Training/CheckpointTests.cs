using Mdf.Runtime;
using Mdf.Training;
using Mdf.Weights;

namespace Mdf.Tests.Training;

public sealed class CheckpointTests : IDisposable
{
    private static readonly Dictionary<string, StoredTensor> s_tensors = [];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_checkpoint_says_what_it_was_told()
    {
        var path = _folder.File("checkpoint.safetensors");
        foreach (var checkpoint in new[] { new TrainingCheckpoint(7, "task: jpeg:10", "0123,4567", 5, new BestValidation(5, 0.1), "measures", "window"), new TrainingCheckpoint(0, "", null, 0, null) })
        {
            checkpoint.Write(path, s_tensors);
            using var file = TensorFile.Open(path);
            Assert.Equal(checkpoint, TrainingCheckpoint.Read(file));
            Assert.Contains("expected a checkpoint in the format 'mdf-loss-checkpoint-2', found 'mdf-checkpoint-2'", Assert.Throws<InputException>(() => LossCheckpoint.Read(file)).Message);
        }

        var loss = new LossCheckpoint(3, 40, "{}", new TrainingProgram("1.2.3", 4), "window");
        loss.Write(path, s_tensors);
        using var written = TensorFile.Open(path);
        Assert.Equal(loss, LossCheckpoint.Read(written));
        Assert.Contains("found 'mdf-loss-checkpoint-2'", Assert.Throws<InputException>(() => TrainingCheckpoint.Read(written)).Message);
    }

    [Theory]
    [InlineData("iteration", null)]
    [InlineData("iteration", "-1")]
    [InlineData("experiment", null)]
    [InlineData("validated", "1e3")]
    [InlineData("best_iteration", "")]
    [InlineData("best_loss", "low")]
    [InlineData("best_loss", null)]
    public void A_damaged_checkpoint_of_a_network_is_refused(string key, string? value) => AssertRefused(
        key, value, path => new TrainingCheckpoint(7, "task: jpeg:10", null, 5, new BestValidation(5, 0.1)).Write(path, s_tensors), TrainingCheckpoint.Read);

    [Theory]
    [InlineData("scale", null)]
    [InlineData("iteration", "many")]
    [InlineData("training", null)]
    [InlineData("threads", "two")]
    [InlineData("program_version", null)]
    public void A_damaged_checkpoint_of_a_loss_is_refused(string key, string? value) => AssertRefused(
        key, value, path => new LossCheckpoint(3, 40, "{}", new TrainingProgram("1.2.3", 4), "window").Write(path, s_tensors), LossCheckpoint.Read);

    private void AssertRefused(string key, string? value, Action<string> write, Func<TensorFile, object> read)
    {
        var (whole, damaged) = (_folder.File("whole.safetensors"), _folder.File("damaged.safetensors"));
        write(whole);
        using (var file = TensorFile.Open(whole))
        {
            var metadata = file.Metadata.Where(entry => entry.Key != key).ToDictionary();
            if (value is not null)
                metadata[key] = value;
            SafetensorsFormat.Write(damaged, s_tensors, metadata);
        }

        using var other = TensorFile.Open(damaged);
        Assert.Contains(
            $"'{damaged}': the checkpoint's '{key}' is missing or unusable: the file is corrupt",
            Assert.Throws<InputException>(() => read(other)).Message);
    }
}
