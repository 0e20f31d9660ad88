using System.Text.RegularExpressions;

namespace Mdf.Tests;

/// <summary>What CONTRIBUTING.md says of the sources: the order of the library's folders, and what tests may do.</summary>
public sealed partial class LayoutTests
{
    private static readonly string[][] s_layers =
    [
        ["Runtime", "Kernels"], ["Imaging", "Weights"], ["Distortions"], ["Discriminators", "Networks"], ["Losses"], ["Training", "Evaluation"], ["Reports"], ["Experiments"],
    ];

    [Fact]
    public void Folders_depend_on_those_below_them_only()
    {
        var source = Path.Combine(Shared.Repository, "src", "Mdf");
        var uses = s_layers.SelectMany(layer => layer)
            .SelectMany(folder => Directory.GetFiles(Path.Combine(source, folder), "*.cs", SearchOption.AllDirectories)
                .SelectMany(file => Using().Matches(File.ReadAllText(file)).Select(match => (From: folder, To: match.Groups[1].Value, File: file))))
            .Where(use => use.From != use.To)
            .ToList();
        Assert.NotEmpty(uses);
        Assert.All(uses, use => Assert.True(LayerOf(use.To) < LayerOf(use.From), $"{use.File} uses {use.To}"));
    }

    [Fact]
    public void Tests_that_change_the_whole_process_have_it_for_themselves()
    {
        var found = Tests(ProcessWide()).ToList();
        Assert.NotEmpty(found);
        Assert.All(found, file => Assert.True(
            file.Text.Contains("[Collection(nameof(OneAtATime))]", StringComparison.Ordinal), $"{file.Name}: {file.Use} needs [Collection(nameof(OneAtATime))]"));
    }

    [Fact]
    public void Tests_wait_for_no_time_and_measure_neither_time_nor_resident_memory() =>
        Assert.All(Tests(MachineBound()), file => Assert.Fail($"{file.Name}: {file.Use} depends on the machine: see \"Tests\" in CONTRIBUTING.md"));

    [Fact]
    public void Tests_draw_from_no_generator_that_others_draw_from() => Assert.All(Tests(Unseeded()), file =>
        Assert.Fail($"{file.Name}: '{file.Use}' depends on the tests before it: add 'generator: Draws', or a generator of its own"));

    /// <summary>The files of tests in which a pattern is found, this one excepted.</summary>
    private static IEnumerable<(string Name, string Text, string Use)> Tests(Regex pattern)
    {
        var source = Path.Combine(Shared.Repository, "tests", "Mdf.Tests");
        return new[] { source }.Concat(Directory.GetDirectories(source).Where(folder => Path.GetFileName(folder) is not ("bin" or "obj")))
            .SelectMany(folder => Directory.GetFiles(folder, "*.cs", folder == source ? SearchOption.TopDirectoryOnly : SearchOption.AllDirectories))
            .Where(file => Path.GetFileName(file) is not (nameof(LayoutTests) + ".cs" or nameof(TestProcess) + ".cs" or nameof(LeakWatch) + ".cs"))
            .Select(file => (Path.GetRelativePath(source, file), Text: File.ReadAllText(file), Use: pattern.Match(File.ReadAllText(file)).Value))
            .Where(file => file.Use.Length > 0);
    }

    private static int LayerOf(string folder)
    {
        var layer = Array.FindIndex(s_layers, layer => layer.Contains(folder));
        Assert.True(layer >= 0, $"'{folder}' has no place in the order");
        return layer;
    }

    [GeneratedRegex(@"^using Mdf\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(@"\bset_num_(interop_)?threads\(|""--threads"", ""\d|new LeakWatch\(|SetEnvironmentVariable\(|SetCurrentDirectory\(|\bConsole\.Set|CurrentCulture = |SetMinThreads\(")]
    private static partial Regex ProcessWide();

    [GeneratedRegex(@"(?<![\w.])(rand|randn|randint|randperm|rand_like|randn_like)\((?!.*generator: )[^\n]*")]
    private static partial Regex Unseeded();

    [GeneratedRegex(@"\bStopwatch\b|Thread\.Sleep\(|Task\.Delay\(|\bCancelAfter\(|WorkingSet|PrivateMemorySize|Timeout = \d|\bDateTime\.Now\b")]
    private static partial Regex MachineBound();
}
