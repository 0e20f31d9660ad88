using System.Xml.Linq;

namespace Mdf.Tests;

/// <summary>The versions that <c>Directory.Packages.props</c> pins: a test names none of its own.</summary>
internal static class PinnedVersions
{
    public static string TorchSharp => Read("TorchSharpVersion");

    public static string Libtorch => Read("LibtorchVersion");

    public static string Libvips => Read("NetVipsNativeVersion");

    public static string ResNet18 => Read("ResNet18PackageVersion");

    private static string Read(string property) =>
        XDocument.Load(Path.Combine(Shared.Repository, "Directory.Packages.props")).Descendants(property).Single().Value;
}
