using System.Globalization;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>The baselines for networks: bicubic upscaling, and the unchanged image.</summary>
internal sealed class ResamplingRestorer : IRestorer
{
    public const string BicubicName = "bicubic";
    public const string IdentityName = "identity";

    private readonly Func<Tensor, Tensor> _restore;

    private ResamplingRestorer(string name, int factor, Func<Tensor, Tensor> restore) => (Name, Factor, _restore) = (name, factor, restore);

    public string Name { get; }

    public int? Factor { get; }

    public Tensor Restore(Tensor distorted, RestorationRequest request) => _restore(distorted);

    public void Dispose()
    {
    }

    /// <summary>Creates bicubic upscaling as in MATLAB. The numbers for bicubic in the literature use it.</summary>
    public static ResamplingRestorer Bicubic(string? argument, RestorerSetup setup)
    {
        var factor = argument is null ? setup.Task?.Factor
            : int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out var given) && given is > 1 and <= 4 ? given
            : throw new InputException($"cannot use '{BicubicName}:{argument}': expected the factor 2, 3 or 4 after the colon");
        return factor switch
        {
            > 1 => new ResamplingRestorer(argument is null ? BicubicName : $"{BicubicName}:{argument}", factor.Value, distorted => Resampler.BicubicScale(distorted, factor.Value, Border.Symmetric)),
            null => throw new InputException($"'{BicubicName}' needs a factor here: expected 2, 3 or 4 after a colon, such as '{BicubicName}:4'"),
            _ => throw new InputException($"'{BicubicName}' enlarges and does nothing for the task {setup.Task!.Task}: use '{IdentityName}'"),
        };
    }

    /// <summary>Creates the restorer that returns the distorted image, for tasks that keep the size.</summary>
    public static ResamplingRestorer Identity(string? argument, RestorerSetup setup) =>
        argument is not null ? throw new InputException($"'{IdentityName}' takes nothing after ':', found {Untrusted.Quote(argument)}")
        : setup.Task is { Factor: > 1 } task ? throw new InputException($"'{IdentityName}' keeps the size, and the task {task.Task} does not: use '{BicubicName}'")
        : new ResamplingRestorer(IdentityName, 1, distorted => distorted.clone());
}
