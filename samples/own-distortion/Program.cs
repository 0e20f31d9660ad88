// A loss for an artefact of your own: dark scan lines. dotnet run -- photo.png scanlines.safetensors
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Training;
using static TorchSharp.torch;

using var photo = ImageFile.Read(args[0]);
var options = new LossTrainingOptions { Distortion = new ScanLines(0.3), Scales = 4, Iterations = 100 };
using var stack = LossTraining.Train(photo, sourceSha256: "", options);
stack.Save(args[1]);
Console.WriteLine($"use it as --loss mdf:{args[1]}");

/// <summary>Every other row is darker.</summary>
internal sealed class ScanLines(double strength) : Distortion
{
    public override string Task => FormattableString.Invariant($"scanlines:{strength}");

    protected override Tensor Distort(Tensor reference, Generator? random)
    {
        var odd = arange(reference.shape[2], device: reference.device).remainder(2).view(1, 1, -1, 1);
        return reference * (1 - strength * odd);
    }
}
