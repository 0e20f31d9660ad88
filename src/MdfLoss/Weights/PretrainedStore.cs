using System.IO.Compression;
using System.Security.Cryptography;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>The state of one file in the store.</summary>
internal enum PretrainedState
{
    /// <summary>There is no file.</summary>
    Missing,

    /// <summary>The published file, byte by byte.</summary>
    Published,

    /// <summary>A file with the right tensors whose SHA-256 is not that of the published file, or whose published SHA-256 is not known.</summary>
    Own,
}

/// <summary>The folder in which files of pretrained weights are kept.</summary>
/// <param name="folder">The folder. It is created when a file is written.</param>
internal sealed class PretrainedStore(string folder)
{
    /// <summary>The environment variable that names the folder.</summary>
    public const string Variable = "MDF_WEIGHTS_HOME";

    /// <summary>The store of the user: the folder of <see cref="Variable"/>, or <c>mdf/weights</c> in the cache folder of the system.</summary>
    public static PretrainedStore Default => new(
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given ? Path.GetFullPath(given) : Path.Combine(CacheFolder(), "mdf", "weights"));

    /// <summary>The full path of the folder.</summary>
    public string Folder { get; } = folder;

    /// <summary>The path of a file: the user's own file if there is one, otherwise the published file, which may be missing.</summary>
    /// <param name="file">The file.</param>
    public string PathOf(PretrainedFile file)
    {
        var own = Path.Combine(Folder, file.OwnFileName);
        return File.Exists(own) ? own : Path.Combine(Folder, file.FileName);
    }

    /// <summary>Whether the store has the published file itself.</summary>
    /// <param name="file">The file.</param>
    public bool HasPublished(PretrainedFile file)
    {
        var path = Path.Combine(Folder, file.FileName);
        return file.Digits is not null && File.Exists(path) && file.IsPublished(WeightsFile.Read(path).Sha256);
    }

    /// <summary>Opens weights for a loss.</summary>
    /// <param name="name">The short name of the weights.</param>
    /// <param name="expression">The loss that needs them, for the message.</param>
    /// <exception cref="InputException">They are not there, or the file is corrupt.</exception>
    public PretrainedContent Open(string name, string expression)
    {
        var file = Require(name);
        if (!File.Exists(PathOf(file)))
        {
            throw new InputException(
                $"'{expression}' needs the weights '{name}', which are not in '{Folder}': {(file.Source is { } source ? $"add the file; it is {source}" : "download them, or add the file")}")
                .With(file.Address is null ? Remedy.AddWeights : Remedy.FetchWeights, name);
        }

        return Open(file);
    }

    /// <summary>Verifies a file: its tensors, their shapes, and, of a published file, its hash.</summary>
    /// <param name="file">The file.</param>
    /// <returns>Its state, and its SHA-256 if it is there.</returns>
    /// <exception cref="InputException">The file is corrupt.</exception>
    public (PretrainedState State, string? Sha256) Verify(PretrainedFile file)
    {
        if (!File.Exists(PathOf(file)))
            return (PretrainedState.Missing, null);
        using var content = Open(file);
        return (content.IsPublished ? PretrainedState.Published : PretrainedState.Own, content.File.Sha256);
    }

