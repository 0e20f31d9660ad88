using System.Text.RegularExpressions;

namespace Mdf.Tests;

/// <summary>The order of the library's folders, as CONTRIBUTING.md draws it: a folder uses those below it, never one above.</summary>
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

    private static int LayerOf(string folder)
    {
        var layer = Array.FindIndex(s_layers, layer => layer.Contains(folder));
        Assert.True(layer >= 0, $"'{folder}' has no place in the order");
        return layer;
    }

    [GeneratedRegex(@"^using Mdf\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex Using();
}
