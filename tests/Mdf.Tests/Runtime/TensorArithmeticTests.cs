using System.Reflection;
using Mdf.Losses;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Runtime;

[Collection(nameof(OneAtATime))]
public sealed class TensorArithmeticTests
{
    private static readonly (string Name, Func<Tensor, Tensor, Tensor> Ours, Func<Tensor, Tensor, Tensor> Theirs)[] s_operations =
    [
        ("add", (x, y) => x.Add(y), (x, y) => x + y),
        ("add with a factor", (x, y) => x.Add(y, 0.3), (x, y) => x.add(y, 0.3)),
        ("add a number", (x, _) => x.Add(0.3), (x, _) => x + 0.3),
        ("add in place", (x, y) => x.Add_(y), (x, y) => x.add_(y)),
        ("add in place with a factor", (x, y) => x.Add_(y, 0.3), (x, y) => x.add_(y, 0.3)),
        ("subtract a number", (x, _) => x.Sub(0.3), (x, _) => x - 0.3),
        ("subtract from a number", (x, _) => x.SubFrom(1), (x, _) => 1 - x),
        ("multiply", (x, _) => x.Mul(0.3), (x, _) => 0.3 * x),
        ("multiply in place", (x, _) => x.Mul_(0.3), (x, _) => x.mul_(0.3)),
        ("divide", (x, _) => x.Div(3), (x, _) => x / 3),
        ("divide in place", (x, _) => x.Div_(3), (x, _) => x.div_(3)),
        ("add a product", (x, y) => x.AddCMul_(y, y, 0.3), (x, y) => x.addcmul_(y, y, 0.3)),
        ("power", (x, _) => x.abs().Pow(0.3), (x, _) => x.abs().pow(0.3)),
        ("square", (x, _) => x.Square(), (x, _) => x.square()),
        ("clamp", (x, _) => x.Clamp(-0.3, 0.4), (x, _) => x.clamp(-0.3, 0.4)),
        ("clamp in place", (x, _) => x.Clamp_(-0.3, 0.4), (x, _) => x.clamp_(-0.3, 0.4)),
        ("clamp from below", (x, _) => x.ClampMin(0.1), (x, _) => x.clamp_min(0.1)),
        ("clamp from above", (x, _) => x.ClampMax(0.1), (x, _) => x.clamp_max(0.1)),
        ("leaky ReLU", (x, _) => x.LeakyRelu(0.3), (x, _) => nn.functional.leaky_relu(x, 0.3)),
        ("leaky ReLU in place", (x, _) => x.LeakyRelu_(0.3), (x, _) => x.leaky_relu_(0.3)),
        ("greater than", (x, _) => x.Gt(0.1), (x, _) => x.gt(0.1)),
        ("less than", (x, _) => x.Lt(0.1), (x, _) => x.lt(0.1)),
        ("equal", (x, _) => x.Eq(0), (x, _) => x.eq(0)),
        ("fill", (x, _) => x.Fill_(0.3), (x, _) => x.fill_(0.3)),
        ("the number", (x, _) => tensor(x.sum().Number()), (x, _) => tensor(x.sum().ToDouble())),
    ];

    public static TheoryData<string> Operations => [.. s_operations.Select(operation => operation.Name)];

    // Permitted calls, each as the beginning of a line of the report.
    private static readonly string[] s_permitted =
    [
        // A layer of TorchSharp's. Its constructor fills its weight once per network; the steps of a training use no number of it.
        "Mdf.Networks.SrResNet.Rectifier: TorchSharp.torch+nn.TorchSharp.Modules.PReLU PReLU(",
        // The table above: TorchSharp's own operations, for comparison. This class is in OneAtATime: no other thread sets off a collection.
        "Mdf.Tests.Runtime.TensorArithmeticTests+<>c.<.cctor>b__",
        // TorchSharp's batch norm. One test only draws its weights; the other compares ours with it, in OneAtATime.
        "Mdf.Tests.Networks.RestorationNetworkTests+<>c.<A_network_that_draws_nothing_itself_is_drawn_as_PyTorch_does>",
        "Mdf.Tests.Runtime.BatchNormalizationTests.It_computes_what_TorchSharps_does_to_the_bit",
        // Numbers that the test leaves on purpose. libtorch reads none of them.
        "Mdf.Tests.LeakWatchTests+<>c",
    ];

    [Fact]
    public void Nothing_leaves_a_number_to_the_collector_while_libtorch_may_read_it()
    {
        var use = new ScalarUse();
        var found = new[]
        {
            typeof(MdfLoss).Assembly, typeof(Mdf.Experiments.Experiment).Assembly, typeof(Mdf.Cli.CommandLine).Assembly, Assembly.GetExecutingAssembly(),
            Assembly.Load("UseTheLoss"), Assembly.Load("own-loss"), Assembly.Load("own-network"), Assembly.Load("own-restorer"), Assembly.Load("own-task"),
        }.SelectMany(use.In).ToLookup(call => Array.Find(s_permitted, permitted => call.StartsWith(permitted, StringComparison.Ordinal)));
        Assert.True(!found[null].Any(), $"use Mdf.Runtime.TensorArithmetic (or Mdf.Tests.TestTensors) in place of:\n{string.Join('\n', found[null])}");
        Assert.All(s_permitted, permitted => Assert.True(found.Contains(permitted), $"no longer needed: {permitted}"));
    }

    [Fact]
    public void What_leaves_numbers_to_the_collector_is_recognised()
    {
        var use = new ScalarUse();
        Assert.True(use.IsCareless(typeof(Tensor).GetMethod("op_Addition", [typeof(Tensor), typeof(Tensor)])!));
        Assert.True(use.IsCareless(typeof(Tensor).GetMethod("square")!));
        Assert.True(use.IsCareless(typeof(TensorExtensionMethods).GetMethod("ToDouble")!));
        Assert.False(use.IsCareless(typeof(Tensor).GetMethod("op_Multiply", [typeof(Tensor), typeof(Tensor)])!));
        var here = use.In(Assembly.GetExecutingAssembly()).Where(call => call.StartsWith($"{typeof(TensorArithmeticTests)}", StringComparison.Ordinal)).ToList();
        Assert.Contains(here, call => call.Contains("op_Addition", StringComparison.Ordinal));
        Assert.Contains(here, call => call.Contains("op_Implicit", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void Values_and_gradients_are_TorchSharps_own_to_the_bit(string name)
    {
        var (_, ours, theirs) = s_operations.Single(operation => operation.Name == name);
        using var scope = NewDisposeScope();
        using var random = new Generator(1);
        var (x, y) = (randn([3, 50], generator: random), randn([3, 50], generator: random));
        Assert.Equal(Of(theirs), Of(ours));

        float[] Of(Func<Tensor, Tensor, Tensor> operation)
        {
            var (left, right) = (x.clone().requires_grad_(true), y.clone().requires_grad_(true));
            var result = operation(left.clone(), right.clone());
            if (result.requires_grad)
                (result * y).sum().backward();
            return [.. new[] { result.to(float32), left.grad, right.grad }.OfType<Tensor>().SelectMany(tensor => tensor.flatten().data<float>().ToArray())];
        }
    }
}
