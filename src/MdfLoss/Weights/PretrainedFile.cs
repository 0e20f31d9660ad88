namespace Mdf.Weights;

/// <summary>A published file of pretrained weights that a loss can use.</summary>
/// <param name="Name">The short name, such as <c>vgg16</c>.</param>
/// <param name="Description">The network, and who trained it.</param>
/// <param name="Weights">The tensors that a loss may read, with their shapes. The file may have others.</param>
internal sealed record PretrainedFile(string Name, string Description, IReadOnlyList<TrunkWeight> Weights)
{
    /// <summary>The name of the published file in the store: torchvision's own name, so that its download folder can serve as a store.</summary>
    public required string FileName { get; init; }

    /// <summary>The first digits of the SHA-256 of the published file, or all of them; null if they are not known.</summary>
    public string? Digits { get; init; }

    /// <summary>The official address; null if the file can only be added.</summary>
    public Uri? Address { get; init; }

    /// <summary>The short names of other weights without which these are of no use.</summary>
    public IReadOnlyList<string> Needs { get; init; } = [];

    /// <summary>For a file that can only be added: where a user finds it.</summary>
    public string? Source { get; init; }

    /// <summary>More bytes than the published file has. A download that is longer is refused.</summary>
    public required long MostBytes { get; init; }

    /// <summary>The name in the store of a file of the same tensors that is not the published one.</summary>
    public string OwnFileName => Name + Path.GetExtension(FileName);

    /// <summary>Whether a file with this hash is the published one.</summary>
    /// <param name="sha256">The SHA-256, as small hexadecimal digits.</param>
    public bool IsPublished(string sha256) => Digits is not null && sha256.StartsWith(Digits, StringComparison.Ordinal);
}

/// <summary>All published files of weights that losses can use.</summary>
/// <remarks>
/// Sources: torchvision's <c>models</c> (the digits of SHA-256 are in its file names), LPIPS 0.1 of richzhang/PerceptualSimilarity, DISTS of dingkeyan93/DISTS, and
/// CNTK's ResNet-18 in the package <c>Microsoft.ML.DnnImageFeaturizer.ResNet18</c>.
/// </remarks>
internal static class PretrainedFiles
{
    private const string Torchvision = "https://download.pytorch.org/models/";
    private const string Lpips = "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/";

    // DISTS compares the image itself and five layers of VGG-16.
    private const int DistsChannels = 3 + 64 + 128 + 256 + 512 + 512;

    /// <summary>All files, in the order of lists.</summary>
    public static IReadOnlyList<PretrainedFile> All { get; } =
    [
        OfTorchvision("vgg16", "VGG-16 of torchvision, trained on ImageNet", "vgg16-397923af.pth", Trunks.Vgg16, 600L << 20),
        OfTorchvision("vgg19", "VGG-19 of torchvision, trained on ImageNet", "vgg19-dcbb9e9d.pth", Trunks.Vgg19, 650L << 20),
        OfTorchvision("alexnet", "AlexNet of torchvision, trained on ImageNet", "alexnet-owt-7be5be79.pth", Trunks.AlexNet, 300L << 20),
        OfTorchvision("squeezenet1_1", "SqueezeNet 1.1 of torchvision, trained on ImageNet", "squeezenet1_1-b8a52dc0.pth", Trunks.SqueezeNet, 16L << 20),
        OfLpips("alex", "alexnet", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", 64, 192, 384, 256, 256),
        OfLpips("vgg", "vgg16", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868", 64, 128, 256, 512, 512),
        OfLpips("squeeze", "squeezenet1_1", "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76", 64, 128, 256, 384, 384, 512, 512),
        new("dists", "weights of DISTS for the features of VGG-16", [new("alpha", [1, DistsChannels, 1, 1]), new("beta", [1, DistsChannels, 1, 1])])
        {
            FileName = "dists.pt",
            Needs = ["vgg16"],
            Source = "the file weights.pt of the authors' repository dingkeyan93/DISTS",
            MostBytes = 1 << 20,
        },
        new("resnet18", "ResNet-18 of CNTK, trained on ImageNet", Trunks.ResNet18.Weights)
        {
            FileName = "resnet18-e2552f19.onnx",
            Digits = "e2552f19db2dfdb01b3669537b6a0f1b44da38d18279535492ed5dfc2ef1ff8f",
            Source = "the NuGet package Microsoft.ML.DnnImageFeaturizer.ResNet18 0.23.1: its .nupkg file, or ResNet18.onnx in it",
            MostBytes = 128L << 20,
        },
    ];

    /// <summary>Finds a file by its short name; null if there is none.</summary>
    public static PretrainedFile? Find(string name) => All.FirstOrDefault(file => file.Name == name);

    private static PretrainedFile OfTorchvision(string name, string description, string fileName, TrunkDescription trunk, long mostBytes) => new(name, description, trunk.Weights)
    {
        FileName = fileName,
        Digits = Path.GetFileNameWithoutExtension(fileName).Split('-')[^1],
        Address = new Uri(Torchvision + fileName),
        MostBytes = mostBytes,
    };

    private static PretrainedFile OfLpips(string network, string trunk, string digits, params int[] channels) => new(
        $"lpips-{network}", $"heads of LPIPS 0.1 for {network}", [.. channels.Select((count, i) => new TrunkWeight($"lin{i}.model.1.weight", [1, count, 1, 1]))])
    {
        FileName = $"lpips-{network}-{digits[..8]}.pth",
        Digits = digits,
        Address = new Uri($"{Lpips}{network}.pth"),
        Needs = [trunk],
        MostBytes = 1 << 20,
    };
}
