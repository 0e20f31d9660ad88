using Mdf.Imaging;
using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>What happens to results that exist already in a folder.</summary>
internal enum ExistingResults
{
    /// <summary>Nothing is restored if there are any.</summary>
    Refuse,

    /// <summary>They are replaced.</summary>
    Overwrite,

    /// <summary>They are kept, and their images are not restored.</summary>
    Skip,
}

/// <summary>How the results of <see cref="ImageRestoration"/> are named and written.</summary>
internal sealed record RestorationOutput
{
    /// <summary>The format of results in a folder when none is given: lossless, and it holds all channels that an image may have.</summary>
    public const string DefaultFormat = "png";

    /// <summary>The formats, as <see cref="Format"/> takes them.</summary>
    private static readonly string[] s_formats = ["png", "jpg", "jpeg", "webp", "tif", "tiff"];

    /// <summary>Follows the image's name in the name of its result: <c>_restored</c> makes <c>a_restored.png</c> of <c>a.jpg</c>. Empty by default.</summary>
    /// <exception cref="InputException">It has a character that a file's name cannot have.</exception>
    public string Suffix
    {
        get;
        init => field = value.AsSpan().IndexOfAny(Path.GetInvalidFileNameChars()) < 0 && !value.Contains('\\', StringComparison.Ordinal)
            ? value
            : throw new InputException($"expected a suffix for file names, such as _restored, found {Untrusted.Quote(value)}");
    } = "";

    /// <summary>
    /// The format of results in a folder: <c>png</c>, <c>jpg</c>, <c>webp</c> or <c>tiff</c>; it is their extension, too. When null,
    /// <see cref="DefaultFormat"/>. The name of a single result's file says its format.
    /// </summary>
    /// <exception cref="InputException">It is none of these.</exception>
    public string? Format
    {
        get;
        init => field = value is null || s_formats.Contains(value)
            ? value
            : throw new InputException($"expected the format png, jpg, webp or tiff, found {Untrusted.Quote(value)}");
    }

    /// <summary>Whether the image's extension stays in the result's name (<c>a.jpg.png</c>), so that <c>a.jpg</c> and <c>a.png</c> have different results.</summary>
    public bool KeepsExtension { get; init; }

    /// <summary>What happens to results that exist already in a folder. A single result's file is replaced unless it is to be skipped.</summary>
    public ExistingResults Existing { get; init; } = ExistingResults.Refuse;

    /// <summary>How the files are written, such as with which quality.</summary>
    public ImageWriteOptions Writing { get; init; } = new();

    /// <summary>Whether a result has another name than its image, whatever their formats.</summary>
    internal bool ChangesNames => Suffix.Length > 0 || KeepsExtension;

    /// <summary>Whether an option is given that only results in a folder have.</summary>
    internal bool NamesResults => ChangesNames || Format is not null;

    /// <summary>The name of an image's result, without its extension.</summary>
    internal string NameOf(string image) =>
        Path.GetFileNameWithoutExtension(image) + Suffix + (KeepsExtension ? Path.GetExtension(image) : "");

    /// <summary>The file of an image's result in a folder.</summary>
    internal string FileOf(string image, string folder) => Path.Combine(folder, $"{NameOf(image)}.{Format ?? DefaultFormat}");
}
