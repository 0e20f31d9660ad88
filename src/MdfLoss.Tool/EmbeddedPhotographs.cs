using Mdf.Imaging;
using TorchSharp;

namespace Mdf.Cli;

/// <summary>The photographs of the program, from <c>samples/photographs</c>.</summary>
internal static class EmbeddedPhotographs
{
    /// <summary>Returns the bytes of a photograph's file.</summary>
    /// <param name="name">The name of the file, such as <c>coffee.png</c>.</param>
    public static byte[] Content(string name)
    {
        using var stream = typeof(EmbeddedPhotographs).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"the program lacks its photograph '{name}'");
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }

    /// <summary>Decodes a photograph.</summary>
    /// <param name="name">The name of the file, such as <c>coffee.png</c>.</param>
    public static torch.Tensor Read(string name) => ImageFile.Decode(Content(name), name);
}
