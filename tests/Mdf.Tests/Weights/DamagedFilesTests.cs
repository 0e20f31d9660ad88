using System.Globalization;
using System.Text.Json.Nodes;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Training;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Weights;

/// <summary>
/// Files of ours, damaged as disks, networks and programs do: each is refused in one line, or read with every tensor and all metadata as they were.
/// <c>tests/damaged-files</c> runs this with 20,000 files and prints the counts.
/// </summary>
public sealed class DamagedFilesTests(ITestOutputHelper output) : IDisposable
{
    private const int Page = 4096;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static readonly (string Name, Func<byte[], Random, byte[]> Damage)[] s_kinds =
    [
        ("flipped bits", FlipBits),
        ("changed bytes", ChangeBytes),
        ("zeroed page", (bytes, random) => OverPage(bytes, random, page => page.Clear())),
        ("page of noise", (bytes, random) => OverPage(bytes, random, random.NextBytes)),
        ("page of another place", (bytes, random) => OverPage(bytes, random, page => bytes.AsSpan(At(bytes, random), page.Length).CopyTo(page))),
        ("page twice", InsertPage),
        ("pages swapped", SwapPages),
        ("truncated", (bytes, random) => bytes[..random.Next(1, bytes.Length)]),
        ("bytes inserted", InsertBytes),
        ("bytes removed", RemoveBytes),
        ("character of the header", ChangeHeaderText),
        ("entry of the header", ChangeHeaderEntry),
    ];

    [Fact]
    public void Damaged_files_of_ours_are_refused_or_read_unchanged()
    {
        var count = int.Parse(Environment.GetEnvironmentVariable("MDF_DAMAGED_FILES") ?? "300", CultureInfo.InvariantCulture);
        var first = int.Parse(Environment.GetEnvironmentVariable("MDF_DAMAGED_SEED") ?? "0", CultureInfo.InvariantCulture);
        var files = Files();
        var wholes = files.Select(file => (file.Name, Bytes: File.ReadAllBytes(file.Path), Content: TensorFile.Open(file.Path))).ToArray();
        var outcomes = new SortedDictionary<(string Kind, string File), (int Refused, int Unchanged, int Other)>();
        try
        {
            for (var i = 0; i < count; i++)
            {
                var random = new Random(first + i);
                var (name, whole, content) = wholes[i % wholes.Length];
                var (kind, damage) = s_kinds[i / wholes.Length % s_kinds.Length];
                byte[] damaged;
                do
                    damaged = damage(whole, random);
                while (damaged.AsSpan().SequenceEqual(whole));
                var (refused, unchanged, other) = outcomes.GetValueOrDefault((kind, name));
                outcomes[(kind, name)] = Read(damaged, content) switch
                {
                    null => (refused + 1, unchanged, other),
                    true => (refused, unchanged + 1, other),
                    false => (refused, unchanged, other + 1),
                };
            }
        }
        finally
        {
            foreach (var (_, _, content) in wholes)
                content.Dispose();
        }

        Report(outcomes, kind => kind.Kind);
        Report(outcomes, kind => kind.File);
        Assert.Equal(0, outcomes.Values.Sum(outcome => outcome.Other));
        Assert.True(outcomes.Values.Sum(outcome => outcome.Refused) > count / 2, "the damage does not reach what it should");
    }

    /// <summary>Reads a damaged file.</summary>
    /// <returns>Null when it is refused; else whether everything is as it was.</returns>
    private bool? Read(byte[] damaged, TensorFile whole)
    {
        var path = _folder.File("damaged.safetensors", damaged);
        try
        {
            using var file = TensorFile.Open(path);
            return file.Tensors.Count == whole.Tensors.Count
                && file.Metadata.OrderBy(entry => entry.Key).SequenceEqual(whole.Metadata.OrderBy(entry => entry.Key))
                && whole.Tensors.All(entry => file.Tensors.TryGetValue(entry.Key, out var tensor)
                    && tensor.Type == entry.Value.Type && tensor.Shape.SequenceEqual(entry.Value.Shape) && tensor.Bytes.SequenceEqual(entry.Value.Bytes));
        }
        catch (InputException e)
        {
            TemporaryFolder.AssertOneLine(e, path);
            return null;
        }
    }

