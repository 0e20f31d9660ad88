using System.Security.Cryptography;
using System.Text;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// The distortion of a program, computed once for each image: the result is kept as an 8-bit PNG file. So the training of a network starts the program once for each
/// image, and a resumed run and the validation get the same distorted images. The random numbers of a program are fixed by its first call.
/// </summary>
internal sealed class CachedDistortion : Distortion
{
    private readonly string _folder;

    /// <summary>Creates the distortion. Reads and writes nothing.</summary>
    /// <param name="program">The program.</param>
    /// <param name="folder">The folder of the results.</param>
    public CachedDistortion(ExternalDistortion program, string folder)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(folder);
        (Program, _folder) = (program, folder);
    }

    /// <summary>The program.</summary>
    public ExternalDistortion Program { get; }

    /// <inheritdoc/>
    public override string Task => Program.Task;

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random) => Find(reference);

    /// <inheritdoc/>
    private protected override Tensor DistortGrey(Tensor reference, Generator? random) => Find(reference);

    private Tensor Find(Tensor reference) => Join(reference.split(1).Select(FindOne)).to(reference.device).to(reference.dtype);

    private Tensor FindOne(Tensor image)
    {
        var path = Path.Combine(_folder, NameOf(image) + ".png");
        if (!File.Exists(path))
        {
            var made = GreyPicture.ToRgb(Program.Apply(image));
            ImageFile.Write(path, new Picture(made, null, GreyPicture.IsGrey(made), 8));
        }

        var found = ImageFile.Read(path);
        if (found.shape[2] != image.shape[2] || found.shape[3] != image.shape[3])
            throw new InputException($"expected '{path}' to have {image.shape[3]}×{image.shape[2]} pixels, as it was written, found {found.shape[3]}×{found.shape[2]}: delete it, and the program makes it again");
        return image.shape[1] == 1 ? GreyPicture.Channels(found) : found;
    }

    /// <summary>The file name of a result: a hash of all that decides the result, which are the command, the number of channels, and the pixels that the program gets.</summary>
    private string NameOf(Tensor image)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{Program.Task}\n{string.Join('×', image.shape)}\n"));
        using var levels = Pixels.Levels(image, bitDepth: 8).to(ScalarType.Byte).cpu().contiguous();
        hash.AppendData(levels.bytes);
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }
}
