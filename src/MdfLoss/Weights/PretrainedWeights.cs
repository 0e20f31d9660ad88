using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// Files of networks that others have trained, such as VGG-16. The losses that compare their features need them, and no package contains them. The files are in one folder:
/// the environment variable <c>MDF_WEIGHTS_HOME</c>, or <c>mdf/weights</c> in the cache folder of the user.
/// </summary>
public static class PretrainedWeights
{
    /// <summary>The folder of the files. It may not exist yet.</summary>
    public static string Folder => PretrainedStore.Default.Folder;

    /// <summary>The short names of all weights that losses can use.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. PretrainedFiles.All.Select(file => file.Name)];

    /// <summary>Copies a file into the folder. The tensors in it tell whose weights it has.</summary>
    /// <param name="path">A <c>.pth</c>, <c>.pt</c>, <c>.safetensors</c> or <c>.onnx</c> file; or the NuGet package of ResNet-18.</param>
    /// <returns>The short name of the weights.</returns>
    /// <exception cref="InputException">The file cannot be read, or has no weights that a loss uses.</exception>
    public static string Add(string path) => PretrainedStore.Default.Add(path).File.Name;

    /// <summary>Downloads a published file from its official address into the folder, and verifies its hash and its tensors. A download that was interrupted is resumed.</summary>
    /// <param name="name">The short name of the weights.</param>
    /// <param name="progress">Takes the reports, in megabytes. Default: none.</param>
    /// <param name="cancellationToken">Stops the download. The next call resumes it.</param>
    /// <returns>Whether a file was downloaded. False: the published file is already there.</returns>
    /// <exception cref="InputException">No weights have this name, they have no address, or the server sent another file.</exception>
    /// <exception cref="IOException">The server cannot be reached, or the connection ended.</exception>
    public static Task<bool> FetchAsync(string name, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default) =>
        new PretrainedDownload(PretrainedStore.Default).FetchAsync(PretrainedStore.Require(name), progress, cancellationToken);
}
