using Mdf.Discriminators;
using Mdf.Losses;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

public sealed class LossExpressionTests
{
    [Fact]
    public void A_weighted_sum_is_the_sum_of_its_weighted_terms()
    {
        using var scope = NewDisposeScope();
        using var sum = LossExpression.Parse("0.5*ssim + l1+2e-1*mse").Create();
        var (x, y) = (ReconstructionLossTests.Image(1), ReconstructionLossTests.Image(2));
        var expected = 0.5 * Value("ssim") + Value("l1") + 0.2 * Value("mse");
        Assert.Equal(expected, sum.call(x, y).item<float>(), 1e-6);
        Assert.Equal("0.5*ssim+l1+0.2*mse", sum.Expression);

        double Value(string name)
        {
            using var loss = LossExpression.Parse(name).Create();
            return loss.call(x, y).item<float>();
        }
    }

    [Fact]
    public void A_sum_is_made_in_code_and_owns_its_terms()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (ReconstructionLossTests.Image(1, 2), ReconstructionLossTests.Image(2, 2));
        var inner = new WeightedSum((0.5, new SsimLoss()), (1, new L1Loss()));
        using (var sum = new WeightedSum((1, new MseLoss()), (2, inner)))
        using (var named = LossExpression.Parse("mse+1*ssim+2*l1").Create())
        {
            Assert.Equal("mse+ssim+2*l1", sum.Expression);
            Assert.Equal(named.call(x, y).item<float>(), sum.call(x, y).item<float>(), 1e-6);
            sum.Reduction = named.Reduction = Reduction.Sum;
            Assert.Equal(named.call(x, y).item<float>(), sum.call(x, y).item<float>(), 1e-6);
        }

