using Mdf.Distortions;
using Mdf.Networks;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>What a restorer is made with.</summary>
public sealed record RestorerSetup
{
    /// <summary>What it is to undo; null where that is not said: then it restores whatever it is given.</summary>
    public Distortion? Task { get; init; }

    /// <summary>Where to compute.</summary>
    public Device Device { get; init; } = CPU;

    /// <summary>What the network of another project's file is built as; null where there is none.</summary>
    public NetworkArchitecture? Architecture { get; init; }

    /// <summary>Told in one line what of another project's file was passed over; null where nobody listens.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>How long a program may take for an image; null where none may be started, since the name was not typed by a person.</summary>
    public TimeSpan? ProgramTimeLimit { get; init; }
}
