// Prints which folder of the sources uses which, as a table in Markdown (rows use columns; the numbers count pairs of files), the lines of each folder, and the cycles of
// files. It reads the types that the compiled code uses.
//   dotnet build -c Release && dotnet run tests/dependencies.cs [-- --edges]
// Exits with 1 if folders or files form a cycle.
#:package TngTech.ArchUnitNET@0.13.5
#:property ManagePackageVersionsCentrally=false
#:property PublishAot=false
#:property RunAnalyzers=false
#:property EnforceCodeStyleInBuild=false
#:property GenerateDocumentationFile=false
using System.Text.RegularExpressions;
using ArchUnitNET.Loader;

var program = Path.Combine("tests", "Mdf.Tests", "bin", "Release", "net10.0");
string[] assemblies = ["MdfLoss.dll", "MdfLoss.Restoration.dll", "mdf.dll"];
if (!Array.TrueForAll(assemblies, name => File.Exists(Path.Combine(program, name))))
{
    Console.Error.WriteLine("expected the built tests; run 'dotnet build -c Release' in the repository's root first, and this there as well");
    return 2;
}

// Which file declares which type: a type's full name without its containing types and arity.
var declaration = new Regex(@"^(?:public |internal |file )?(?:static |sealed |abstract |readonly |partial |unsafe |ref )*(?:class|record struct|record|struct|interface|enum|delegate [\w<>?]+) (\w+)", RegexOptions.Multiline);
var place = new Regex(@"^namespace ([\w.]+);", RegexOptions.Multiline);
var fileOf = new Dictionary<string, string>();
var lines = new SortedDictionary<string, int>(StringComparer.Ordinal);
foreach (var file in Directory.GetFiles("src", "*.cs", SearchOption.AllDirectories))
{
    if (file.Split(Path.DirectorySeparatorChar).Intersect(["bin", "obj", "build"]).Any())
        continue;
    var text = File.ReadAllText(file);
    var name = place.Match(text).Groups[1].Value;
    foreach (Match type in declaration.Matches(text))
        fileOf.TryAdd($"{name}.{type.Groups[1].Value}", file);
    var folder = FolderOf(file);
    lines[folder] = lines.GetValueOrDefault(folder) + File.ReadLines(file).Count();
}

var loader = new ArchLoader();
var architecture = loader.LoadAssemblies([.. assemblies.Select(name => System.Reflection.Assembly.LoadFrom(Path.GetFullPath(Path.Combine(program, name))))]).Build();
var uses = new HashSet<(string From, string To)>();
foreach (var type in architecture.Types)
{
    foreach (var dependency in type.Dependencies)
    {
        if (Find(type.FullName) is { } from && Find(dependency.Target.FullName) is { } to && from != to)
            uses.Add((from, to));
    }
}

string[] folders = ["Runtime", "Kernels", "Weights", "Discriminators", "Losses", "Imaging", "Distortions", "Networks", "Training", "Evaluation", "Reports", "Experiments", "Plugins", "Program"];
Console.WriteLine($"| uses → | {string.Join(" | ", folders)} | lines |");
Console.WriteLine($"|---|{string.Concat(folders.Select(_ => "---:|"))}---:|");
foreach (var row in folders)
    Console.WriteLine($"| {row} | {string.Join(" | ", folders.Select(column => Count(row, column) is var count and > 0 && row != column ? $"{count}" : ""))} | {lines.GetValueOrDefault(row)} |");
Console.WriteLine();
var upward = (from row in Enumerable.Range(0, folders.Length) from column in Enumerable.Range(row + 1, folders.Length - row - 1) where Count(folders[row], folders[column]) > 0 select $"{folders[row]} → {folders[column]}").ToArray();
Console.WriteLine($"uses of a folder to the right: {(upward.Length == 0 ? "none, so there is no cycle of folders" : string.Join(", ", upward))}");
var cycles = Cycles();
Console.WriteLine($"cycles of files: {cycles.Count}");
foreach (var cycle in cycles)
{
    Console.WriteLine($"- {string.Join(", ", cycle.Select(file => Path.GetRelativePath("src", file)).Order(StringComparer.Ordinal))}");
    if (args is ["--edges"])
        Console.WriteLine(string.Join("", uses.Where(use => cycle.Contains(use.From) && cycle.Contains(use.To)).GroupBy(use => use.From).Select(group => $"  - {Path.GetFileName(group.Key)} uses {string.Join(", ", group.Select(use => Path.GetFileName(use.To)))}\n")));
}
return upward.Length == 0 && cycles.Count == 0 ? 0 : 1;

string FolderOf(string file) => file.Split(Path.DirectorySeparatorChar) is [_, "MdfLoss.Tool", ..] ? "Program" : file.Split(Path.DirectorySeparatorChar)[2];

string? Find(string type) => fileOf.GetValueOrDefault(type.Split('+', '`', '<')[0]);

int Count(string row, string column) => uses.Count(use => FolderOf(use.From) == row && FolderOf(use.To) == column);

// Strongly connected components with more than one file (Tarjan 1972).
List<List<string>> Cycles()
{
    var next = uses.GroupBy(use => use.From).ToDictionary(group => group.Key, group => group.Select(use => use.To).ToList());
    var (index, low, stack, found) = (new Dictionary<string, int>(), new Dictionary<string, int>(), new Stack<string>(), new List<List<string>>());
    foreach (var file in next.Keys.Order(StringComparer.Ordinal).Where(file => !index.ContainsKey(file)))
        Visit(file);
    return [.. found.OrderByDescending(cycle => cycle.Count)];

    void Visit(string file)
    {
        index[file] = low[file] = index.Count;
        stack.Push(file);
        foreach (var to in next.GetValueOrDefault(file, []))
        {
            if (!index.ContainsKey(to))
            {
                Visit(to);
                low[file] = Math.Min(low[file], low[to]);
            }
            else if (stack.Contains(to))
            {
                low[file] = Math.Min(low[file], index[to]);
            }
        }

        if (low[file] != index[file])
            return;
        var component = new List<string>();
        string member;
        do
        {
            component.Add(member = stack.Pop());
        }
        while (member != file);
        if (component.Count > 1)
            found.Add(component);
    }
}
