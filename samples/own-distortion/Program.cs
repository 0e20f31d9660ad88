// A loss for an artefact of your own: dark scan lines. dotnet run -- photo.png scanlines.safetensors
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
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
        var distorted = reference.clone();
        distorted.slice(2, 1, reference.shape[2], 2).Mul_(1 - strength); // (N, 3, H, W): from row 1 on, every second one
        return distorted;
    }
}
