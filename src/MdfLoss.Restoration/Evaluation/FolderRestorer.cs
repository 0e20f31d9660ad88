using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>
/// Results that another program has written, <c>folder:PATH</c>. <see cref="ResultFiles"/> finds the result of an image by its name: with endings such as <c>_HR</c> or
/// <c>x4</c>, and, if all images are known, with any ending, such as <c>_EDSR</c>. The folder may contain other files.
/// </summary>
internal sealed class FolderRestorer : IRestorer
{
    private readonly string _folder;
    private readonly IReadOnlyDictionary<string, string>? _results;
    private readonly Dictionary<string, string>? _files;

    private FolderRestorer(string folder, RestorerSetup setup)
    {
        (_folder, Factor) = (folder, setup.Task?.Factor);
        if (setup.Images is { } images)
            _results = ResultFiles.Match(images, ImageFolder.List(folder)).Found;
        else
            _files = DistortedPairs.ByCommonName(folder);
    }

    public string Name => $"folder:{_folder}";

    public int? Factor { get; }

    public Tensor Restore(Tensor distorted, RestorationRequest request)
    {
        if ((_results?.GetValueOrDefault(request.Image) ?? _files?.GetValueOrDefault(DistortedPairs.CommonName(request.Image + ".png"))) is not { } file)
            throw new InputException($"'{_folder}' has no result for the image '{request.Image}': expected a file of that name, such as '{request.Image}.png'");
        using var scope = NewDisposeScope();
        var restored = ImageFile.Read(file, cancellationToken: request.CancellationToken);
        if (RestoredSize.Mistake(distorted, restored.shape[2], restored.shape[3], Factor) is { } mistake)
            throw new InputException($"'{file}' is not a result for the image '{request.Image}': {mistake}");
        return restored.to(distorted.device).to(distorted.dtype).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
    }

    public static FolderRestorer Open(string? argument, RestorerSetup setup) => string.IsNullOrEmpty(argument)
        ? throw new InputException("'folder' needs a folder of results after the colon, such as 'folder:results'")
        : new FolderRestorer(argument, setup);
}
