using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class SpecializationProbeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void S_has_the_geometric_mean_one_and_says_which_distortion_is_whose()
    {
        using var scope = NewDisposeScope();
        using var quantized = Loss("quantize:3", seed: 1);
        using var noisy = Loss("denoise:25", seed: 2);
        using var unknown = new MdfLoss(DiscriminatorStack.Untrained(scales: 1, seed: 3));
        var probe = SpecializationProbe.Run([quantized, noisy, unknown], [Picture(1), Picture(2)], seed: 5);

        Assert.Equal(["JPEG 10", "noise", "down and up by 4", "blur", "brightness", "shift by a pixel", "quantize:3"], probe.Select(row => row.Name));
        for (var i = 0; i < 3; i++)
            Assert.Equal(0, probe.Average(row => Math.Log(row.Specialization[i])), 1e-9);
        Assert.Equal((6, 0), probe.Select((row, i) => (Row: i, row.IsOwn)).Where(row => row.IsOwn[0]).Select(row => (row.Row, 0)).Single());
        Assert.Equal(1, probe.Select((row, i) => (Row: i, row.IsOwn)).Single(row => row.IsOwn[1]).Row);
        Assert.All(probe, row => Assert.False(row.IsOwn[2]));
        Assert.All(probe, row => Assert.All(row.Values, value => Assert.True(value > 0)));
    }

    /// <summary>For a loss that is the MSE itself in all but scale, no distortion is worse than another: each has been scaled to the same error.</summary>
    [Fact]
    public void All_distortions_have_the_same_mean_squared_error()
    {
        using var scope = NewDisposeScope();
        // A discriminator whose features are the image's channels.
        using var stack = DiscriminatorStack.Untrained(scales: 1, seed: 1);
        using (no_grad())
        {
            var tensors = stack[0].state_dict();
            foreach (var (name, tensor) in tensors.Where(entry => entry.Key.EndsWith("weight", StringComparison.Ordinal) && !entry.Key.Contains("norm", StringComparison.Ordinal)))
                tensor.zero_();
            for (var c = 0; c < 3; c++)
                tensors["head.conv.weight"][c, c, 1, 1] = 1;
            tensors["head.conv.bias"].Fill_(10); // far from the kink of leaky ReLU
            tensors["head.norm.weight"].Fill_(1);
        }

        using var loss = new MdfLoss(stack);
        var probe = SpecializationProbe.Run([loss], [Picture(3)], seed: 1, withControls: true);
        Assert.All(probe, row => Assert.InRange(row.Specialization[0], 0.85, 1.15)); // but for the border, which the features lack
    }

    [Fact]
    public void Controls_follow_the_distortions_and_leave_their_S_alone()
    {
        using var scope = NewDisposeScope();
        using var quantized = Loss("quantize:3", seed: 1);
        var without = SpecializationProbe.Run([quantized], [Picture(1)], seed: 5);
        var with = SpecializationProbe.Run([quantized], [Picture(1)], seed: 5, withControls: true);

        Assert.Equal(without.Select(row => (row.Name, row.Specialization[0])), with.Take(7).Select(row => (row.Name, row.Specialization[0])));
        Assert.All(with, (row, i) => Assert.Equal(i >= 7, row.IsControl));
        Assert.All(with.Skip(7), row => Assert.False(row.IsOwn[0]));
        Assert.Equal(
            [
                "JPEG 10, random phases", "down and up by 4, random phases", "blur, random phases", "shift by a pixel, random phases", "quantize:3, random phases",
                "noise in grey", "noise in colours", "grey noise below 1/32", "grey noise from 1/32", "grey noise from 1/16", "grey noise from 1/8", "grey noise above 1/4",
            ],
            with.Skip(7).Select(row => row.Name));
    }

    /// <summary>A stack file says that it was trained with a program: nothing is started.</summary>
    [Fact]
    public void The_metadata_of_a_stack_start_no_program()
    {
        using var scope = NewDisposeScope();
        var trace = _folder.File("trace");
        using var loss = Loss($"external:touch {trace}", seed: 1);
        var probe = SpecializationProbe.Run([loss], [Picture(1)], seed: 1);
        Assert.Equal(6, probe.Count);
        Assert.All(probe, row => Assert.False(row.IsOwn[0]));
        Assert.False(File.Exists(trace));
    }

    [Fact]
    public void Distortions_of_ones_own_have_rows_and_may_be_programs()
    {
        using var scope = NewDisposeScope();
        var gone = _folder.File("gone.png");
        ImageFile.Write(gone, Picture(9));
        var program = new ExternalDistortion($"sh -c \"cp '{gone}' '{{out}}'\" {{in}}", TimeSpan.FromHours(1));
        using var loss = Loss(program.Task, seed: 1);
        Distortion[] own = [Tasks.Parse("webp:5"), Tasks.Parse("denoise:10"), .. OperatingSystem.IsWindows() ? Array.Empty<Distortion>() : [program]];
        var probe = SpecializationProbe.Run([loss], [Picture(1)], seed: 5, own: own);
        Assert.Equal(["webp:5", .. own.Skip(2).Select(each => each.Task[..40] + "…")], probe.Skip(6).Select(row => row.Name)); // noise is there already
        Assert.Equal(own.Skip(2).Select(_ => true), probe.Where(row => row.IsOwn[0]).Select(row => row.IsOwn[0]));
        Assert.Contains("'quantize:8' damages nothing", Assert.Throws<InputException>(() => SpecializationProbe.Run([loss], [Picture(1)], seed: 5, own: [Tasks.Parse("quantize:8")])).Message);
    }

    /// <summary>A loss that sees colour alone finds nothing in the errors of a grey picture.</summary>
    [Fact]
    public void A_grey_picture_has_grey_errors()
    {
        using var scope = NewDisposeScope();
        using var stack = DiscriminatorStack.Untrained(scales: 1, seed: 1);
        using (no_grad())
        {
            var tensors = stack[0].state_dict();
            foreach (var (name, tensor) in tensors.Where(entry => entry.Key.EndsWith("weight", StringComparison.Ordinal) && !entry.Key.Contains("norm", StringComparison.Ordinal)))
                tensor.zero_();
            (tensors["head.conv.weight"][0, 0, 1, 1], tensors["head.conv.weight"][0, 1, 1, 1]) = (1, -1);
            tensors["head.norm.weight"].Fill_(1);
        }

        using var loss = new MdfLoss(stack);
        var picture = Picture(1);
        var coloured = SpecializationProbe.Run([loss], [picture], seed: 1).Single(row => row.Name == "noise").Values[0];
        var grey = SpecializationProbe.Run([loss], [picture.mean([1], keepdim: true).Mul(255).round().Div(255).expand(picture.shape)], seed: 1).Single(row => row.Name == "noise").Values[0];
        Assert.InRange(grey, 0, 1e-6 * coloured);
    }

    [Fact]
    public void A_picture_without_detail_is_refused()
    {
        using var scope = NewDisposeScope();
        using var loss = Loss("sisr", seed: 1);
        Assert.Contains("picture 2", Assert.Throws<InputException>(() => SpecializationProbe.Run([loss], [Picture(1), Full([1, 3, 40, 40], 0.5f)], seed: 1)).Message);
    }

    [Fact]
    public void A_picture_without_the_lowest_octave_is_refused_with_controls_only()
    {
        using var scope = NewDisposeScope();
        using var loss = Loss("sisr", seed: 1);
        var small = Picture(1)[.., .., ..32, ..32];
        Assert.Equal(6, SpecializationProbe.Run([loss], [small], seed: 1).Count);
        Assert.Contains("picture 1 and controls: expected more than 32 pixels", Assert.Throws<InputException>(() => SpecializationProbe.Run([loss], [small], seed: 1, withControls: true)).Message);
        Assert.Equal(17, SpecializationProbe.Run([loss], [Picture(1)[.., .., ..20, ..33]], seed: 1, withControls: true).Count);
    }

    private static MdfLoss Loss(string task, long seed)
    {
        var discriminator = new Discriminator(32);
        discriminator.CopyFrom(DiscriminatorStack.Untrained(scales: 1, seed)[0]);
        var stack = new DiscriminatorStack([discriminator], InputRange.Symmetric, new StackMetadata
        {
            Task = task,
            InputRange = InputRange.Symmetric,
            LayerWeights = LayerWeights.Equal,
            ScaleFactor = 0.8,
            Sizes = [new ImageSize(25, 25)],
            MaxSize = 25,
            Iterations = 1,
            ReconstructionWeight = 10,
            Recipe = "photograph",
            CoarsestNoise = 0,
            Seed = seed,
            Threads = 1,
            SourceSha256 = "",
            ProgramVersion = "",
        });
        stack.Freeze();
        return new MdfLoss(stack);
    }

    private static Tensor Picture(ulong seed)
    {
        using var random = new Generator(seed);
        return Resampler.Bicubic(rand([1, 3, 10, 12], generator: random), 60, 72).Mul(0.8).Add(rand([1, 3, 60, 72], generator: random).Mul(0.1)).Clamp(0, 1);
    }
}
