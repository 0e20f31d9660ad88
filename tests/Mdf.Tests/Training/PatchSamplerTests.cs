using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Training;
using static TorchSharp.torch;

namespace Mdf.Tests.Training;

public sealed class PatchSamplerTests : IDisposable
{
    private const int Patch = 16;

    private readonly TemporaryFolder _folder = new();
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("sisr:2", 8)]
    [InlineData("denoise:25", 16)]
    [InlineData("denoise:5-50", 16)]
    [InlineData("jpeg:10-40", 16)]
    public void A_batch_is_a_function_of_the_seed_and_its_index(string task, int side)
    {
        var (first, second) = (Sampler(task, seed: 3), Sampler(task, seed: 3));
        using var batch = first.Sample(7);
        foreach (var other in new long[] { 0, 1, 8 })
            second.Sample(other).Dispose();
        using var again = second.Sample(7);

        Assert.Equal([5, 3, side, side], batch.Distorted.shape);
        Assert.Equal([5, 3, Patch, Patch], batch.Reference.shape);
        Assert.True(Golden.AreEqual(batch.Distorted, again.Distorted) && Golden.AreEqual(batch.Reference, again.Reference));
        using var next = second.Sample(8);
        using var otherSeed = Sampler(task, seed: 4).Sample(7);
        Assert.False(Golden.AreEqual(batch.Reference, next.Reference));
        Assert.False(Golden.AreEqual(batch.Reference, otherSeed.Reference));
    }

    [Fact]
    public void Patches_come_from_all_images_and_lie_in_all_eight_ways()
    {
        // A picture of one patch: every patch is it, turned.
        var image = rand(1, 3, Patch, Patch, generator: Draws).Mul(255).round().Div(255);
        ImageFile.Write(_folder.File("one.png"), image);
        var sampler = new PatchSampler(Images(), new JpegDistortion(90), new SamplingOptions { Patch = Patch }, batch: 64, seed: 0);
        using var batch = sampler.Sample(0);

        var turned = new[] { image, image.transpose(2, 3) }
            .SelectMany(way => new[] { way, way.flip(2), way.flip(3), way.flip(2, 3) }).ToArray();
        var seen = batch.Reference.split(1).Select(patch => Array.FindIndex(turned, way => (way - patch).abs().max().item<float>() < 1e-6)).ToArray();
        Assert.Equal(Enumerable.Range(0, 8), seen.Distinct().Order());

        using var straight = new PatchSampler(Images(), new JpegDistortion(90), new SamplingOptions { Patch = Patch, Augment = false }, 8, 0).Sample(0);
        Assert.All(straight.Reference.split(1), patch => Assert.InRange((patch - image).abs().max().item<float>(), 0, 1e-6));
    }

    [Fact]
    public void The_queue_gives_the_sampler_s_batches_in_order_and_leaves_nothing_behind()
    {
        var sampler = Sampler("denoise:25", seed: 1);
        for (var round = 0; round < 3; round++)
        {
            using var queue = new BatchQueue(sampler, 4, 4 + 100);
            for (var i = 4; i < 9; i++)
            {
                using var taken = queue.Take();
                using var expected = sampler.Sample(i);
                Assert.True(Golden.AreEqual(expected.Distorted, taken.Distorted));
            }
        }

        using var ended = new BatchQueue(sampler, 0, 1);
        ended.Take().Dispose();
        Assert.Throws<System.Threading.Channels.ChannelClosedException>(() => ended.Take());
    }

    [Fact]
    public void What_goes_wrong_on_the_worker_s_thread_reaches_the_caller()
    {
        var sampler = new PatchSampler(Load(2), new Failing(), new SamplingOptions { Patch = Patch }, 2, 0);
        using var queue = new BatchQueue(sampler, 0, 10);
        Assert.Equal("as asked", Assert.Throws<InvalidOperationException>(() => queue.Take()).Message);
    }

    [Fact]
    public void Images_that_cannot_be_used_are_named_and_passed_over_only_if_asked()
    {
        Write(2);
        _folder.File("bad.png", "no image"u8);
        var message = Assert.Throws<InputException>(Images).Message;
        Assert.Contains("bad.png", message);
        Assert.Contains("set data.skip_unreadable", message);

        var images = TrainingImages.Load([_folder.File("")], new SamplingOptions { Patch = Patch, SkipUnreadable = true });
        Assert.Equal((2, 1), (images.Count, images.Unreadable.Count));
        Assert.Contains("bad.png", images.Unreadable[0]);
    }

    [Fact]
    public void Every_nth_image_is_set_aside_and_not_trained_on()
    {
        Write(5);
        var options = new SamplingOptions { Patch = Patch, HoldOut = 2 };
        string[] folders = [_folder.File("")];
        var all = Directory.GetFiles(folders[0]).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal([all[0], all[2], all[4]], TrainingImages.HeldOut(folders, options));
        Assert.Equal(2, TrainingImages.Load(folders, options).Count);
        Assert.Empty(TrainingImages.HeldOut(folders, options with { HoldOut = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => options with { HoldOut = 1 });
    }

    [Fact]
    public void Images_smaller_than_a_patch_and_patches_that_do_not_divide_are_refused()
    {
        Write(1);
        Assert.Contains("is 40×32 pixels, smaller than a patch of 33×33", Assert.Throws<InputException>(() =>
            TrainingImages.Load([_folder.File("")], new SamplingOptions { Patch = 33 })).Message);
        Assert.Contains("is 20×16 pixels after it was reduced by 2", Assert.Throws<InputException>(() =>
            TrainingImages.Load([_folder.File("")], new SamplingOptions { Patch = 17, Reduce = 2 })).Message);
        Assert.Contains("multiple of 3", Assert.Throws<InputException>(() =>
            new PatchSampler(Images(), new Downscaling(3), new SamplingOptions { Patch = Patch }, 1, 0)).Message);
    }

    [Fact]
    public void Patches_of_grey_pictures_are_distorted_as_one_channel()
    {
        Write(1);
        var grey = Resampler.Bicubic(rand(1, 1, 6, 8, generator: Draws), 32, 40).Clamp(0, 1);
        ImageFile.Write(_folder.File("grey.png"), new Picture(grey.expand(1, 3, 32, 40), null, IsGrey: true, 8));
        var sampler = new PatchSampler(Images(), new GaussianNoise(25), new SamplingOptions { Patch = Patch }, batch: 32, seed: 1);
        using var batch = sampler.Sample(0);
        using var again = sampler.Sample(0);
        Assert.True(Golden.AreEqual(batch.Distorted, again.Distorted));
        var seen = new HashSet<bool>();
        for (var i = 0; i < 32; i++)
        {
            var isGrey = GreyPicture.IsGrey(batch.Reference[i..(i + 1)]);
            var noise = (batch.Distorted - batch.Reference)[i..(i + 1)];
            seen.Add(isGrey);
            // One noise, and of the right patch.
            Assert.Equal(isGrey, (noise[.., 0] - noise[.., 1]).abs().max().item<float>() < 1e-5);
            Assert.InRange(noise.std().item<float>() * 255, 21, 29);
        }

        Assert.Equal(2, seen.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Patches_of_pairs_are_cut_at_the_same_place_and_turned_alike(int factor)
    {
        // The distorted picture is the clean one in other colours, so that each patch tells where it should be.
        foreach (var folder in new[] { "clean", "damaged" })
            Directory.CreateDirectory(_folder.File(folder));
        for (var i = 0; i < 3; i++)
        {
            var small = rand(1, 3, 24 + i, 30, generator: Draws).Mul(255).round().Div(255);
            ImageFile.Write(_folder.File($"clean/p{i}_HR.png"), small.repeat_interleave(factor, 2).repeat_interleave(factor, 3));
            ImageFile.Write(_folder.File($"damaged/p{i}{(factor > 1 ? $"x{factor}" : "")}.png"), small.SubFrom(1));
        }

        var options = new SamplingOptions { Patch = Patch };
        var images = TrainingImages.LoadPairs([_folder.File("clean")], [_folder.File("damaged")], factor, options);
        using var batch = new PatchSampler(images, new FilePairs(factor), options, batch: 64, seed: 2).Sample(5);
        Assert.Equal([64, 3, Patch / factor, Patch / factor], batch.Distorted.shape);
        var enlarged = batch.Distorted.repeat_interleave(factor, 2).repeat_interleave(factor, 3);
        Assert.InRange(enlarged.Add(batch.Reference).Sub(1).abs().max().item<float>(), 0, 1e-6);

        // Those that are set aside are not trained on.
        var held = TrainingImages.Pairs([_folder.File("clean")], [_folder.File("damaged")], options with { HoldOut = 2 }, areHeldOut: true);
        Assert.Equal(["p0_HR.png", "p2_HR.png"], held.Select(pair => Path.GetFileName(pair.Reference)));
        Assert.Equal(1, TrainingImages.LoadPairs([_folder.File("clean")], [_folder.File("damaged")], factor, options with { HoldOut = 2 }).Count);
    }

    [Fact]
    public void Pairs_that_do_not_belong_together_are_refused()
    {
        foreach (var folder in new[] { "clean", "damaged" })
        {
            Directory.CreateDirectory(_folder.File(folder));
            Cli.SmallInputs.Image(_folder, Path.Combine(folder, "a.png"));
        }

        var options = new SamplingOptions { Patch = Patch };
        Assert.Contains("to have 20×16 pixels, as", Assert.Throws<InputException>(() => TrainingImages.LoadPairs([_folder.File("clean")], [_folder.File("damaged")], 2, options)).Message);
        Assert.Contains("for each of the 1 folders", Assert.Throws<InputException>(() => TrainingImages.LoadPairs([_folder.File("clean")], [], 1, options)).Message);
        Cli.SmallInputs.Image(_folder, Path.Combine("clean", "b.png"));
        Assert.Contains("has no distorted counterpart", Assert.Throws<InputException>(() => TrainingImages.LoadPairs([_folder.File("clean")], [_folder.File("damaged")], 1, options)).Message);
        Assert.Contains("give the damaged files", Assert.Throws<InputException>(() => new PatchSampler(Load(1), new FilePairs(), options, 1, 0)).Message);
    }

    private PatchSampler Sampler(string task, long seed) =>
        new(Load(3), Tasks.ParseForNetwork(task), new SamplingOptions { Patch = Patch }, batch: 5, seed);

    private TrainingImages Load(int count)
    {
        Write(count);
        return Images();
    }

    private TrainingImages Images() => TrainingImages.Load([_folder.File("")], new SamplingOptions { Patch = Patch });

    private void Write(int count)
    {
        for (var i = 0; i < count; i++)
            Cli.SmallInputs.Image(_folder, $"{i}.png", seed: (ulong)i);
    }

    private sealed class Failing : Distortion
    {
        public override string Task => "failing";

        protected override Tensor Distort(Tensor reference, Generator? random) => throw new InvalidOperationException("as asked");
    }
}
