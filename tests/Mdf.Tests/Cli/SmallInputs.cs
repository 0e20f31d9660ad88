using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Cli;

/// <summary>Files for the commands, as small as the commands allow.</summary>
internal static class SmallInputs
{
    /// <summary>Writes a picture with smooth and rough parts.</summary>
    /// <returns>Its path.</returns>
    public static string Image(this TemporaryFolder folder, string name, int width = 40, int height = 32, ulong seed = 5)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(seed);
        var coarse = Resampler.Bicubic(rand([1, 3, 6, 8], generator: random), height, width);
        var path = folder.File(name);
        ImageFile.Write(path, coarse.Mul(0.8).Add(rand([1, 3, height, width], generator: random).Mul(0.2)));
        return path;
    }

    /// <summary>Trains a stack of two scales through the command, unless it is there.</summary>
    /// <returns>Its path.</returns>
    public static string Stack(this TemporaryFolder folder, string name = "stack.safetensors")
    {
        var path = folder.File(name);
        if (File.Exists(path))
            return path;
        var answer = MdfProgram.Run(
            "loss", "train", folder.Image("photo.png"), "--task", "jpeg:10", "--scales", "2", "--iterations", "1", "-o", path);
        Assert.True(answer.ExitCode == 0, answer.Error);
        return path;
    }
}
