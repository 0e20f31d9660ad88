using Mdf.Imaging;
using TorchSharp;

namespace Mdf.Cli;

/// <summary>The photographs that come with the program: those in <c>samples/photographs</c>.</summary>
internal static class EmbeddedPhotographs
{
    /// <summary>The bytes of a photograph's file.</summary>
    /// <param name="name">Its name, such as <c>coffee.png</c>.</param>
    public static byte[] Content(string name)
    {
        using var stream = typeof(EmbeddedPhotographs).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"the program lacks its photograph '{name}'");
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }

    /// <summary>A photograph.</summary>
    /// <param name="name">Its name, such as <c>coffee.png</c>.</param>
    public static torch.Tensor Read(string name) => ImageFile.Decode(Content(name), name);
}
