namespace Mdf.Tests.Weights;

/// <summary>The NuGet package with CNTK's ResNet-18. The project downloads it when it is restored; no package of ours contains it.</summary>
internal static class ResNetPackage
{
    private static readonly string s_folder = Path.Combine(
        (string)typeof(ResNetPackage).Assembly.GetCustomAttributes(typeof(System.Reflection.AssemblyMetadataAttribute), false)
            .Cast<System.Reflection.AssemblyMetadataAttribute>().Single(each => each.Key == "NuGetPackageRoot").Value!,
        "microsoft.ml.dnnimagefeaturizer.resnet18", PinnedVersions.ResNet18);

    /// <summary>The ONNX file.</summary>
    public static string Onnx { get; } = Path.Combine(s_folder, "tools", "DnnImageModels", "ResNet18Onnx", "ResNet18.onnx");

    /// <summary>The package itself.</summary>
    public static string Nupkg { get; } = Path.Combine(s_folder, $"microsoft.ml.dnnimagefeaturizer.resnet18.{PinnedVersions.ResNet18}.nupkg");
}
