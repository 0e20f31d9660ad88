using Mdf.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>The engine that computes the inner loop of phase 1.</summary>
internal enum TrainingEngine
{
    /// <summary>The fastest engine for the device.</summary>
    Automatic,

    /// <summary>libtorch.</summary>
    Tensors,

    /// <summary>Our kernels, with AVX2.</summary>
    EightLanes,

    /// <summary>Our kernels, with AVX-512.</summary>
    SixteenLanes,
}

/// <summary>Chooses the engine.</summary>
internal static class TrainingEngines
{
    /// <summary>Returns the engine itself; for <see cref="TrainingEngine.Automatic"/>, the fastest engine for a device and a width of the networks.</summary>
    public static TrainingEngine Resolve(this TrainingEngine engine, Device device, int width) =>
        engine != TrainingEngine.Automatic ? engine
        : device.type != DeviceType.CPU ? TrainingEngine.Tensors
        : Lanes16.IsSupported && width % MatrixProduct<Lanes16>.ColumnBlock == 0 ? TrainingEngine.SixteenLanes
        : Lanes8.IsSupported && width % MatrixProduct<Lanes8>.ColumnBlock == 0 ? TrainingEngine.EightLanes
        : TrainingEngine.Tensors;
}