    private void Report(
        SortedDictionary<(string Kind, string File), (int Refused, int Unchanged, int Other)> outcomes, Func<(string Kind, string File), string> key)
    {
        output.WriteLine($"{"",-28}{"refused",9}{"unchanged",11}{"other values",14}");
        foreach (var group in outcomes.GroupBy(outcome => key(outcome.Key)).Append(outcomes.GroupBy(_ => "all").Single()))
        {
            output.WriteLine(
                $"{group.Key,-28}{group.Sum(outcome => outcome.Value.Refused),9}{group.Sum(outcome => outcome.Value.Unchanged),11}{group.Sum(outcome => outcome.Value.Other),14}");
        }
    }

    /// <summary>One file of every kind that this program writes, each of several pages.</summary>
    private List<(string Name, string Path)> Files()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(3);
        var files = new List<(string Name, string Path)>();

        var architecture = Architectures.Parse("dncnn?features=12&layers=5");
        using var network = architecture.Build(seed: 1);
        NetworkFile.Save(Next("network"), network, new NetworkMetadata { Architecture = architecture, Task = "denoise:25", Loss = "l1", Iterations = 100, Seed = 1 });

        using var loss = new L1Loss();
        using var trainer = new NetworkTrainer(network, loss, new ScheduleOptions { Iterations = 10, Batch = 1, LearningRate = 1e-3, Ema = 0.9 });
        using (var batch = new TrainingBatch(rand([1, 3, 16, 16], generator: random).DetachFromDisposeScope(), rand([1, 3, 16, 16], generator: random).DetachFromDisposeScope()))
            trainer.Step(batch);
        new TrainingCheckpoint(1, "task: denoise:25\nloss: l1\n", null, 1, new BestValidation(1, 0.1)).Write(Next("checkpoint"), trainer.Save());

        var options = new LossTrainingOptions { Distortion = Tasks.Parse("jpeg:10"), Iterations = 2, Scales = 2 };
        var photo = rand([1, 3, 32, 40], generator: random);
        using (var training = new LossTrainer([photo], options))
        {
            training.Step();
            new LossCheckpoint(training.Scale, training.Iteration, "{}", TrainingProgram.Current).Write(Next("loss checkpoint"), training.Save());
            while (!training.IsFinished)
            {
                while (!training.IsScaleFinished)
                    training.Step();
                training.FinishScale();
            }

            using var stack = training.Finish(["0123"]);
            stack.Save(Next("stack"));
        }

        // They name no format of ours: nothing is known of their training.
        using var untrained = DiscriminatorStack.Untrained(2, seed: 1);
        untrained.Save(Next("untrained stack"));
        PyTorchFormat.Write(_folder.File("stack.pt"), ModuleWeights.Save(untrained));
        WeightConversion.Convert(_folder.File("stack.pt"), Next("converted stack"));
        return files;

