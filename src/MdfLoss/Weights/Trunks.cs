namespace Mdf.Weights;

/// <summary>The pretrained networks whose features losses compare.</summary>
/// <remarks>
/// Names of tensors and sizes of VGG, AlexNet and SqueezeNet are those of torchvision's published files. ResNet-18 is CNTK's: batch norm is folded into the
/// convolutions when the file is read (<see cref="ResNetOnnx"/>).
/// </remarks>
internal static class Trunks
{
    /// <summary>VGG-16 of Simonyan and Zisserman (2015).</summary>
    public static TrunkDescription Vgg16 { get; } = new("VGG-16", Vgg(2, 2, 3, 3, 3));

    /// <summary>VGG-19 of the same paper.</summary>
    public static TrunkDescription Vgg19 { get; } = new("VGG-19", Vgg(2, 2, 4, 4, 4));

    /// <summary>VGG-16 with the pooling of DISTS, Ding et al. (2020).</summary>
    public static TrunkDescription DistsVgg16 { get; } = Vgg16 with { Layers = [.. Vgg16.Layers.Select(layer => layer is MaxPoolingLayer ? new HannPoolingLayer(layer.Name) : layer)] };

    /// <summary>AlexNet in the form of Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014).</summary>
    public static TrunkDescription AlexNet { get; } = new("AlexNet",
    [
        new ConvolutionLayer("conv1", "features.0", 3, 64, 11, 4, 2), new ReluLayer("relu1"), new MaxPoolingLayer("pool1", 3),
        new ConvolutionLayer("conv2", "features.3", 64, 192, 5, 1, 2), new ReluLayer("relu2"), new MaxPoolingLayer("pool2", 3),
        new ConvolutionLayer("conv3", "features.6", 192, 384, 3, 1, 1), new ReluLayer("relu3"),
        new ConvolutionLayer("conv4", "features.8", 384, 256, 3, 1, 1), new ReluLayer("relu4"),
        new ConvolutionLayer("conv5", "features.10", 256, 256, 3, 1, 1), new ReluLayer("relu5"),
    ]);

    /// <summary>SqueezeNet 1.1 of Iandola et al. (2016).</summary>
    public static TrunkDescription SqueezeNet { get; } = new("SqueezeNet 1.1",
    [
        new ConvolutionLayer("conv1", "features.0", 3, 64, 3, 2), new ReluLayer("relu1"), new MaxPoolingLayer("pool1", 3, RoundsUp: true),
        new FireLayer("fire2", "features.3", 64, 16, 64), new FireLayer("fire3", "features.4", 128, 16, 64), new MaxPoolingLayer("pool3", 3, RoundsUp: true),
        new FireLayer("fire4", "features.6", 128, 32, 128), new FireLayer("fire5", "features.7", 256, 32, 128), new MaxPoolingLayer("pool5", 3, RoundsUp: true),
        new FireLayer("fire6", "features.9", 256, 48, 192), new FireLayer("fire7", "features.10", 384, 48, 192),
        new FireLayer("fire8", "features.11", 384, 64, 256), new FireLayer("fire9", "features.12", 512, 64, 256),
    ]);

    /// <summary>ResNet-18 of He et al. (2016), as CNTK trained it: its last stage has three blocks, and its borders are CNTK's.</summary>
    public static TrunkDescription ResNet18 { get; } = new("ResNet-18",
    [
        new ConvolutionLayer("conv1", "stem", 3, 64, 7, 2, 3, TrunkPadding.Cntk), new ReluLayer("stage1"), new MaxPoolingLayer("pool1", 3, 1, Rule: TrunkPadding.Cntk),
        new ResidualLayer("block2_1", "block2_1", 64, 64), new ResidualLayer("stage2", "block2_2", 64, 64),
        new ResidualLayer("block3_1", "block3_1", 64, 128, 2), new ResidualLayer("stage3", "block3_2", 128, 128),
        new ResidualLayer("block4_1", "block4_1", 128, 256, 2), new ResidualLayer("stage4", "block4_2", 256, 256),
        new ResidualLayer("block5_1", "block5_1", 256, 512, 2), new ResidualLayer("block5_2", "block5_2", 512, 512), new ResidualLayer("stage5", "block5_3", 512, 512),
    ]);

    /// <summary>The five blocks of VGG, each followed by a pooling.</summary>
    private static List<TrunkLayer> Vgg(params int[] convolutions)
    {
        var layers = new List<TrunkLayer>();
        var (inputs, index) = (3, 0);
        for (var block = 1; block <= convolutions.Length; block++)
        {
            var outputs = Math.Min(64 << (block - 1), 512);
            for (var i = 1; i <= convolutions[block - 1]; i++, index += 2, inputs = outputs)
            {
                layers.Add(new ConvolutionLayer($"conv{block}_{i}", $"features.{index}", inputs, outputs, 3, 1, 1));
                layers.Add(new ReluLayer($"relu{block}_{i}"));
            }

            layers.Add(new MaxPoolingLayer($"pool{block}", 2));
            index++;
        }

        return layers;
    }
}
