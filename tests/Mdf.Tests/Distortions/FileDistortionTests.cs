using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Distortions;

/// <summary>Distortions that go through a file: WebP, and programs of a user's own; and rounding to few bits.</summary>
public sealed class FileDistortionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Webp_is_worse_at_a_lower_quality_and_always_the_same()
    {
        using var scope = NewDisposeScope();
        var image = Photo();
        var errors = new[] { "webp:80", "webp:30", "webp:5" }.Select(task => Error(Tasks.Parse(task).Apply(image), image)).ToArray();
        Assert.True(errors[0] > 1e-6 && errors[1] > 1.2 * errors[0] && errors[2] > 1.2 * errors[1], string.Join(", ", errors));
        Assert.True(Golden.AreEqual(Tasks.Parse("webp:5").Apply(image), Tasks.Parse("webp:5").Apply(image)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    public void Quantization_leaves_the_nearest_of_so_many_levels(int bits)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(2);
        var image = rand([2, 3, 20, 21], generator: random).Mul(1.4).Sub(0.2);
        var steps = (1 << bits) - 1;
        var found = Tasks.Parse($"quantize:{bits}").Apply(image);
        Assert.InRange((found.Mul(steps) - found.Mul(steps).round()).abs().max().item<float>(), 0, 1e-4);
        Assert.InRange((found - image.Clamp(0, 1)).abs().max().item<float>(), 0, 0.5 / steps + 1e-6);
    }

    [Fact]
    public void A_program_gets_a_clean_file_and_writes_the_damaged_one()
    {
        SkipWithoutShell();
        using var scope = NewDisposeScope();
        var image = Photo();
        Assert.InRange((Run("cp").Apply(image) - image).abs().max().item<float>(), 0, 0.5f / 255 + 1e-6f);
        Assert.True(Golden.AreEqual(Run("cp").Apply(image), Run("sh -c \"cp '{in}' '{out}'\"").Apply(image)));
        Assert.Equal("external:cp", Run("cp").Task);

        // Not by a shell: what would be a redirection is an argument, and ends in an error.
        Assert.Contains("exit code", Assert.Throws<InputException>(() => Run($"cp {{in}} {{out}} > {_folder.File("leak")}").Apply(image)).Message);
        Assert.False(File.Exists(_folder.File("leak")));
    }

    [Theory]
    [InlineData("false", "it ended with exit code 1")]
    [InlineData("sh -c \"echo no paint left >&2; exit 3\"", "it ended with exit code 3 and said 'no paint left'")]
    [InlineData("true", "expected it to write the file")]
    [InlineData("sh -c \"echo garbage > '{out}'\" {in}", "its result cannot be used")]
    [InlineData("no-such-program-as-this", "it cannot be started")]
    public void A_program_that_fails_is_named_in_one_line(string command, string expected)
    {
        SkipWithoutShell();
        using var scope = NewDisposeScope();
        var message = Assert.Throws<InputException>(() => Run(command).Apply(Photo())).Message;
        Assert.StartsWith($"the external program '{command}' failed: ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message);
    }

    [Theory]
    [InlineData("echo $$ > $0; exec sleep 1234", 1)]
    [InlineData("sleep 1234 & echo $$ $! > $0; wait", 2)]
    [InlineData("sh -c 'sleep 1234 & echo $PPID $$ $! > $0; wait' $0 & wait", 3)]
    public void A_program_that_hangs_is_killed_with_all_that_it_started(string script, int count)
    {
        SkipWithoutShell();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads Linux's list of processes");
        using var scope = NewDisposeScope();
        var list = _folder.File("processes");
        Assert.True(IsAlive($"{Environment.ProcessId}"));
        string[] processes = [];
        // A busy machine may need longer than the limit to start the program: then it gets more.
        for (var limit = TimeSpan.FromSeconds(0.5); processes.Length < count; limit *= 2)
        {
            var hanging = new ExternalDistortion($"sh -c \"{script}\" \"{list}\"", limit);
            var message = Assert.Throws<InputException>(() => hanging.Apply(Photo())).Message;
            Assert.Contains($"did not end within {limit.TotalSeconds:G4} s and was killed", message);
            if (File.Exists(list) && File.ReadAllText(list) is [.. var numbers, '\n'])
                processes = numbers.Split(' ');
        }

        Assert.Equal(count, processes.Length);
        foreach (var process in processes)
            Patience.Until(() => !IsAlive(process), $"process {process} of {File.ReadAllText(list)} ends");
    }

    [Fact]
    public void A_program_that_is_cancelled_is_killed_and_is_no_mistake()
    {
        SkipWithoutShell();
        using var scope = NewDisposeScope();
        using var source = new CancellationTokenSource();
        var started = _folder.File("started");
        var hanging = new ExternalDistortion($"sh -c \"echo $$ > '{started}'; exec sleep 1234\"", TimeSpan.FromHours(1), source.Token);
        var work = System.Threading.Tasks.Task.Run(() => hanging.Apply(Photo()));
        Patience.Until(() => File.Exists(started) && File.ReadAllText(started).EndsWith('\n'), "the program starts");
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => work.GetAwaiter().GetResult());
        if (OperatingSystem.IsLinux())
            Patience.Until(() => !IsAlive(File.ReadAllText(started).Trim()), "the program ends");

        // One that the same Ctrl-C has ended, before we were told.
        using var late = new CancellationTokenSource();
        var ended = new ExternalDistortion("sh -c \"exit 130\"", TimeSpan.FromHours(1), late.Token);
        late.Cancel();
        Assert.Throws<OperationCanceledException>(() => ended.Apply(Photo()));
    }

    /// <summary>Whether a process runs. One that has ended and that nobody has asked about yet has no command line any more.</summary>
    private static bool IsAlive(string process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline").Length > 0;
        }
        catch (IOException)
        {
            return false;
        }
    }

    [Fact]
    public void A_program_that_writes_another_size_is_refused()
    {
        SkipWithoutShell();
        using var scope = NewDisposeScope();
        var other = _folder.File("other.png");
        ImageFile.Write(other, zeros(1, 3, 5, 6));
        var error = Assert.Throws<InputException>(() => Run($"sh -c \"cp '{other}' '{{out}}'\" {{in}}").Apply(Photo()));
        Assert.Contains("found 6×5", error.Message);
    }

    [Fact]
    public void A_program_is_started_once_for_a_picture_whose_result_is_kept()
    {
        SkipWithoutShell();
        using var scope = NewDisposeScope();
        var (log, result, cache) = (_folder.File("log"), _folder.File("result.png"), _folder.File("cache"));
        using (var random = new Generator(9))
            ImageFile.Write(result, rand([1, 3, 32, 40], generator: random));
        var kept = new CachedDistortion(Run($"sh -c \"echo started >> '{log}'; cp '{result}' '{{out}}'\" {{in}}"), cache);
        var first = kept.ApplyToPicture(Photo());
        File.Delete(result); // the program fails from now on
        Assert.True(first.Equals(kept.ApplyToPicture(Photo())));
        Assert.True(first.Equals(new CachedDistortion(kept.Program, cache).ApplyToPicture(Photo())));
        Assert.Single(File.ReadAllLines(log));

        // Another picture or another command is another result.
        Assert.Throws<InputException>(() => kept.ApplyToPicture(Photo().Mul(0.5)));
        Assert.Throws<InputException>(() => new CachedDistortion(Run($"sh -c \"cp '{result}' '{{out}}' \" {{in}}"), cache).ApplyToPicture(Photo()));

        ImageFile.Write(Assert.Single(Directory.GetFiles(cache)), zeros(1, 3, 8, 8));
        Assert.Contains("delete it, and the program makes it again", Assert.Throws<InputException>(() => kept.ApplyToPicture(Photo())).Message);
    }

    [Theory]
    [InlineData("", "needs a command")]
    [InlineData("   ", "needs a command")]
    [InlineData("cp {in} elsewhere", "both {in} and {out}")]
    [InlineData("cp \"{in} {out}", "one double quote too few")]
    public void A_command_that_cannot_be_used_is_refused(string command, string expected) =>
        Assert.Contains(expected, Assert.Throws<InputException>(() => Run(command)).Message);

    private static void SkipWithoutShell() => Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the usual programs of Unix");

    // A limit that no machine reaches.
    private static ExternalDistortion Run(string command) => new(command, TimeSpan.FromDays(1));

    private static double Error(Tensor found, Tensor expected) => (found - expected).Square().mean().Number();

    private static Tensor Photo()
    {
        using var random = new Generator(3);
        return Resampler.Bicubic(rand([1, 3, 8, 10], generator: random), 32, 40).Clamp(0, 1);
    }
}
