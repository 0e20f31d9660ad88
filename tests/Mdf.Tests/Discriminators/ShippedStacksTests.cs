using System.Globalization;
using System.Security.Cryptography;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Training;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Discriminators;

public sealed class ShippedStacksTests
{
    private static readonly string s_folder = Path.Combine(Shared.Repository, "models", "stacks");

    public static TheoryData<string> Names => [.. ShippedStacks.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_card_says_what_the_file_says(string name)
    {
        using var stack = DiscriminatorStack.Load(name);
        var card = File.ReadAllText(Path.Combine(s_folder, "README.md"));
        var metadata = stack.Metadata!;
        Assert.Equal(new WeightsFile(name, Hash(Path.Combine(s_folder, name + ".safetensors"))), stack.ReadFrom);
        Assert.Contains(stack.ReadFrom!.Sha256, card);
        Assert.Contains(metadata.SourceSha256, card);
        Assert.Contains($"--task {metadata.Task}{Options(metadata)} --seed {metadata.Seed} --threads {metadata.Threads} -o {name}.safetensors", card);
        Assert.Equal(8, stack.Count);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"| 8 × {metadata.Iterations:N0}"), card);
        Assert.Contains(metadata.SourceSha256, Directory.EnumerateFiles(Path.Combine(Shared.Repository, "samples", "photographs"), "*.png").Select(Hash));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_shipped_loss_leads_from_a_noisy_photograph_to_the_clean_one(string name)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(1);
        var reference = Reference();
        var noisy = new GaussianNoise(25).Apply(reference, random);
        AssertGain(4, name, reference, noisy, learningRate: 0.01);
    }

    // That for noise counts the final maps alone, which say nothing of an image that is nothing but noise.
    [Theory]
    [InlineData("jpeg")]
    [InlineData("sisr")]
    public void A_shipped_loss_leads_from_noise_alone_to_a_photograph(string name)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(1);
        var reference = Reference();
        AssertGain(12, name, reference, rand(reference.shape, generator: random), learningRate: 0.1);
    }

    private static void AssertGain(double decibels, string name, Tensor reference, Tensor start, double learningRate)
    {
        using var loss = LossExpression.Parse($"mdf:{name}").Create();
        using var result = PixelRecovery.Run(loss, reference, start, steps: 60, learningRate);
        Assert.True(result.PsnrPerStep[^1] > result.PsnrPerStep[0] + decibels, $"{result.PsnrPerStep[0]:F2} → {result.PsnrPerStep[^1]:F2} dB");
    }

    // None of them was trained on it.
    private static Tensor Reference() =>
        ImageFile.Read(Path.Combine(Shared.Repository, "samples", "photographs", "chelsea.png"))[.., .., 40..104, 60..124].contiguous();

    /// <summary>What of the training was not left as it is by default, as the command line has it.</summary>
    private static string Options(StackMetadata metadata)
    {
        var usual = new LossTrainingOptions { Distortion = Tasks.Parse(metadata.Task) };
        var options = new (string Text, bool IsUsual)[]
        {
            ($"--recipe {metadata.Recipe}", metadata.Recipe == usual.Recipe.Name),
            (string.Create(CultureInfo.InvariantCulture, $"--iterations {metadata.Iterations}"), metadata.Iterations == usual.Iterations),
            (string.Create(CultureInfo.InvariantCulture, $"--coarsest-noise {metadata.CoarsestNoise}"), metadata.CoarsestNoise == usual.CoarsestNoise),
            (string.Create(CultureInfo.InvariantCulture, $"--reconstruction-weight {metadata.ReconstructionWeight}"), metadata.ReconstructionWeight == usual.ReconstructionWeight),
            ($"--input-range {metadata.InputRange}", metadata.InputRange == usual.InputRange),
            ($"--layer-weights {metadata.LayerWeights}", metadata.LayerWeights == usual.LayerWeights),
        };
        return string.Concat(options.Where(option => !option.IsUsual).Select(option => " " + option.Text));
    }

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}
