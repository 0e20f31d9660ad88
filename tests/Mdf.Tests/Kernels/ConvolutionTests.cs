using Mdf.Kernels;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Kernels;

/// <summary>The kernels against libtorch's convolution in float64, on sizes that fit no block and with memory around them that must stay as it is.</summary>
public sealed unsafe class ConvolutionTests
{
    private const float Slope = 0.2f;
    private const float Untouched = 1e30f;

    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 1, 16 }, { 2, 3, 16 }, { 5, 4, 32 }, { 13, 7, 32 }, { 8, 31, 64 }, { 37, 22, 48 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Winograd_equals_the_definition(int height, int width, int channels)
    {
        Assert.SkipUnless(Lanes8.IsSupported, "this processor has no AVX2");
        CheckWinograd<Lanes8>(height, width, channels);
        if (Lanes16.IsSupported)
            CheckWinograd<Lanes16>(height, width, channels);
    }

    private static void CheckWinograd<TLanes>(int height, int width, int channels)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        channels = MatrixProduct<TLanes>.RoundUp(channels);
        using var scope = NewDisposeScope();
        var (input, weight, bias) = Draw(channels, channels, height, width);
        var convolution = nn.functional.conv2d(input, weight, bias);
        var expected = convolution.LeakyRelu(Slope);
        using var biases = Buffer(bias);
        using var winograd = new WinogradConvolution<TLanes>(WeightOf(weight), channels);
        using var scratch = Scratch(WinogradConvolution<TLanes>.Scratch(channels));
        Check(input, expected, 5e-6, (from, to) => winograd.Run(from, to, height, width, new BiasAndLeakyRelu<TLanes>(biases.Pointer, Slope), scratch.Pointer));
        AssertUntouched(scratch, WinogradConvolution<TLanes>.Scratch(channels));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void A_convolution_from_few_channels_equals_the_definition(int height, int width, int channels)
    {
        Assert.SkipUnless(Lanes8.IsSupported, "this processor has no AVX2");
        CheckExpanding<Lanes8>(height, width, channels);
        if (Lanes16.IsSupported)
            CheckExpanding<Lanes16>(height, width, channels);
    }

    private static void CheckExpanding<TLanes>(int height, int width, int channels)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        channels = MatrixProduct<TLanes>.RoundUp(channels);
        using var scope = NewDisposeScope();
        foreach (var few in new[] { 1, 3 })
        {
            var (input, weight, bias) = Draw(few, channels, height, width);
            var expected = nn.functional.conv2d(input, weight, bias).LeakyRelu(Slope);
            using var biases = Buffer(bias);
            using var convolution = new ExpandingConvolution<TLanes>(WeightOf(weight), few, channels);
            using var scratch = Scratch(ExpandingConvolution<TLanes>.Scratch(width, channels));
            Check(input, expected, 1e-6, (from, to) => convolution.Run(from, to, height, width, new BiasAndLeakyRelu<TLanes>(biases.Pointer, Slope), scratch.Pointer));
            AssertUntouched(scratch, ExpandingConvolution<TLanes>.Scratch(width, channels));
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void A_convolution_to_few_channels_adds_what_the_definition_says(int height, int width, int channels)
    {
        Assert.SkipUnless(Lanes8.IsSupported, "this processor has no AVX2");
        CheckContracting<Lanes8>(height, width, channels);
        if (Lanes16.IsSupported)
            CheckContracting<Lanes16>(height, width, channels);
    }

    private static void CheckContracting<TLanes>(int height, int width, int channels)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        channels = MatrixProduct<TLanes>.RoundUp(channels);
        using var scope = NewDisposeScope();
        foreach (var (few, padding) in new[] { (1, 0), (1, 2), (3, 0), (3, 2) })
        {
            var (input, weight, _) = Draw(channels, few, height, width);
            var expected = nn.functional.conv2d(input, weight, padding: [padding, padding]).Add(0.5);
            var (rows, columns) = ((int)expected.shape[2], (int)expected.shape[3]);
            var stride = few == 1 ? 1 : FeatureMap.PaddedChannels;
            using var convolution = new ContractingConvolution<TLanes>(WeightOf(weight), channels, few);
            using var scratch = Scratch(ContractingConvolution<TLanes>.Scratch(width + 2, few));
            using var from = Map(input, out var source);
            using var to = new NativeBuffer((long)rows * columns * stride);
            to.Span.Fill(0.5f);
            convolution.Run(source, height + 2, width + 2, new FeatureMap(to.Pointer, columns, stride), padding, scratch.Pointer);
            var found = tensor(to.Span[..(rows * columns * stride)].ToArray()).view(1, rows, columns, stride).permute(0, 3, 1, 2)[.., ..few];
            Assert.InRange(Golden.RelativeError(found, expected), 0, 1e-6);
            AssertUntouched(scratch, ContractingConvolution<TLanes>.Scratch(width + 2, few));
        }
    }

    [Fact]
    public void Leaky_relu_takes_the_slope_at_zero_and_leads_it_back_by_the_sign_of_the_output()
    {
        Assert.SkipUnless(Lanes8.IsSupported, "this processor has no AVX2");
        CheckLeakyRelu<Lanes8>();
        if (Lanes16.IsSupported)
            CheckLeakyRelu<Lanes16>();
    }

    private static void CheckLeakyRelu<TLanes>()
        where TLanes : unmanaged, ILanes<TLanes>
    {
        using var scope = NewDisposeScope();
        float[] values = [-2, -0f, 0, 1, float.NaN, -1e-30f, 3, 4, -5, 6, -7, 8, -9, 10, -11, 12];
        using var activations = Buffer(tensor(values));
        using var results = new NativeBuffer(2 * values.Length);
        for (var i = 0; i < values.Length; i += TLanes.Count)
        {
            var operand = TLanes.Load(activations.Pointer + i);
            new LeakyReluDerivative<TLanes>(default, Slope).Apply(TLanes.Fill(1), operand).Store(results.Pointer + i);
            new BiasAndLeakyRelu<TLanes>(null, Slope).Apply(operand, TLanes.Fill(0)).Store(results.Pointer + values.Length + i);
        }

        for (var i = 0; i < values.Length; i++)
        {
            var expected = values[i] > 0 ? 1 : Slope;
            Assert.Equal(expected, results.Span[i]);
            Assert.Equal(values[i] * expected, results.Span[values.Length + i]);
        }
    }

    [Fact]
    public void Squared_differences_are_summed_and_led_back_at_every_position()
    {
        Assert.SkipUnless(Lanes8.IsSupported, "this processor has no AVX2");
        CheckSquaredDifference<Lanes8>();
        if (Lanes16.IsSupported)
            CheckSquaredDifference<Lanes16>();
    }

    private static void CheckSquaredDifference<TLanes>()
        where TLanes : unmanaged, ILanes<TLanes>
    {
        using var scope = NewDisposeScope();
        foreach (var (height, width, channels) in new[] { (3, 5, 16), (4, 13, 1), (1, 1, 1) })
        {
            var found = randn(1, channels, height, width, generator: Draws);
            var wanted = randn(1, channels, height, width, generator: Draws);
            using var wantedMemory = Buffer(wanted.permute(0, 2, 3, 1));
            using var foundMemory = Map(found, out var map);
            using var gradientMemory = Map(ones_like(found), out var gradient);
            var difference = (found - wanted).to(float64);
            var sum = SquaredDifference<TLanes>.Sum(map, wantedMemory.Pointer, height, width);
            Assert.Equal(1, sum / difference.Square().sum().item<double>(), 1e-6);
            Assert.Equal(sum, SquaredDifference<TLanes>.SumAndAddGradient(map, wantedMemory.Pointer, height, width, gradient, 3, Slope), 1e-9);
            var expected = (difference.Mul(3) * found.Gt(0).to(float64).Mul(1 - Slope).Add(Slope)).Add(1);
            Assert.InRange(Golden.RelativeError(Read(gradient, height, width), expected), 0, 1e-6);
        }
    }

    private static void Check(Tensor input, Tensor expected, double tolerance, Action<FeatureMap, FeatureMap> run)
    {
        var (channels, height, width) = ((int)expected.shape[1], (int)expected.shape[2], (int)expected.shape[3]);
        using var from = Map(input, out var source);
        using var to = new NativeBuffer((height + 4L) * (width + 3) * channels);
        to.Span.Fill(Untouched);
        var target = new FeatureMap(to.Pointer, width + 3, channels);
        run(source, target.From(1, 2));
        Assert.InRange(Golden.RelativeError(Read(target.From(1, 2), height, width), expected), 0, tolerance);
        Assert.Equal(to.Span.Length - height * width * channels, to.Span.Count(Untouched));
    }

    private static (Tensor Input, Tensor Weight, Tensor Bias) Draw(int inputs, int outputs, int height, int width)
    {
        var random = new Generator((ulong)(height * 100 + width));
        return (randn([1, inputs, height + 2, width + 2], dtype: float64, generator: random).to(float32).to(float64),
            randn([outputs, inputs, 3, 3], dtype: float64, generator: random).Div(10),
            randn([outputs], dtype: float64, generator: random).to(float32).to(float64));
    }

    private static ConvolutionWeight WeightOf(Tensor weight)
    {
        var (values, shape) = (weight.data<double>().ToArray(), weight.shape);
        return (output, input, y, x) => values[((output * shape[1] + input) * 3 + y) * 3 + x];
    }

    private static NativeBuffer Scratch(long length)
    {
        var buffer = new NativeBuffer(length);
        buffer.Span[(int)length..].Fill(Untouched);
        return buffer;
    }

    /// <summary>A kernel keeps to the scratch memory that it asks for.</summary>
    private static void AssertUntouched(NativeBuffer scratch, long length) =>
        Assert.Equal(scratch.Length - length, scratch.Span[(int)length..].Count(Untouched));

    private static NativeBuffer Buffer(Tensor values)
    {
        var buffer = new NativeBuffer(values.numel());
        values.to(float32).contiguous().data<float>().ToArray().CopyTo(buffer.Span);
        return buffer;
    }

    /// <summary>Memory as a workspace has it: zeros to the right and below.</summary>
    private static NativeBuffer Map(Tensor values, out FeatureMap map)
    {
        var (height, width) = (values.shape[2], values.shape[3]);
        map = default;
        var padded = nn.functional.pad(values, [0, 9, 0, 9]);
        var buffer = Buffer(padded.permute(0, 2, 3, 1));
        map = new FeatureMap(buffer.Pointer, (int)width + 9, (int)values.shape[1]);
        return buffer;
    }

    private static Tensor Read(FeatureMap map, int height, int width)
    {
        var values = new List<float>();
        for (var y = 0; y < height; y++)
            values.AddRange(new Span<float>(map.At(y, 0), width * map.Channels));
        return tensor(values.ToArray()).view(1, height, width, map.Channels).permute(0, 3, 1, 2);
    }
}