        string Next(string name)
        {
            files.Add((name, _folder.File($"{files.Count}.safetensors")));
            return files[^1].Path;
        }
    }

    private static byte[] FlipBits(byte[] bytes, Random random)
    {
        byte[] copy = [.. bytes];
        for (var i = random.Next(3); i >= 0; i--)
            copy[random.Next(copy.Length)] ^= (byte)(1 << random.Next(8));
        return copy;
    }

    private static byte[] ChangeBytes(byte[] bytes, Random random)
    {
        byte[] copy = [.. bytes];
        var length = random.Next(1, 17);
        random.NextBytes(copy.AsSpan(random.Next(copy.Length - length), length));
        return copy;
    }

    private static byte[] OverPage(byte[] bytes, Random random, PageChange change)
    {
        byte[] copy = [.. bytes];
        change(copy.AsSpan(At(bytes, random), Page));
        return copy;
    }

    private static byte[] InsertPage(byte[] bytes, Random random)
    {
        var at = At(bytes, random);
        return [.. bytes[..at], .. bytes.AsSpan(at, Page), .. bytes[at..]];
    }

    private static byte[] SwapPages(byte[] bytes, Random random)
    {
        byte[] copy = [.. bytes];
        var (first, second) = (At(bytes, random), At(bytes, random));
        bytes.AsSpan(first, Page).CopyTo(copy.AsSpan(second));
        bytes.AsSpan(second, Page).CopyTo(copy.AsSpan(first));
        return copy;
    }

    private static byte[] InsertBytes(byte[] bytes, Random random)
    {
        var inserted = new byte[random.Next(1, 17)];
        random.NextBytes(inserted);
        var at = random.Next(bytes.Length);
        return [.. bytes[..at], .. inserted, .. bytes[at..]];
    }

    private static byte[] RemoveBytes(byte[] bytes, Random random)
    {
        var length = random.Next(1, 17);
        var at = random.Next(bytes.Length - length);
        return [.. bytes[..at], .. bytes[(at + length)..]];
    }

    /// <summary>Another letter, digit or space in the place of one.</summary>
    private static byte[] ChangeHeaderText(byte[] bytes, Random random)
    {
        const string text = "abcdefghijklmnopqrstuvwxyzFI0123456789._ ";
        byte[] copy = [.. bytes];
        var length = (int)BitConverter.ToInt64(bytes);
        int at;
        do
            at = 8 + random.Next(length);
        while (!text.Contains((char)copy[at], StringComparison.Ordinal));
        copy[at] = (byte)text[random.Next(text.Length)];
        return copy;
    }

    /// <summary>What a program changes that rewrites the header and keeps the checksums: the file stays well-formed.</summary>
    private static byte[] ChangeHeaderEntry(byte[] bytes, Random random)
    {
        var length = (int)BitConverter.ToInt64(bytes);
        var header = JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject();
        var metadata = header["__metadata__"]!.AsObject();
        var key = Pick(metadata, random);
        var (name, other) = (Pick(header, random), Pick(header, random));
        var (tensor, second) = (header[name]!.AsObject(), header[other]!.AsObject());
        switch (random.Next(9))
        {
            case 0: // another value
                metadata[key] = metadata[key]!.GetValue<string>() + "0";
                break;
            case 1: // an entry is gone
                metadata.Remove(key);
                break;
            case 2: // an entry has another name
                metadata.Add(key + "x", metadata[key]!.GetValue<string>());
                metadata.Remove(key);
                break;
            case 3: // an entry more
                metadata.Add("note", "n");
                break;
            case 4: // two tensors' bytes are mistaken for each other
                (tensor["data_offsets"], second["data_offsets"]) = (second["data_offsets"]!.DeepClone(), tensor["data_offsets"]!.DeepClone());
                break;
            case 5: // a tensor has another name
                header.Remove(name);
                header.Add(name + "x", tensor);
                break;
            case 6: // another shape of the same size
                tensor["shape"] = new JsonArray([1, .. tensor["shape"]!.AsArray().Select(size => size!.DeepClone())]);
                break;
            case 7: // another type of the same size
                tensor["dtype"] = tensor["dtype"]!.GetValue<string>() == "F32" ? "I32" : "F64";
                break;
            default: // a tensor is gone
                header.Remove(name);
                break;
        }

        var text = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString());
        return [.. BitConverter.GetBytes((long)text.Length), .. text, .. bytes[(8 + length)..]];
    }

    private static string Pick(JsonObject node, Random random)
    {
        var names = node.Select(entry => entry.Key).Where(name => name != "__metadata__").ToArray();
        return names[random.Next(names.Length)];
    }

    /// <summary>The start of a whole page.</summary>
    private static int At(byte[] bytes, Random random) => random.Next(bytes.Length / Page) * Page;

    private delegate void PageChange(Span<byte> page);
}
