using System.Globalization;
using Mdf.Discriminators;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>What a benchmark computes on: a batch of parts of the sample photograph, with noise as their restored versions.</summary>
/// <param name="Batch">How many.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
internal sealed record Workload(int Batch, int Height, int Width)
{
    private const double Noise = 0.05;

    public long Pixels => (long)Batch * Height * Width;

    /// <summary>Reads <c>512x384</c>: one image, width first.</summary>
    public static Workload OfSize(string text)
    {
        var (width, height) = Numbers(text, "512x384");
        return new Workload(1, height, width);
    }

    /// <summary>Reads <c>16x96</c>: sixteen patches of 96×96.</summary>
    public static Workload OfPatches(string text)
    {
        var (count, side) = Numbers(text, "16x96");
        return new Workload(count, side, side);
    }

    public override string ToString() => Batch == 1 ? $"{Width}x{Height}" : $"{Batch} of {Width}x{Height}";

    /// <summary>The restored images and their references, always the same.</summary>
    public (Tensor Restored, Tensor Reference) Images()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(1);
        var photo = Photo();
        var image = Resampler.Bicubic(photo, Math.Max(Height, (int)photo.shape[2]), Math.Max(Width, (int)photo.shape[3])).clamp(0, 1);
        var (rows, columns) = ((int)image.shape[2] - Height + 1, (int)image.shape[3] - Width + 1);
        var parts = Enumerable.Range(0, Batch).Select(i => image[.., .., (37 * i % rows)..(37 * i % rows + Height), (53 * i % columns)..(53 * i % columns + Width)]);
        var reference = cat([.. parts]);
        return ((reference + Noise * randn(reference.shape, generator: random)).MoveToOuterDisposeScope(), reference.MoveToOuterDisposeScope());
    }

    /// <summary>The authors' stack where it is at hand, else one with random weights, which takes as long.</summary>
    /// <param name="path">A stack file, or null.</param>
    public static (DiscriminatorStack Stack, string Name) Stack(string? path)
    {
        const string authors = "../shared/reference/upstream/Ds_SISR.pth";
        if (path is null && File.Exists(authors))
            path = authors;
        return path is null ? (DiscriminatorStack.Untrained(8, seed: 1), "untrained") : (DiscriminatorStack.Load(path), Path.GetFileName(path));
    }

    /// <summary>The photograph that is embedded, <c>(1, 3, 170, 256)</c> in [0, 1].</summary>
    public static Tensor Photo()
    {
        using var stream = typeof(Workload).Assembly.GetManifestResourceStream("chelsea.png")!;
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return ImageFile.Decode(memory.ToArray(), "chelsea.png");
    }

    private static (int First, int Second) Numbers(string text, string example) => text.Split('x') is [var first, var second]
        && int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var one) && one > 0
        && int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var two) && two > 0
            ? (one, two)
            : throw new InputException($"expected two numbers such as {example}, found '{text}'");
}
