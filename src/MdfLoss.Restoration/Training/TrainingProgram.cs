using System.Reflection;

namespace Mdf.Training;

/// <summary>The program that trains a loss.</summary>
/// <param name="Version">The version of the program.</param>
/// <param name="Threads">The number of threads per operation. The last bits of a sum depend on it.</param>
internal sealed record TrainingProgram(string Version, int Threads)
{
    /// <summary>The program of this process.</summary>
    public static TrainingProgram Current => new(CurrentVersion, TorchSharp.torch.get_num_threads());

    /// <summary>The version of this library, as stored in files.</summary>
    public static string CurrentVersion { get; } =
        typeof(TrainingProgram).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