        Assert.Throws<ObjectDisposedException>(() => inner.call(x, y));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WeightedSum());
        using var loss = new L1Loss();
        Assert.Throws<ArgumentOutOfRangeException>(() => new WeightedSum((0, loss)));
    }

    [Fact]
    public void Mdf_untrained_has_eight_discriminators_with_the_same_random_weights_every_time()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(1);
        var (x, y) = (rand([1, 3, 32, 32], generator: random), rand([1, 3, 32, 32], generator: random));
        using var loss = (MdfLoss)LossExpression.Parse("mdf:untrained").Create();
        using var wide = (MdfLoss)LossExpression.Parse("mdf:untrained?input_range=-1,1").Create();
        using var same = new MdfLoss(DiscriminatorStack.Untrained(8, seed: 1));
        Assert.Equal((8, "mdf:untrained", InputRange.Symmetric), (loss.NumScales, loss.Expression, wide.Stack.InputRange));
        Assert.Empty(loss.Files);
        Assert.Equal(same.call(x, y).item<float>(), loss.call(x, y).item<float>());
        Assert.True(loss.call(x, y).item<float>() > 0);
    }

    [Fact]
    public void The_MDF_loss_is_loaded_by_name_or_path_and_says_which_expression_makes_it()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var path = folder.File("a+b.safetensors");
        using (var stack = DiscriminatorStack.Untrained(3, seed: 1))
            stack.Save(path);
        using var plain = MdfLoss.Load(path);
        Assert.Equal((3, true, LayerWeights.Equal, Precision.Fp32, InputRange.Unit), (plain.NumScales, plain.Ascending, plain.LayerWeights, plain.Precision, plain.Stack.InputRange));
        Assert.Equal($"mdf:'{path}'", plain.Expression);
        Assert.Equal([WeightsFile.Read(path)], plain.Files);
        using var all = MdfLoss.Load(path, CPU, 2, ascending: false, new LayerWeights(0.5, 1, 0), InputRange.Symmetric, Precision.Bf16);
        using var again = (MdfLoss)LossExpression.Parse(all.Expression).Create();
        foreach (var loss in new[] { all, again })
        {
            Assert.Equal(
                (2, false, new LayerWeights(0.5, 1, 0), Precision.Bf16, InputRange.Symmetric, $"mdf:'{path}'?num_scales=2&ascending=false&layer_weights=0.5,1,0&input_range=-1,1&precision=bf16"),
                (loss.NumScales, loss.Ascending, loss.LayerWeights, loss.Precision, loss.Stack.InputRange, loss.Expression));
        }

        Assert.Contains("expected num_scales from 1 to 3", Assert.Throws<InputException>(() => MdfLoss.Load(path, numScales: 4)).Message);
        Assert.Contains("neither a file nor a shipped stack", Assert.Throws<InputException>(() => MdfLoss.Load("nothing")).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => MdfLoss.Load(path, numScales: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MdfLoss(all.Stack, numScales: 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => MdfLoss.Load(path, layerWeights: new LayerWeights(0, 0, 0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => MdfLoss.Load(path, inputRange: new InputRange(1, 0)));
        foreach (var name in ShippedStacks.Names)
        {
            using var shipped = MdfLoss.Load(name);
            Assert.Equal($"mdf:{name}", shipped.Expression);
            Assert.Equal(name, Assert.Single(shipped.Files).Name);
        }
    }

    [Fact]
    public void A_sum_with_a_batch_loss_is_a_batch_loss()
    {
        using var scope = NewDisposeScope();
        using var sum = LossExpression.Parse("l1+ms-ssim-upstream").Create();
        Assert.False(sum.IsPerImage);
        Assert.Equal(0, sum.call(ReconstructionLossTests.Image(1, 2), ReconstructionLossTests.Image(2, 2)).dim());
    }

    [Theory]
    [InlineData("", "unknown loss ''")]
    [InlineData("lpips", "unknown loss 'lpips'; known are charbonnier, ")]
    [InlineData("l1+", "unknown loss ''")]
    [InlineData("x*l1", "expected a positive weight before '*', found 'x'")]
    [InlineData("-1*l1", "expected a positive weight")]
    [InlineData("0*l1", "expected a positive weight")]
    [InlineData("NaN*l1", "expected a positive weight")]
    [InlineData("l1:file", "'l1' takes nothing after ':'")]
    [InlineData("mdf", "'mdf' needs a discriminator stack")]
    [InlineData("mdf:", "'mdf' needs a discriminator stack")]
    [InlineData("mdf:x?layers=3", "'mdf' has no option 'layers'; it has num_scales, ascending, layer_weights, input_range, precision")]
    [InlineData("mdf:x?num_scales=1&num_scales=2", "expected num_scales=value once")]
    [InlineData("mdf:'x", "a quote ' is not closed")]
    public void A_malformed_expression_is_refused_before_anything_is_read(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<InputException>(() => LossExpression.Parse(text)).Message);

    [Fact]
    public void Options_reach_the_loss()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("stack.safetensors");
        using (var stack = DiscriminatorStack.Untrained(3, seed: 1))
            stack.Save(path);
        using var loss = (MdfLoss)LossExpression.Parse($"mdf:{path}?num_scales=2&ascending=false&layer_weights=0.5,1,0&input_range=-1,1&precision=bf16").Create();
        Assert.Equal((2, false, new LayerWeights(0.5, 1, 0), Precision.Bf16), (loss.NumScales, loss.Ascending, loss.LayerWeights, loss.Precision));
        Assert.Equal(InputRange.Symmetric, loss.Stack.InputRange);
        using var plain = (MdfLoss)LossExpression.Parse($"mdf:{path}").Create();
        Assert.Equal(InputRange.Unit, plain.Stack.InputRange);
        Assert.Equal((3, true, LayerWeights.Equal, Precision.Fp32), (plain.NumScales, plain.Ascending, plain.LayerWeights, plain.Precision));
    }

    [Theory]
    [InlineData("mdf:missing.pth", "missing.pth")]
    [InlineData("mdf:nothing", "there is neither a file nor a shipped stack called 'nothing'")]
    [InlineData("mdf:missing.pth?num_scales=0", "num_scales")]
    [InlineData("mdf:missing.pth?ascending=up", "expected ascending to be true or false, found 'up'")]
    [InlineData("mdf:missing.pth?precision=fp16", "expected precision to be fp32 or bf16, found 'fp16'")]
    [InlineData("mdf:missing.pth?input_range=1,0", "expected input_range to be the values of black and white")]
    [InlineData("mdf:missing.pth?layer_weights=1,2", "expected layer_weights to be three numbers")]
    [InlineData("mdf:missing.pth?layer_weights=0,0,0", "expected layer_weights to be three numbers")]
    [InlineData("flip?ppd=0.5", "expected ppd to be a number of pixels per degree from 1 to 300, found '0.5'")]
    [InlineData("flip?ppd=NaN", "expected ppd to be a number of pixels per degree")]
    [InlineData("focal-frequency?alpha=0", "expected alpha to be a positive number, found '0'")]
    [InlineData("mdf:missing.pth?layer_weights=1,-1,x", "expected layer_weights to be three numbers")]
    [InlineData("l1+mdf:'a+b*c?.pth'", "a+b*c?.pth")]
    public void A_loss_that_cannot_be_made_says_why(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<InputException>(() => LossExpression.Parse(text).Create()).Message);
}
