// Writes the folder of a comparison with many pictures and losses, without any training: `mdf report FOLDER` makes the page whose weight the browser tests measure.
//
//   dotnet run tests/site/large.cs FOLDER [PICTURES [LOSSES]]     default: 500 pictures, 10 losses
//
// All pictures are copies of a few small ones; all numbers are made up.
using System.Globalization;
using System.Text.Json;

if (args is not [var folder, ..])
{
    Console.Error.WriteLine("usage: dotnet run tests/site/large.cs FOLDER [PICTURES [LOSSES]]");
    return 2;
}

var (pictures, losses) = (args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 500, args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 10);
var task = Path.Combine(folder, "large");
var options = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
var names = Enumerable.Range(0, pictures).Select(i => string.Create(CultureInfo.InvariantCulture, $"picture{i:D3}")).ToArray();
var rows = Enumerable.Range(0, losses).Select(i => (Name: string.Create(CultureInfo.InvariantCulture, $"Loss {i}"), Folder: string.Create(CultureInfo.InvariantCulture, $"cells/loss={i}"))).ToArray();
string[] photographs = ["astronaut", "chelsea", "coffee"];
foreach (var (name, i) in names.Select((name, i) => (name, i)))
{
    Copy(Path.Combine("originals", name + ".png"), i);
    Copy(Path.Combine("distorted", name + ".png"), i);
    foreach (var row in rows)
        Copy(Path.Combine(row.Folder, "pictures", name + ".png"), i);
}

Write("task.json", new
{
    Comparison = "A large comparison", Order = 0, Id = "large", Title = "Many pictures", Task = "jpeg:10", Network = "dncnn", Sets = new[] { "pictures" }, Measures = new[] { "psnr_y", "flip" },
    Rows = rows.Select(row => new { row.Name, Loss = "l1", Results = new[] { new { Seed = 1, row.Folder } } }), Pictures = names.Select(name => new { Name = name, Credit = "nobody, CC0" }), PictureSize = 64, Threads = 1,
});
foreach (var (row, r) in rows.Select((row, r) => (row, r)))
{
    var images = names.Select((name, i) => new { Name = name, Scores = new Dictionary<string, double> { ["psnr_y"] = 30 + i % 7 + 0.1 * r, ["flip"] = 0.1 + 0.001 * r } }).ToArray();
    Write(Path.Combine(row.Folder, "scores.json"), new
    {
        row.Name, Seed = 1, Loss = "l1", Key = "made up", Sets = new[] { new { Name = "pictures", Protocol = "made up", Images = images } },
        Pictures = new { Name = "pictures", Protocol = "made up", Images = images }, Between = Array.Empty<object>(),
    });
}

return 0;

void Copy(string to, int i)
{
    var path = Path.Combine(task, to);
    Directory.CreateDirectory(Path.GetDirectoryName(path)!);
    File.Copy(Path.Combine("tests", "site", "small", photographs[i % photographs.Length] + ".png"), path, overwrite: true);
}

void Write(string to, object content)
{
    var path = Path.Combine(task, to);
    Directory.CreateDirectory(Path.GetDirectoryName(path)!);
    File.WriteAllText(path, JsonSerializer.Serialize(content, options));
}
