using Mdf.Distortions;
using Mdf.Networks;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>The input for creating a restorer.</summary>
public sealed record RestorerSetup
{
    /// <summary>The task that it must undo; null if no task is given. Then it restores any image.</summary>
    public Distortion? Task { get; init; }

    /// <summary>The device to compute on. Default: the CPU.</summary>
    public Device Device { get; init; } = CPU;

    /// <summary>The architecture of the network in a file of another project; null if there is no such file.</summary>
    public NetworkArchitecture? Architecture { get; init; }

    /// <summary>Takes one line about the tensors of another project's file that were ignored. Null: nothing is reported.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>The names of all images that will be restored, if they are known before; otherwise null. They help to find the results of another program.</summary>
    internal IReadOnlyList<string>? Images { get; init; }

    /// <summary>The time limit of a program for one image. Null: no program may be started, because the user did not type the name.</summary>
    public TimeSpan? ProgramTimeLimit { get; init; }
}
