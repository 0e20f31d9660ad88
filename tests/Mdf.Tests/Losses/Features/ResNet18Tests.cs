using System.Text;
using Mdf.Losses.Features;
using Mdf.Runtime;
using Mdf.Tests.Weights;
using Mdf.Weights;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses.Features;

/// <summary>ResNet-18 of CNTK, from its NuGet package, against ONNX Runtime.</summary>
[Collection(nameof(OneAtATime))] // 1 GB, and ONNX Runtime's threads
public sealed class ResNet18Tests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_file_of_the_package_is_the_published_one()
    {
        var store = new PretrainedStore(_folder.File("store"));
        Assert.Equal(("resnet18", true), (store.Add(ResNetPackage.Onnx) is var added ? added.File.Name : "", added.IsPublished));
        File.Delete(store.PathOf(added.File));
        Assert.True(store.Add(ResNetPackage.Nupkg).IsPublished);
        Assert.Equal(["resnet18-e2552f19.onnx"], Directory.GetFiles(store.Folder).Select(Path.GetFileName));
        Assert.Equal(File.ReadAllBytes(ResNetPackage.Onnx), File.ReadAllBytes(store.PathOf(added.File)));
        Assert.Equal(PretrainedState.Published, store.Verify(added.File).State);
    }

    /// <summary>The features of all five stages, and of the last one also the means that the network returns, at the size of its graph.</summary>
    [Fact]
    public void Features_equal_onnx_runtime()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(3);
        var image = nn.functional.interpolate(rand([1, 3, 28, 28], generator: random), [224, 224], mode: InterpolationMode.Bilinear, align_corners: false)
            .Mul(0.8).Add(rand([1, 3, 224, 224], generator: random).Mul(0.2));
        var input = ResNet18Loss.ToCntk(image).contiguous();
        using var trunk = LoadTrunk();
        var found = trunk.Features(input);

        string[] outputs = ["ReLU253_Output_0", "ReLU283_Output_0", "ReLU315_Output_0", "ReLU347_Output_0", "ReLU393_Output_0"];
        using var session = new InferenceSession(WithOutputs(File.ReadAllBytes(ResNetPackage.Onnx), outputs));
        using var results = session.Run(
            [NamedOnnxValue.CreateFromTensor("Input247", new DenseTensor<float>(input.data<float>().ToArray(), [1, 3, 224, 224]))], [.. outputs, "Pooling395_Output_0"]);
        var expected = results.Select(result => result.AsTensor<float>()).Select(value => tensor(value.ToArray(), [.. value.Dimensions.ToArray().Select(size => (long)size)])).ToList();
        foreach (var (feature, wanted) in found.Zip(expected))
        {
            Assert.Equal(wanted.shape, feature.shape);
            var error = Golden.RelativeError(feature, wanted);
            TestContext.Current.SendDiagnosticMessage("{0}: {1:e1}", string.Join('×', wanted.shape), error);
            Assert.InRange(error, 0, 1e-4);
        }

        Assert.InRange(Golden.RelativeError(found[^1].mean([2, 3], keepdim: true), expected[^1]), 0, 1e-4);
    }

    [Theory]
    [InlineData(33, 47)]
    [InlineData(1, 1)]
    [InlineData(64, 65)]
    public void Any_size_has_features_of_a_half_rounded_up(int height, int width)
    {
        using var scope = NewDisposeScope();
        using var trunk = Trunk.Random(Trunks.ResNet18.Narrow(8), ResNet18Loss.Layers, Draws);
        var features = trunk.Features(zeros(1, 3, height, width));
        foreach (var feature in features)
        {
            (height, width) = ((height + 1) / 2, (width + 1) / 2);
            Assert.Equal([height, width], feature.shape[2..]);
        }
    }

    /// <summary>A damaged file is refused, or read with finite numbers: nothing else happens.</summary>
    [Fact]
    public void A_damaged_onnx_file_is_refused_in_one_line()
    {
        var bytes = File.ReadAllBytes(ResNetPackage.Onnx)[^2_000_000..];
        var path = _folder.File("damaged.onnx");
        var draw = new Random(5);
        foreach (var content in new[] { bytes, [0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f], [0x3a, 0x02, 0x2a, 0x05], [0x80], [0x3a], [.. Enumerable.Repeat((byte)0xff, 40)] }
            .Concat(Enumerable.Range(0, 200).Select(_ => { var random = new byte[draw.Next(1, 400)]; draw.NextBytes(random); return random; })))
        {
            File.WriteAllBytes(path, content);
            var error = Assert.Throws<InputException>(() => PretrainedContent.Open(path, PretrainedFiles.All));
            Assert.Contains("damaged.onnx", error.Message);
        }

        var whole = File.ReadAllBytes(ResNetPackage.Onnx);
        foreach (var length in new[] { 1, 1000, whole.Length / 2, whole.Length - 1 })
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Throws<InputException>(() => PretrainedContent.Open(path, PretrainedFiles.All));
        }
    }

    private static Trunk LoadTrunk()
    {
        using var content = PretrainedContent.Open(ResNetPackage.Onnx, [PretrainedFiles.Find("resnet18")!]);
        return new Trunk(Trunks.ResNet18, ResNet18Loss.Layers, content.Read);
    }

    /// <summary>Adds outputs to the graph. In Protocol Buffers, a message that follows another of the same field is merged into it.</summary>
    private static byte[] WithOutputs(byte[] model, IEnumerable<string> names)
    {
        byte[] Field(int number, byte[] content) => [(byte)(number << 3 | 2), (byte)content.Length, .. content];
        return [.. model, .. names.SelectMany(name => Field(7, Field(12, Field(1, Encoding.ASCII.GetBytes(name)))))];
    }
}
