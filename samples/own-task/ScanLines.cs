// A task of your own: dark scan lines. Use it as scanlines:0.3, where a row is darker by three tenths.
using System.Globalization;
using Mdf.Distortions;
using Mdf.Plugins;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace OwnTask;

public sealed class ScanLinesPlugin : IMdfPlugin
{
    public void Register(Registry registry) => registry.AddTask("scanlines", "scanlines:0.3", "how much darker", Create);

    private static ScanLines Create(string? strength) =>
        double.TryParse(strength, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= 1
            ? new ScanLines(number)
            : throw new InputException($"task 'scanlines' needs a strength above 0 and at most 1 after a colon, such as 'scanlines:0.3', found '{strength}'");
}

/// <summary>Every other row is darker.</summary>
public sealed class ScanLines(double strength) : Distortion
{
    // What files record, and Create reads again.
    public override string Task => FormattableString.Invariant($"scanlines:{strength}");

    protected override Tensor Distort(Tensor reference, Generator? random)
    {
        float[] rows = [.. Enumerable.Range(0, (int)reference.shape[2]).Select(row => row % 2 == 0 ? 1 : (float)(1 - strength))];
        return reference * tensor(rows, reference.dtype, reference.device).view(1, 1, -1, 1);
    }
}
