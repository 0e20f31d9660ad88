using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using ArchUnitNET.Domain;
using ArchUnitNET.Loader;
using Assembly = System.Reflection.Assembly;

namespace Mdf.Tests;

/// <summary>What CONTRIBUTING.md says of the sources: the order of the library's folders, and what tests may do.</summary>
public sealed partial class LayoutTests
{
    /// <summary>The folders of each assembly; each uses what stands before it. An assembly uses those before it.</summary>
    private static readonly (Assembly Assembly, string[] Folders)[] s_assemblies =
    [
        (typeof(Mdf.Losses.MdfLoss).Assembly, ["Runtime", "Kernels", "Weights", "Discriminators", "Losses"]),
        (typeof(Mdf.Experiments.Experiment).Assembly, ["Imaging", "Distortions", "Networks", "Training", "Evaluation", "Reports", "Experiments", "Plugins"]),
        (typeof(Mdf.Cli.CommandLine).Assembly, ["Cli"]),
    ];

    private static readonly string[] s_folders = [.. s_assemblies.SelectMany(each => each.Folders)];

    /// <summary>By the types that the compiled code uses, not by what is written at the top of files.</summary>
    [Fact]
    public void Folders_depend_on_those_before_them_only()
    {
        var uses = Uses().Where(use => use.From.Folder != use.To.Folder).ToList();
        Assert.NotEmpty(uses);
        var upward = uses.Where(use => Array.IndexOf(s_folders, use.To.Folder) > Array.IndexOf(s_folders, use.From.Folder));
        Assert.Empty(upward.Select(use => $"{use.From.Type} uses {use.To.Type}").Distinct());
    }

    [Fact]
    public void The_kernels_use_nothing_else_of_ours() =>
        Assert.Empty(Uses().Where(use => use.From.Folder == "Kernels" && use.To.Folder != "Kernels").Select(use => $"{use.From.Type} uses {use.To.Type}").Distinct());

    /// <summary>The program adds its options to the library's messages (<see cref="Mdf.Cli.Advice"/>): other programs have other options.</summary>
    [Fact]
    public void The_library_names_no_option_and_no_command_of_the_program()
    {
        foreach (var (assembly, _) in s_assemblies.SkipLast(1))
        {
            using var file = new PEReader(File.OpenRead(assembly.Location));
            var reader = file.GetMetadataReader();
            var literals = new List<string>();
            for (var handle = default(UserStringHandle); !(handle = reader.GetNextHandle(handle)).IsNil;)
                literals.Add(reader.GetUserString(handle));
            Assert.True(literals.Count > 100);
            Assert.DoesNotContain(literals, OptionOrCommand().IsMatch);
        }
    }

    [Fact]
    public void Every_type_is_in_the_assembly_and_the_folder_of_its_namespace()
    {
        foreach (var (assembly, folders) in s_assemblies)
        {
            var strangers = assembly.GetTypes().Where(type => type.Namespace?.StartsWith("Mdf.", StringComparison.Ordinal) == true && !folders.Contains(type.Namespace.Split('.')[1]) && !type.Namespace.EndsWith(".Registration", StringComparison.Ordinal));
            Assert.Empty(strangers.Select(type => type.FullName));
        }

        var source = Path.Combine(Shared.Repository, "src");
        foreach (var file in Directory.GetFiles(source, "*.cs", SearchOption.AllDirectories))
        {
            var parts = Path.GetRelativePath(source, file).Split(Path.DirectorySeparatorChar);
            if (parts.Intersect(["bin", "obj", "build"]).Any())
                continue;
            var expected = string.Join('.', parts[1..^1].Prepend(parts[0] == "MdfLoss.Tool" ? "Mdf.Cli" : "Mdf"));
            if (Namespace().Match(File.ReadAllText(file)) is { Success: true } match) // a program's first file has none
                Assert.Equal(expected, match.Groups[1].Value);
        }
    }

    /// <summary>The analyzer of public APIs compares every member when the library is built. This test also holds where somebody has turned the analyzer off.</summary>
    [Theory]
    [InlineData("MdfLoss")]
    [InlineData("MdfLoss.Restoration")]
    public void Every_public_type_is_listed(string assembly)
    {
        var listed = File.ReadLines(Path.Combine(Shared.Repository, "src", assembly, "PublicAPI.Unshipped.txt"))
            .Concat(File.ReadLines(Path.Combine(Shared.Repository, "src", assembly, "PublicAPI.Shipped.txt")))
            .Where(line => TypeName().IsMatch(line));
        var found = Assembly.Load(assembly).GetExportedTypes().Select(type => type.FullName!.Replace('+', '.')).Where(name => name.StartsWith("Mdf.", StringComparison.Ordinal));
        Assert.Equal(listed.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }

    /// <summary>Which type uses which, both ours.</summary>
    private static IEnumerable<((string Folder, string Type) From, (string Folder, string Type) To)> Uses() =>
        from type in s_architecture.Value.Types
        let @from = Place(type)
        where @from.Folder is not null
        from dependency in type.Dependencies
        let to = Place(dependency.Target)
        where to.Folder is not null && to.Type != @from.Type
        select ((@from.Folder!, @from.Type), (to.Folder!, to.Type));

    private static (string? Folder, string Type) Place(IType type) =>
        (type.FullName.Split('.') is ["Mdf", var folder, _, ..] && s_folders.Contains(folder) ? folder : null, type.FullName.Split('+', '`')[0]);

    private static readonly Lazy<Architecture> s_architecture = new(() => new ArchLoader().LoadAssemblies([.. s_assemblies.Select(each => each.Assembly)]).Build());

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

    [GeneratedRegex(@"(?<![\w-])--[a-z]|\bmdf (demo|loss|train|restore|evaluate|score|correlate|niqe|optimize|convert|weights|doctor|completion|help)\b")]
    private static partial Regex OptionOrCommand();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"\bset_num_(interop_)?threads\(|""--threads"", ""\d|new LeakWatch\(|SetEnvironmentVariable\(|SetCurrentDirectory\(|\bConsole\.Set|CurrentCulture = |SetMinThreads\(")]
    private static partial Regex ProcessWide();

    [GeneratedRegex(@"(?<![\w.])(rand|randn|randint|randperm|rand_like|randn_like)\((?!.*generator: )[^\n]*")]
    private static partial Regex Unseeded();

    [GeneratedRegex(@"\A[\w.]+\z")]
    private static partial Regex TypeName();

    [GeneratedRegex(@"\bStopwatch\b|Thread\.Sleep\(|Task\.Delay\(|\bCancelAfter\(|WorkingSet|PrivateMemorySize|Timeout = \d|\bDateTime\.Now\b")]
    private static partial Regex MachineBound();
}