    /// <summary>Copies a file of the user into the store.</summary>
    /// <param name="path">A PyTorch, safetensors or ONNX file, or a NuGet package with an ONNX file.</param>
    /// <returns>The weights that the file has, and whether it is the published file.</returns>
    /// <exception cref="InputException">The file cannot be read, or has no weights that a loss uses.</exception>
    public (PretrainedFile File, bool IsPublished) Add(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!Path.GetExtension(path).Equals(".nupkg", StringComparison.OrdinalIgnoreCase))
            return Install(path, path);
        RegularFile.Require(path, "a NuGet package");
        AtomicFile.Prepare(Path.Combine(Folder, "extracted.onnx"));
        var temporary = Path.Combine(Folder, $".mdf-{Path.GetRandomFileName()[..8]}.onnx");
        try
        {
            ExtractOnnx(path, temporary);
            return Install(temporary, path);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Moves a downloaded file to its place, if it is the published file.</summary>
    /// <param name="file">The published file.</param>
    /// <param name="path">The downloaded file, in the folder of the store.</param>
    /// <exception cref="InputException">It is another file.</exception>
    public void Accept(PretrainedFile file, string path)
    {
        using (var content = PretrainedContent.Open(path, [file]))
        {
            if (!content.IsPublished)
                throw new InputException($"expected a file whose SHA-256 begins with {file.Digits}, found {content.File.Sha256}");
        }

        File.Move(path, Path.Combine(Folder, file.FileName), overwrite: true);
    }

    /// <summary>Finds the description of weights.</summary>
    /// <param name="name">Their short name.</param>
    /// <exception cref="InputException">No weights have this name.</exception>
    public static PretrainedFile Require(string name) => PretrainedFiles.Find(name)
        ?? throw new InputException($"there are no weights called {Untrusted.Quote(name)}; known are {string.Join(", ", PretrainedFiles.All.Select(file => file.Name))}");

    private PretrainedContent Open(PretrainedFile file)
    {
        var path = PathOf(file);
        var content = PretrainedContent.Open(path, [file]);
        if (content.IsPublished || file.Digits is null || Path.GetFileName(path) != file.FileName)
            return content;
        content.Dispose();
        throw new InputException(
            $"the weights '{path}' have changed: expected a SHA-256 that begins with {file.Digits}, found {content.File.Sha256}; delete the file, then download it again")
            .With(file.Address is null ? Remedy.AddWeights : Remedy.FetchWeights, file.Name);
    }

    private (PretrainedFile File, bool IsPublished) Install(string source, string nameForUser)
    {
        try
        {
            var (file, isPublished, sha256) = Identify(source);
            var own = Path.Combine(Folder, file.OwnFileName);
            var target = isPublished ? Path.Combine(Folder, file.FileName) : own;
            AtomicFile.Write(target, stream =>
            {
                using var input = File.OpenRead(source);
                input.CopyTo(stream);
                stream.Position = 0;
                if (Convert.ToHexStringLower(SHA256.HashData(stream)) != sha256)
                    throw new InputException($"'{source}' changed while it was copied; add it again");
            });
            if (isPublished && own != target)
                File.Delete(own);
            return (file, isPublished);
        }
        catch (InputException e) when (source != nameForUser && e.Message.Contains(source, StringComparison.Ordinal))
        {
            throw new InputException(e.Message.Replace(source, nameForUser, StringComparison.Ordinal), e);
        }
    }

    private static (PretrainedFile File, bool IsPublished, string Sha256) Identify(string path)
    {
        using var content = PretrainedContent.Open(path, PretrainedFiles.All);
        return (content.Published, content.IsPublished, content.File.Sha256);
    }

    /// <summary>Copies the ONNX file of ResNet-18 out of a package. The package is a zip file, and its lengths are not trusted.</summary>
    private static void ExtractOnnx(string path, string target)
    {
        var most = PretrainedFiles.Find("resnet18")!.MostBytes;
        try
        {
            using var zip = ZipFile.OpenRead(path);
            var entry = zip.Entries.FirstOrDefault(entry => entry.Name == "ResNet18.onnx")
                ?? throw new InputException($"the package '{path}' has no file ResNet18.onnx; expected Microsoft.ML.DnnImageFeaturizer.ResNet18");
            using var input = entry.Open();
            using var output = new FileStream(target, FileMode.CreateNew, FileAccess.Write);
            var buffer = new byte[1 << 16];
            for (int count; (count = input.Read(buffer)) > 0;)
            {
                output.Write(buffer, 0, count);
                if (output.Length > most)
                    throw new InputException($"the file ResNet18.onnx in '{path}' has more than {most} bytes; the package is corrupt or malicious");
            }
        }
        catch (InvalidDataException e)
        {
            throw new InputException($"cannot read '{path}': expected a NuGet package, which is a zip file ({e.Message}); download it again", e);
        }
    }

    private static string CacheFolder()
    {
        if (OperatingSystem.IsWindows())
            return Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);
        if (OperatingSystem.IsMacOS())
            return Path.Combine(home, "Library", "Caches");
        return Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache && Path.IsPathRooted(cache) ? cache : Path.Combine(home, ".cache");
    }
}
