using System.Text.Json;
using System.Text.Json.Nodes;
using Mdf.Evaluation;

namespace Mdf.Tests.Cli;

/// <summary><c>mdf compare</c> and <c>mdf report</c>, with worker processes.</summary>
public sealed class CompareCommandTests : IDisposable
{
    private const string Hostile = "<script>alert(1)</script>\"'";

    private readonly TemporaryFolder _folder = new();

    public CompareCommandTests()
    {
        foreach (var folder in new[] { "train", "Set", "pictures" })
            Directory.CreateDirectory(_folder.File(folder));
        _folder.Image(Path.Combine("train", "a.png"));
        foreach (var (name, seed) in new[] { ("a.png", 3UL), ("b.png", 4UL), ("c.png", 6UL) })
            _folder.Image(Path.Combine("Set", name), seed: seed);
        _folder.Image(Path.Combine("pictures", "知覚.png"), width: 80, height: 60);
        File.WriteAllText(_folder.File("comparison.yaml"), _folder.Local("""
            title: 'HOSTILE'
            losses: {L1: l1, 'HOSTILE': mse}
            seeds: [1, 2]
            threads: 2 # as the other tests of this process
            test: {data: '{}Set', measures: [psnr_y, flip]}
            gallery: {data: '{}pictures', size: 40, credits: {知覚: 'somebody & co, CC0'}}
            baseline: L1
            tasks:
              noise:
                title: Noise
                experiment:
                  task: denoise:50
                  network: {name: dncnn, features: 4, layers: 3}
                  loss: l1
                  data: {train: '{}train', validation: '{}Set', patch: 16}
                  schedule: {iterations: 4, batch: 2, learning_rate: 1e-3}
                  validation: {images: 0, every: 2, measures: [psnr_y]}
                restorers: {Input: identity}
            """).Replace("HOSTILE", Hostile.Replace("'", "''", StringComparison.Ordinal), StringComparison.Ordinal));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_comparison_ends_with_a_page_and_a_second_run_makes_the_same_one()
    {
        var answer = Run("compare {}comparison.yaml -o {}out --jobs 2 --json");
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.DoesNotContain(answer.Error.Split('\n'), line => line.StartsWith("mdf:", StringComparison.Ordinal));
        Assert.Equal(0, JsonDocument.Parse(answer.Output).RootElement.GetProperty("tasks")[0].GetProperty("problems").GetArrayLength());
        var page = File.ReadAllText(_folder.File("out/site/index.html"));
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", page, StringComparison.Ordinal);
        Assert.Contains("somebody &amp; co, CC0", page, StringComparison.Ordinal);
        Assert.Contains("mdf train noise.yaml --set loss=l1 --set seed=1 --threads 2 -o noise/l1/seed-1\nmdf train noise.yaml --set loss=l1 --set seed=2 --threads 2 -o noise/l1/seed-2\n", page, StringComparison.Ordinal);
        Assert.Contains("mdf evaluate noise/*/seed-*/last.safetensors --task denoise:50 --metrics psnr_y,flip --means --data TEST-SET", page, StringComparison.Ordinal);
        Assert.Contains("Training: 4 steps on train, batch 2, patches of 16 pixels. 2 networks for each loss", page, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder.File(""), page.Replace("\\u002F", "/", StringComparison.Ordinal).Split("<pre")[0], StringComparison.Ordinal); // no path of this machine, except in the experiment itself
        using var data = JsonDocument.Parse(page.Split("id=\"mdfData\">")[1].Split("</script>")[0]);
        var picture = data.RootElement.GetProperty("tasks")[0].GetProperty("pictures")[0];
        Assert.Equal((40, 40, "知覚"), (picture.GetProperty("width").GetInt32(), picture.GetProperty("height").GetInt32(), picture.GetProperty("title").GetString()));
        var files = _folder.File("out/site/" + picture.GetProperty("folder").GetString());
        Assert.Equal(["flip/l1", "flip/script-alert-1-script", "l1", "original/distorted", "original/flip", "original/psnr-chroma", "original/reference", "psnr-chroma/l1", "psnr-chroma/script-alert-1-script", "script-alert-1-script"],
            Directory.EnumerateFiles(files, "*", SearchOption.AllDirectories).Select(file => Path.ChangeExtension(Path.GetRelativePath(files, file), null).Replace('\\', '/')).Where(file => !file.Contains("resnet18", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        foreach (var file in new[] { "site.css", "site.js", "img-comparison-slider.js", "plots/noise-plane-flip.svg", "plots/noise-training.svg", "tables/noise/set.csv", "tables/noise/set.tex", "tables/noise/set.pairs.csv" })
            Assert.True(File.Exists(_folder.File($"out/site/{file}")), file);
        Assert.Matches(@"Noise: Set, 3 images; ± over seeds; ○ no other is significantly better\*\*\n\n\| loss +\| +PSNR-Y \(dB\) ↑ \| +FLIP ↓ \|", File.ReadAllText(_folder.File("out/site/tables/noise/set.md")));
        var scores = NetworkScores.Read(_folder.File("out/noise/cells/loss=_script_alert_1___script___,seed=1/scores.json"))!;
        Assert.Equal([0.25, 0.5, 0.75], scores.Between.Select(between => between.Position));
        Assert.Empty(NetworkScores.Read(_folder.File("out/noise/cells/loss=L1,seed=1/scores.json"))!.Between);

        var written = File.GetLastWriteTimeUtc(_folder.File("out/noise/cells/loss=L1,seed=1/scores.json"));
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        Assert.Equal(page, File.ReadAllText(_folder.File("out/site/index.html")));
        Assert.Equal(written, File.GetLastWriteTimeUtc(_folder.File("out/noise/cells/loss=L1,seed=1/scores.json")));

        // Another report of the same results, and of a single task, is the same page.
        Assert.Equal(0, Run("report {}out/noise -o {}again").ExitCode);
        Assert.Equal(page, File.ReadAllText(_folder.File("again/index.html")));
    }

    [Fact]
    public void A_page_says_what_its_rows_are_without_paths()
    {
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        // One job: all losses have their first seed before any has its second.
        var ended = Directory.EnumerateDirectories(_folder.File("out/noise/cells")).ToLookup(cell => cell[^1], cell => File.GetLastWriteTimeUtc(Path.Combine(cell, "last.safetensors")));
        Assert.True(ended['1'].Max() <= ended['2'].Min());
        var path = _folder.File("out/noise/task.json");
        var text = File.ReadAllText(path);
        Assert.Contains("\"restorer\": \"identity\"", text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace("\"loss\": \"l1\"", "\"loss\": \"0.5*l1\\u002Bflip\"", StringComparison.Ordinal).Replace("\"loss\": \"mse\"", "\"loss\": \"mdf:'/secret/C\\u002B\\u002B/stack.safetensors'\"", StringComparison.Ordinal));
        Assert.Equal(0, Run("report {}out -o {}site").ExitCode);
        var page = File.ReadAllText(_folder.File("site/index.html"));
        var row = page.Split("<tr>").Skip(1).First(part => part.Contains("<bdi>L1</bdi>", StringComparison.Ordinal)).Split("</tr>")[0];
        Assert.Contains("<bdi>L1</bdi> <small>0.5*l1+flip</small>", row, StringComparison.Ordinal);
        Assert.Equal(1, row.Split('†').Length - 1); // of the two measures, FLIP is part of this loss
        Assert.Contains("†</span>Trained with this measure", page, StringComparison.Ordinal);
        Assert.Contains("<small>mdf:&#39;stack.safetensors&#39;</small>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("/secret/", page.Split("<pre")[0], StringComparison.Ordinal);
        Assert.Matches(@"; † trained with this measure\*\*\n", File.ReadAllText(_folder.File("site/tables/noise/set.md")));
        Assert.Contains("$\\dagger$", File.ReadAllText(_folder.File("site/tables/noise/set.tex")), StringComparison.Ordinal);
        using var data = JsonDocument.Parse(page.Split("id=\"mdfData\">")[1].Split("</script>")[0]);
        var task = data.RootElement.GetProperty("tasks")[0];
        Assert.Equal(2, task.GetProperty("rows").GetArrayLength()); // the input is there already
        var flip = task.GetProperty("pictures")[0].GetProperty("maps").GetProperty("flip");
        Assert.InRange(flip.GetProperty("brightest").GetDouble(), 0.01, 1);
        Assert.True(flip.GetProperty("hasInput").GetBoolean());

        // A description from before these entries.
        File.WriteAllText(path, string.Join('\n', text.Split('\n').Where(line => !line.Contains("\"restorer\"", StringComparison.Ordinal) && !line.Contains("\"training\"", StringComparison.Ordinal))).Replace("      ],\n    }", "      ]\n    }", StringComparison.Ordinal).Replace("\",\n}", "\"\n}", StringComparison.Ordinal));
        var answer = Run("report {}out -o {}site");
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Contains("Network: dncnn, features 4, layers 3. 2 networks", File.ReadAllText(_folder.File("site/index.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void Changed_images_and_restorers_are_measured_again()
    {
        Directory.CreateDirectory(_folder.File("results"));
        foreach (var name in new[] { "a.png", "b.png", "c.png" })
            File.Copy(_folder.File($"Set/{name}"), _folder.File($"results/{name}"));
        File.Copy(_folder.File("pictures/知覚.png"), _folder.File("results/知覚.png"));
        var text = File.ReadAllText(_folder.File("comparison.yaml"));
        File.WriteAllText(_folder.File("comparison.yaml"), text.Replace("Input: identity", _folder.Local("Other: 'folder:{}results'"), StringComparison.Ordinal));
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        Assert.Equal(double.PositiveInfinity, Other());

        // The same size in bytes is no proof: the content counts.
        _folder.Image("results/a.png", seed: 8);
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        Assert.True(Other() < 30);

        // Another restorer under the same name.
        File.WriteAllText(_folder.File("comparison.yaml"), text.Replace("Input: identity", "Other: identity", StringComparison.Ordinal));
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        Assert.InRange(Other(), 10, 20); // noise of σ 50

        double Other() => NetworkScores.Read(_folder.File("out/noise/restorers/other/scores.json"))!.Sets[0].Images[0].Scores[Measures.PsnrY]!.Value;
    }

    [Fact]
    public void A_report_leaves_out_scores_of_other_test_images()
    {
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        var path = _folder.File("out/noise/cells/loss=L1,seed=1/scores.json");
        (NetworkScores.Read(path)! with { Settings = "others" }).Write(path);
        Assert.Contains("Noise: L1, seed 1: its scores are of other test images or measures: run the comparison again.", Run("report {}out -o {}site").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_dry_run_lists_the_trainings_of_all_tasks()
    {
        var answer = Run("compare {}comparison.yaml -o {}out --dry-run");
        Assert.Equal(0, answer.ExitCode);
        Assert.Contains("noise: loss=L1,seed=2", answer.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.File("out")));
    }

    [Theory]
    [InlineData("Input: identity", "Input: identify", "identify")]
    [InlineData("Input: identity", "Input: bicubic", "'bicubic' enlarges and does nothing for the t")]
    [InlineData("知覚: 'somebody", "coffee: 'somebody", "'gallery.credits' of 'noise' names 'coffee', and there is no such picture")]
    public void Mistakes_are_found_before_anything_is_trained(string from, string to, string expected)
    {
        var text = File.ReadAllText(_folder.File("comparison.yaml"));
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(_folder.File("comparison.yaml"), text.Replace(from, to, StringComparison.Ordinal));
        var answer = Run("compare {}comparison.yaml -o {}out");
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains(expected, answer.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.File("out/noise/cells")));
    }

    [Fact]
    public void A_new_test_image_is_measured_and_trainings_are_kept()
    {
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        var network = File.GetLastWriteTimeUtc(_folder.File("out/noise/cells/loss=L1,seed=1/last.safetensors"));
        _folder.Image(Path.Combine("Set", "d.png"), seed: 9);
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        Assert.Equal(network, File.GetLastWriteTimeUtc(_folder.File("out/noise/cells/loss=L1,seed=1/last.safetensors")));
        Assert.Equal(4, NetworkScores.Read(_folder.File("out/noise/cells/loss=L1,seed=1/scores.json"))!.Sets[0].Images.Count);
    }

    [Fact]
    public void Scores_of_test_sets_outlive_a_picture_that_cannot_be_restored()
    {
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        var path = _folder.File("out/noise/cells/loss=L1,seed=1/scores.json");
        var before = NetworkScores.Read(path)!;
        _folder.Image(Path.Combine("pictures", "b.png"), width: 48, height: 48, seed: 9);
        var blocked = Path.Combine(Path.GetDirectoryName(path)!, "pictures", "b.png");
        Directory.CreateDirectory(blocked); // the picture cannot be written
        Assert.Equal(1, Run("compare {}comparison.yaml -o {}out").ExitCode);
        var after = NetworkScores.Read(path)!;
        Assert.Equal((before.Settings, "", null), (after.Settings, after.PicturesSettings, after.Pictures));
        Assert.Equal(before.Sets[0].Images[0].Scores, after.Sets[0].Images[0].Scores);
        Directory.Delete(blocked);
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        Assert.Equal(2, NetworkScores.Read(path)!.Pictures!.Images.Count);
    }

    [Fact]
    public void A_page_has_comparisons_and_searches()
    {
        // A measure may be an expression.
        File.WriteAllText(_folder.File("comparison.yaml"), File.ReadAllText(_folder.File("comparison.yaml")).Replace("measures: [psnr_y", "measures: [0.5*mse+l1, psnr_y", StringComparison.Ordinal));
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        var experiment = File.ReadAllText(_folder.File("comparison.yaml")).Split("    experiment:\n")[1].Split("    restorers:")[0];
        File.WriteAllText(_folder.File("search.yaml"), $"experiment:\n{experiment}seeds: [1, 2]\nthreads: 2\n");
        Assert.Equal(0, Run("sweep {}search.yaml -o {}search").ExitCode);
        var answer = Run("report {}out {}search -o {}site --json");
        Assert.True(answer.ExitCode == 0, answer.Error);
        var result = JsonDocument.Parse(answer.Output).RootElement;
        Assert.Equal(("noise", "search-search"), (result.GetProperty("tasks")[0].GetProperty("id").GetString(), result.GetProperty("searches")[0].GetProperty("id").GetString()));
        Assert.Contains("href=\"#search-search\"", File.ReadAllText(_folder.File("site/index.html")), StringComparison.Ordinal);

        // A page can be made again without the runs, and joined with others. Two tasks of one name are both shown.
        Directory.Move(_folder.File("out/noise"), _folder.File("gone"));
        Assert.Equal(0, Run("report {}site -o {}again").ExitCode);
        string[] files = FilesOf("site");
        Assert.Equal(files, FilesOf("again"));
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(_folder.File($"site/{file}")), File.ReadAllBytes(_folder.File($"again/{file}"))));
        Assert.Equal(0, Run("report {}gone {}again {}site -o {}joined").ExitCode);
        var page = File.ReadAllText(_folder.File("joined/index.html"));
        Assert.All(["noise", "noise-2", "noise-3", "search-search", "search-search-2"], id => Assert.Contains($"<section class=\"task\" id=\"{id}\"", page, StringComparison.Ordinal));
        Assert.Equal(FilesOf("joined/pictures/noise"), FilesOf("joined/pictures/noise-3"));
        Assert.Equal(File.ReadAllBytes(_folder.File("site/pictures/noise/x/l1.webp")), File.ReadAllBytes(_folder.File("joined/pictures/noise-2/x/l1.webp")));
        Assert.Equal(File.ReadAllBytes(_folder.File("site/tables/noise/set.pairs.csv")), File.ReadAllBytes(_folder.File("joined/tables/noise-3/set.pairs.csv")));
        Assert.True(File.Exists(_folder.File("joined/plots/noise-3-training.svg")));
        foreach (var line in new[] { "mdf train noise-2.yaml --set loss=l1 --set seed=1 --threads 2 -o noise-2/l1/seed-1\n", "<bdi>noise-3.yaml</bdi>", "mdf evaluate noise-3/*/seed-*/last.safetensors --task denoise:50" })
            Assert.Contains(line, page, StringComparison.Ordinal);
        answer = Run("report {}gone {}site -o {}again/../site");
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains("the page in it is one of those to read", answer.Error, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(_folder.File("linked"));
            Directory.CreateSymbolicLink(_folder.File("linked/pictures"), _folder.File("site/pictures"));
            Assert.Contains("the page in it is one of those to read", Run("report {}again {}site -o {}linked").Error, StringComparison.Ordinal);
        }

        // A page in the folder of its run does not hide the run, or double it.
        foreach (var _ in new[] { 1, 2 })
            Assert.Equal(0, Run("report {}gone -o {}gone").ExitCode);
        Assert.DoesNotContain("id=\"noise-2\"", File.ReadAllText(_folder.File("gone/index.html")), StringComparison.Ordinal);

        string[] FilesOf(string folder) => [.. Directory.EnumerateFiles(_folder.File(folder), "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(_folder.File(folder), file)).Order(StringComparer.Ordinal)];
    }

    [Fact]
    public async Task A_report_says_that_error_maps_are_left_out_where_their_scores_are_shown()
    {
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        Assert.Equal("", await Report()); // nobody asked for the maps of ResNet-18 here

        var path = _folder.File("out/noise/task.json");
        var description = JsonNode.Parse(File.ReadAllText(path))!;
        description["measures"]!.AsArray().Add("resnet18");
        File.WriteAllText(path, description.ToJsonString());
        Assert.StartsWith("mdf: error maps: 'resnet18' is left out: ", Assert.Single((await Report()).TrimEnd('\n').Split('\n')), StringComparison.Ordinal);

        async Task<string> Report()
        {
            using var process = MdfProgram.Start([.. "report {}out -o {}site".Split(' ').Select(_folder.Local)], [("MDF_WEIGHTS_HOME", _folder.File("no-weights"))]);
            var answer = await MdfProgram.Finish(process);
            Assert.Equal(0, answer.ExitCode);
            return string.Concat(answer.Error.Split('\n').Where(line => line.StartsWith("mdf:", StringComparison.Ordinal)).Select(line => line + "\n"));
        }
    }

    [Fact]
    public void A_page_is_not_trusted()
    {
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        var path = _folder.File("out/site/site.json");
        var text = File.ReadAllText(path);
        foreach (var (from, to) in new[]
        {
            ("\"id\": \"noise\"", "\"id\": \"../noise\""),
            ("\"id\": \"l1\"", "\"id\": \"L1 \\u003Cscript\\u003E\""),
            ("\"id\": \"l1\"", "\"id\": \"input\""),
            ("\"l1.webp\"", "\"../../../secret.webp\""),
            ("\"l1.webp\"", "\"script-alert-1-script.webp\""),
            ("\"id\": \"l1\"", "\"id\": \"l1\\n\""),
            ("\"brightest\": ", "\"brightest\": \"Infinity\", \"x\": "),
            ("\"format\": \"F2\"", "\"format\": \"G0\""),
            ("\"name\": \"flip\"", "\"name\": \"networks\""),
            ("\"searches\": []", "\"searches\": null"),
            ("\"name\": \"training.svg\"", "\"name\": \"/../training.svg\""),
            ("\"format\": \"F2\"", "\"format\": \"F999999999\""),
            ("\"name\": \"flip\"", "\"name\": \"psnr_y_low\""),
            ("\"first\": 0", "\"first\": 3"),
            ("\"measure\": 1", "\"measure\": -1"),
            ("\"rank\": \"best\"", "\"rank\": 7"),
            ("\"width\": 40", "\"width\": 0"),
            ("\"summary\"", "\"other\""),
            ("\"commands\": [", "\"commands\": [null,"),
            ("\"rows\": [", "\"rows\": [null,"),
            ("\"restored\": [", "\"restored\": [null,"),
            ("\"page\": {", "\"page\": 3, \"x\": {"),
        })
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));
            Refused("report {}out/site -o {}site", "expected the content of a page, found something else", $"{from} → {to}");
        }

        File.WriteAllText(path, text.Replace("\"version\": 1", "\"version\": 2", StringComparison.Ordinal));
        Refused("report {}out/site -o {}site", "expected version 1 of the content of a page, found another one", "version");
        File.WriteAllText(path, "{\"version\": 2, \"content\": {}}");
        Refused("report {}out/site -o {}site", "expected version 1 of the content of a page, found another one", "another form");
        File.Delete(path);
        Refused("report {}out/site -o {}site", "has a page without site.json, as older versions wrote it: make it again from its runs", "an older page");
        File.WriteAllText(path, text.Replace("\"text\": \"", "\"text\": \"<script>", StringComparison.Ordinal).Replace("\"title\": \"Noise\"", "\"title\": \"</script><b>\"", StringComparison.Ordinal));
        Assert.Equal(0, Run("report {}out/site -o {}encoded").ExitCode);
        Assert.Contains("<h2 id=\"noise-title\">&lt;/script&gt;&lt;b&gt;</h2>", File.ReadAllText(_folder.File("encoded/index.html")), StringComparison.Ordinal);

        File.WriteAllText(path, text);
        var picture = _folder.File("out/site/pictures/noise/x/l1.webp");
        File.Delete(picture);
        Refused("report {}out/site -o {}site", "there is no such file", "a missing picture");
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(picture, _folder.File("comparison.yaml"));
            Refused("report {}out/site -o {}site", "expected a file of a page, found a link", "a link");
            File.Delete(picture);
        }

        File.Copy(_folder.File("encoded/pictures/noise/x/l1.webp"), picture);
        var plot = _folder.File("out/site/plots/noise-training.svg");
        File.WriteAllText(plot, File.ReadAllText(plot).Replace("</svg>", "<script>alert(1)</script></svg>", StringComparison.Ordinal));
        Refused("report {}out/site -o {}site", "expected a drawing, found scripts, links, or no SVG", "a plot with a script");

        void Refused(string line, string expected, string about)
        {
            var answer = Run(line);
            Assert.True(answer.ExitCode == 2 && answer.Output.Length == 0 && answer.Error.Contains(expected, StringComparison.Ordinal) && answer.Error.TrimEnd('\n').Split('\n').Length == 1, $"{about}: {answer.ExitCode} {answer.Error}");
            Assert.False(Directory.Exists(_folder.File("site")), about);
        }
    }

    [Fact]
    public void A_task_that_the_file_no_longer_names_is_not_on_the_page()
    {
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        File.WriteAllText(_folder.File("comparison.yaml"), File.ReadAllText(_folder.File("comparison.yaml")).Replace("  noise:", "  other:", StringComparison.Ordinal));
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        var page = File.ReadAllText(_folder.File("out/site/index.html"));
        Assert.Contains("id=\"other\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"noise\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_picture_is_restored_and_the_test_sets_are_not_measured_again()
    {
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        var path = _folder.File("out/noise/cells/loss=L1,seed=1/scores.json");
        var before = NetworkScores.Read(path)!;
        var marked = before with { Sets = [before.Sets[0] with { Images = [before.Sets[0].Images[0] with { Scores = new Dictionary<string, double?> { [Measures.PsnrY] = 1 } }, .. before.Sets[0].Images.Skip(1)] }] };
        marked.Write(path);
        _folder.Image(Path.Combine("pictures", "b.png"), width: 48, height: 48, seed: 9);
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        var after = NetworkScores.Read(path)!;
        Assert.NotEqual("", after.PicturesSettings);
        Assert.Equal(["b", "知覚"], after.Pictures!.Images.Select(image => image.Name).Order(StringComparer.Ordinal));
        Assert.Equal(1, after.Sets[0].Images[0].Scores[Measures.PsnrY]); // measured anew, it would have another value
        Assert.True(File.Exists(_folder.File("out/noise/cells/loss=L1,seed=1/pictures/b.png")));

        // Until the comparison has run again, a report leaves the old pictures out.
        (after with { PicturesSettings = "others" }).Write(path);
        var answer = Run("report {}out -o {}site");
        Assert.Contains("Noise: L1, seed 1: its pictures are of another gallery, or are not made yet, and are left out: run the comparison again.", answer.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("of other test images", answer.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_names_runs_that_failed_are_unfinished_or_are_corrupt()
    {
        File.WriteAllText(_folder.File("comparison.yaml"), File.ReadAllText(_folder.File("comparison.yaml")).Replace("': mse}", _folder.Local("': mse, Broken: 'mdf:{}none.safetensors'}"), StringComparison.Ordinal));
        var answer = Run("compare {}comparison.yaml -o {}out");
        Assert.Equal(1, answer.ExitCode);
        Assert.Contains("Noise: Broken, seed 1: the training failed: ", answer.Output, StringComparison.Ordinal);
        File.Delete(_folder.File("out/noise/cells/loss=L1,seed=2/scores.json"));
        File.WriteAllText(_folder.File("out/noise/restorers/input/scores.json"), "{}");
        answer = Run("report {}out -o {}site");
        Assert.Equal(0, answer.ExitCode);
        Assert.Contains("Noise: L1, seed 2: the network is not measured yet.", answer.Output, StringComparison.Ordinal);
        Assert.Contains("expected the scores of a network, found something else", answer.Output, StringComparison.Ordinal);
        Assert.Contains("no result", File.ReadAllText(_folder.File("site/index.html")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("report {}train -o {}site", "has no results to show: expected the folder of a comparison, of one of its tasks, of a sweep, or of a page")]
    [InlineData("report {}none -o {}site", "has no results to show")]
    [InlineData("report  -o {}site", "expected a folder with results, found an empty path")]
    [InlineData("compare {}none.yaml", "there is no such file")]
    [InlineData("compare {}comparison.yaml -o {}comparison.yaml", "is a file, not a folder")]
    public void A_mistake_is_one_line(string line, string expected)
    {
        var answer = Run(line);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Contains(expected, answer.Error, StringComparison.Ordinal);
        Assert.Single(answer.Error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public void A_description_that_leads_out_of_its_folder_or_is_far_too_long_is_refused()
    {
        Assert.Equal(0, Run("compare {}comparison.yaml -o {}out").ExitCode);
        var text = File.ReadAllText(_folder.File("out/noise/task.json"));
        foreach (var (from, to) in new[]
        {
            ("\"folder\": \"cells/loss=L1,seed=1\"", "\"folder\": \"../../../etc\""), ("\"name\": \"\\u77E5\\u899A\"", "\"name\": \"../../secret\""),
            ("\"loss\": \"l1\"", $"\"loss\": \"{new string(':', 20_000)}\""),
        })
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            File.WriteAllText(_folder.File("out/noise/task.json"), text.Replace(from, to, StringComparison.Ordinal));
            Assert.Contains("expected the description of a task of a comparison, found something else", Run("report {}out -o {}site").Error, StringComparison.Ordinal);
        }
    }

    private Answer Run(string line) => MdfProgram.Run([.. line.Split(' ').Select(_folder.Local)]);
}
