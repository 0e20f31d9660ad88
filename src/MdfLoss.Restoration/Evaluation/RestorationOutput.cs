using Mdf.Imaging;
using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>The treatment of results that already exist in a folder.</summary>
internal enum ExistingResults
{
    /// <summary>If any result exists, nothing is restored.</summary>
    Refuse,

    /// <summary>Existing results are replaced.</summary>
    Overwrite,

    /// <summary>Existing results are kept, and their images are not restored.</summary>
    Skip,
}

/// <summary>The options for the names and the writing of the results of <see cref="ImageRestoration"/>.</summary>
internal sealed record RestorationOutput
{
    /// <summary>The default format of results in a folder. It is lossless and supports all channels that an image may have.</summary>
    public const string DefaultFormat = "png";

    /// <summary>The values that <see cref="Format"/> accepts.</summary>
    private static readonly string[] s_formats = ["png", "jpg", "jpeg", "webp", "tif", "tiff"];

    /// <summary>The text after the image's name in the name of its result: with <c>_restored</c>, the result of <c>a.jpg</c> is <c>a_restored.png</c>. Default: empty.</summary>
    /// <exception cref="InputException">It has a character that a file's name cannot have.</exception>
    public string Suffix
    {
        get;
        init => field = value.AsSpan().IndexOfAny(Path.GetInvalidFileNameChars()) < 0 && !value.Contains('\\', StringComparison.Ordinal)
            ? value
            : throw new InputException($"expected a suffix for file names, such as _restored, found {Untrusted.Quote(value)}");
    } = "";

    /// <summary>
    /// The format of results in a folder: <c>png</c>, <c>jpg</c>, <c>webp</c> or <c>tiff</c>. It is also their extension. Default: <see cref="DefaultFormat"/>.
    /// The format of a single result comes from the name of its file.
    /// </summary>
    /// <exception cref="InputException">It is none of these.</exception>
    public string? Format
    {
        get;
        init => field = value is null || s_formats.Contains(value)
            ? value
            : throw new InputException($"expected the format png, jpg, webp or tiff, found {Untrusted.Quote(value)}");
    }

    /// <summary>Whether the result's name keeps the extension of the image (<c>a.jpg.png</c>), so that <c>a.jpg</c> and <c>a.png</c> have different results.</summary>
    public bool KeepsExtension { get; init; }

    /// <summary>The treatment of results that already exist in a folder. A single existing result is replaced, except with <see cref="ExistingResults.Skip"/>.</summary>
    public ExistingResults Existing { get; init; } = ExistingResults.Refuse;

    /// <summary>The options for writing the files, such as the quality.</summary>
    public ImageWriteOptions Writing { get; init; } = new();

    /// <summary>Whether a result has another name than its image, for all formats.</summary>
    internal bool ChangesNames => Suffix.Length > 0 || KeepsExtension;

    /// <summary>Whether an option is set that only results in a folder can have.</summary>
    internal bool NamesResults => ChangesNames || Format is not null;

    /// <summary>The name of an image's result, without its extension.</summary>
    internal string NameOf(string image) =>
        Path.GetFileNameWithoutExtension(image) + Suffix + (KeepsExtension ? Path.GetExtension(image) : "");

    /// <summary>The file of an image's result in a folder.</summary>
    internal string FileOf(string image, string folder) => Path.Combine(folder, $"{NameOf(image)}.{Format ?? DefaultFormat}");
}
