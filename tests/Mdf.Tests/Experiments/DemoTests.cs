using Mdf.Discriminators;
using Mdf.Experiments;
using Mdf.Imaging;
using static TorchSharp.torch;

namespace Mdf.Tests.Experiments;

public sealed class DemoTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_demonstration_writes_what_it_promises()
    {
        using var scope = NewDisposeScope();
        var photo = Photograph("chelsea.png");
        var photographs = new DemoPhotographs(photo, "", Photograph("astronaut.png"), Photograph("coffee.png"));
        var result = Demo.Run(photographs, new DemoSize(Iterations: 2, Scales: 1, RecoverySteps: 40, NetworkSteps: 100), seed: 0, _folder.File("demo"));

        Assert.True(result.IsSuccess, $"{result.Gain} dB");
        Assert.Equal(result.RecoveredPsnr - result.StartPsnr, result.Gain);
        Assert.Equal(["JPEG", "blur", "noise", "brightness"], result.Comparison.Rows.Select(row => row[0]));
        Assert.Equal(
            ["blur.png", "brightness.png", "comparison.csv", "comparison.md", "img-comparison-slider.LICENSE.txt", "img-comparison-slider.js", "index.html", "jpeg.png", "noise.png", "overview.png", "recovery-psnr.png",
                "recovery.png", "reference.png", "restoration.csv", "restoration.md", "restoration.png", "site.css", "site.js", "site.json", "stack.safetensors"],
            Directory.GetFiles(_folder.File("demo")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var page = File.ReadAllText(Path.Combine(_folder.File("demo"), "index.html"));
        foreach (var text in new[] { "Trained here, MDF", "Shipped network", "Super-resolution by 4", "100 steps on two photographs", "plots/jpeg10-overview.png" })
            Assert.Contains(text, page, StringComparison.Ordinal);
        var again = Cli.MdfProgram.Run("report", _folder.File("demo"), "-o", _folder.File("again"));
        Assert.True(again.ExitCode == 0, again.Error);
        Assert.Equal(page, File.ReadAllText(Path.Combine(_folder.File("again"), "index.html")));
        using var stack = DiscriminatorStack.Load(Path.Combine(_folder.File("demo"), "stack.safetensors"));
        Assert.Equal("jpeg:10", stack.Metadata!.Task);
        var psnr = result.Restoration.Rows.Select(row => (double)row[1]!).ToArray();
        Assert.True(psnr[1] > psnr[0] + 0.05, $"MSE: {psnr[0]} → {psnr[1]} dB");
        // An 8-bit photograph comes back as it was.
        Assert.True(Golden.AreEqual(photo, ImageFile.Read(Path.Combine(_folder.File("demo"), "reference.png"))));
    }

    private static Tensor Photograph(string name) => ImageFile.Read(Path.Combine(Shared.Repository, "samples", "photographs", name));
}
