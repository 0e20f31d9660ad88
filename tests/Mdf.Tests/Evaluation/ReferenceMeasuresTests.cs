using System.Diagnostics;
using System.Text.Json;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Tests.Cli;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

/// <summary>Compares <c>mdf score</c> with scikit-image, or, without it, with its formulas in NumPy. Skipped without Python and NumPy.</summary>
public sealed class ReferenceMeasuresTests : IDisposable
{
    private const int Border = 4;
    private static readonly string[] s_measures = ["psnr", "ssim", "psnr_y", "ssim_y"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Score_equals_scikit_image_on_a_folder_of_pairs_with_a_border()
    {
        var python = Array.Find(["python3", "/usr/bin/python3"], command => Run(command, "-c", "import numpy") is not null);
        Assert.SkipUnless(python is not null, "needs python3 with NumPy");
        var pairs = new List<object[]>();
        using (NewDisposeScope())
        using (var random = new Generator(5))
        {
            Directory.CreateDirectory(_folder.File("clean"));
            Directory.CreateDirectory(_folder.File("noisy"));
            foreach (var name in new[] { "astronaut", "chelsea", "coffee" })
            {
                var clean = ImageFile.Read(Path.Combine(Shared.Repository, "samples", "photographs", name + ".png"));
                var noisy = clean.Add(randn(clean.shape, generator: random).Mul(0.05)).Clamp(0, 1);
                ImageFile.Write(_folder.File(Path.Combine("clean", name + ".png")), clean);
                ImageFile.Write(_folder.File(Path.Combine("noisy", name + "_x4.png")), noisy);
                pairs.Add([Raw($"clean-{name}", clean), Raw($"noisy-{name}", noisy), clean.shape[2], clean.shape[3]]);
            }
        }

        var list = _folder.File("pairs.json", JsonSerializer.SerializeToUtf8Bytes(pairs));
        var script = Path.Combine(Shared.Repository, "tests", "reference-measures.py");
        using var expected = JsonDocument.Parse(Run(python, script, $"{Border}", list)!);
        var answer = MdfProgram.Run("score", _folder.File("clean"), _folder.File("noisy"), "--metrics", string.Join(',', s_measures), "--border", $"{Border}", "--json");
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var found = JsonDocument.Parse(answer.Output);
        foreach (var (row, reference) in found.RootElement.GetProperty("scores").EnumerateArray().Zip(expected.RootElement.GetProperty("scores").EnumerateArray()))
        {
            foreach (var measure in s_measures)
                Assert.Equal(reference.GetProperty(measure).GetDouble(), row.GetProperty(measure).GetDouble(), 1e-6);
        }

        Assert.Equal(pairs.Count, expected.RootElement.GetProperty("scores").GetArrayLength());
    }

    private string Raw(string name, Tensor image)
    {
        var samples = Pixels.Levels(image, bitDepth: 8)[0].permute(1, 2, 0).contiguous().to(uint8);
        return _folder.File(name + ".rgb", samples.data<byte>().ToArray());
    }

    /// <summary>Runs a program. The result is its output, or null if it cannot be started or fails.</summary>
    private static string? Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? output : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
