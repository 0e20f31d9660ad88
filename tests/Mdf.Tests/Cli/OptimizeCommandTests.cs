using System.Buffers.Binary;
using System.Text.Json;
using Mdf.Evaluation;
using Mdf.Imaging;
using static TorchSharp.torch;

namespace Mdf.Tests.Cli;

public sealed class OptimizeCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// The curves that the authors published (<c>psnr/*.npy</c>, 500 steps on a GPU), from their picture, their noise and their
    /// rate. Adam's steps amplify rounding, so the beginning is compared.
    /// </summary>
    [Theory]
    [InlineData("l1", "L1", 40)]
    [InlineData("mse", "L2", 40)]
    [InlineData("ssim-upstream", "SSIM", 30)]
    [InlineData("ms-ssim-upstream", "MSSSIM", 30)]
    [InlineData("mdf", "MDF", 3)] // some 8 s and 4 GB a step on two cores, the plain way
    public void The_authors_curves_are_repeated(string loss, string curve, int steps)
    {
        var published = ReadNumbers(Shared.Path("reference", "upstream", "psnr", $"PSNRs_{curve}.npy"));
        var expression = loss == "mdf" ? $"mdf:{Shared.Path("reference", "upstream", "Ds_SISR.pth")}" : loss;
        var found = Psnrs(Json(
            "optimize", "--reference", Shared.Path("reference", "upstream", "i10.png"), "--start", Shared.Path("reference", "upstream", "noisy_img.pt"),
            "--loss", expression, "--steps", $"{steps}", "--lr", "0.1"));
        Assert.Equal(steps, found.Length);
        Assert.All(found.Zip(published), (pair, step) =>
            Assert.True(Math.Abs(pair.First - pair.Second) < 0.002, $"step {step}: found {pair.First} dB, published {pair.Second} dB"));
    }

    [Fact]
    public void The_recovered_image_and_the_plot_are_written_and_one_seed_gives_the_same_bytes()
    {
        var reference = _folder.Image("clean.png");
        string[] Line(string name, string seed) =>
            ["optimize", "--reference", reference, "--loss", $"mdf:{_folder.Stack()}", "--steps", "4", "--seed", seed,
                "-o", _folder.File(name + ".png"), "--plot", _folder.File(name + "-curve.png")];

        var result = Json(Line("first", "1"));
        Assert.Equal(0, MdfProgram.Run(Line("again", "1")).ExitCode);
        Assert.Equal(0, MdfProgram.Run(Line("other", "2")).ExitCode);
        Assert.Equal(File.ReadAllBytes(_folder.File("first.png")), File.ReadAllBytes(_folder.File("again.png")));
        Assert.Equal(File.ReadAllBytes(_folder.File("first-curve.png")), File.ReadAllBytes(_folder.File("again-curve.png")));
        Assert.NotEqual(File.ReadAllBytes(_folder.File("first.png")), File.ReadAllBytes(_folder.File("other.png")));

        using var scope = NewDisposeScope();
        var written = Psnr.Compute(ImageFile.Read(_folder.File("first.png")), ImageFile.Read(reference));
        Assert.Equal(result.GetProperty("finalPsnr").GetDouble(), written, 0.01); // rounded to 8 bits
        Assert.True(ImageFile.Read(_folder.File("first-curve.png")).shape is [1, 3, > 100, > 100]);
    }

    [Fact]
    public void An_image_can_be_the_start_and_the_curve_begins_there()
    {
        var (clean, start) = (_folder.Image("clean.png"), _folder.Image("start.png", seed: 6));
        var result = Json("optimize", "--reference", clean, "--start", start, "--loss", "mse", "--steps", "20", "--lr", "0.02");
        using var scope = NewDisposeScope();
        var psnr = Psnrs(result);
        Assert.Equal(Psnr.Compute(ImageFile.Read(start), ImageFile.Read(clean)), psnr[0], 1e-9);
        Assert.True(psnr[^1] > psnr[0] + 3, $"{psnr[0]} dB → {psnr[^1]} dB");
        Assert.True(result.GetProperty("finalPsnr").GetDouble() > psnr[^1]);
        Assert.Equal(20, result.GetProperty("values").GetArrayLength());
    }

    [Fact]
    public void The_answer_is_one_line_and_progress_is_on_standard_error()
    {
        var answer = MdfProgram.Run("optimize", "--reference", _folder.Image("clean.png"), "--loss", "l1", "--steps", "2");
        Assert.Equal(0, answer.ExitCode);
        Assert.Matches(@"^l1: PSNR \d+\.\d\d dB at the start, \d+\.\d\d dB after 2 steps; loss 0\.\d+ → 0\.\d+\n$", answer.Output);
        Assert.StartsWith("recovery under l1: 1/2, loss ", answer.Error);
    }

    [Fact]
    public void A_recovery_that_diverges_is_a_failure_and_writes_nothing()
    {
        var clean = _folder.Image("clean.png");
        var answer = MdfProgram.Run(
            "optimize", "--reference", clean, "--loss", "mse", "--steps", "9", "--lr", "1e30", "-o", _folder.File("out.png"));
        Assert.Equal((1, ""), (answer.ExitCode, answer.Output));
        Assert.Contains("the recovery under mse diverged at step 1: try a smaller learning rate", answer.Error);
        Assert.Equal([clean], _folder.Content());
    }

    private static JsonElement Json(params string[] args)
    {
        var answer = MdfProgram.Run([.. args, "--json"]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        return json.RootElement.Clone();
    }

    private static double[] Psnrs(JsonElement result) => [.. result.GetProperty("psnr").EnumerateArray().Select(value => value.GetDouble())];

    /// <summary>Reads a NumPy file, version 1: magic, version, length of the header, header, then the numbers.</summary>
    private static double[] ReadNumbers(string path)
    {
        var bytes = File.ReadAllBytes(path).AsSpan();
        Assert.Equal<byte>([0x93, .. "NUMPY"u8, 1, 0], bytes[..8].ToArray());
        var length = BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]);
        var header = System.Text.Encoding.ASCII.GetString(bytes.Slice(10, length));
        Assert.Contains("'descr': '<f8', 'fortran_order': False", header);
        var content = bytes[(10 + length)..];
        var numbers = new double[content.Length / sizeof(double)];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = BinaryPrimitives.ReadDoubleLittleEndian(content[(i * sizeof(double))..]);
        return numbers;
    }
}
