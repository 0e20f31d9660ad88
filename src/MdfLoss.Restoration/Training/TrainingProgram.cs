using System.Reflection;

namespace Mdf.Training;

/// <summary>The program that trains.</summary>
/// <param name="Version">Its version.</param>
/// <param name="Threads">The threads within an operation, on which the last bits of a sum depend.</param>
public sealed record TrainingProgram(string Version, int Threads)
{
    /// <summary>This process.</summary>
    public static TrainingProgram Current => new(CurrentVersion, TorchSharp.torch.get_num_threads());

    /// <summary>The version of this library, as files record it.</summary>
    public static string CurrentVersion { get; } =
        typeof(TrainingProgram).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
