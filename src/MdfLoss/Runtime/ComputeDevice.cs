using System.Globalization;
using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>
/// The device that the user requested: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:1</c>.
/// </summary>
/// <remarks>
/// <see cref="Parse"/> reads the text and <see cref="Resolve"/> finds the device, so a mistyped name is reported without loading libtorch.
/// </remarks>
internal sealed record ComputeDevice
{
    private const string Syntax = "expected auto, cpu, cuda or cuda:N (N = 0, 1, …)";

    private enum Kind
    {
        Auto,
        Cpu,
        Cuda,
    }

    private readonly Kind _kind;
    private readonly int _index;

    private ComputeDevice(Kind kind, int index = 0) => (_kind, _index) = (kind, index);

    /// <summary>The first CUDA device if there is one, otherwise the processor.</summary>
    public static ComputeDevice Auto { get; } = new(Kind.Auto);

    /// <summary>The processor.</summary>
    public static ComputeDevice Cpu { get; } = new(Kind.Cpu);

    /// <summary>Reads the name of a device. Does not load libtorch, and does not check that the device exists.</summary>
    /// <param name="text"><c>auto</c>, <c>cpu</c>, <c>cuda</c> (the same as <c>cuda:0</c>) or <c>cuda:N</c>.</param>
    /// <returns>The requested device.</returns>
    /// <exception cref="InputException">The text is none of these.</exception>
    public static ComputeDevice Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text switch
        {
            "auto" => Auto,
            "cpu" => Cpu,
            "cuda" => new ComputeDevice(Kind.Cuda),
            _ when text.StartsWith("cuda:", StringComparison.Ordinal)
                && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var index) =>
                new ComputeDevice(Kind.Cuda, index),
            _ => throw new InputException($"unknown device '{text}': {Syntax}"),
        };
    }

    /// <summary>Finds the device. Loads libtorch.</summary>
    /// <returns>The device to put tensors and modules on.</returns>
    /// <exception cref="InputException">The requested CUDA device does not exist on this machine, or this build does not support it.</exception>
    public Device Resolve()
    {
        if (_kind == Kind.Cpu)
            return CPU;
        var count = cuda.is_available() ? cuda.device_count() : 0;
        if (_kind == Kind.Auto)
            return count > 0 ? device(TorchSharp.DeviceType.CUDA, 0) : CPU;
        if (count == 0)
        {
            throw new InputException(NativeLibraries.HasCuda
                ? $"device '{this}' was asked for, but libtorch {__version__} finds no CUDA device here: check the driver with "
                    + "nvidia-smi, or use the device cpu"
                : $"device '{this}' was asked for, but libtorch {__version__} here is built for processors: name "
                    + $"PyTorch's folder torch/lib with {NativeLibraries.LibtorchVariable} (docs/devices.md), build with -p:Libtorch=cuda, or use the device cpu").With(Remedy.UseProcessor);
        }

        return _index < count
            ? device(TorchSharp.DeviceType.CUDA, _index)
            : throw new InputException(
                $"device '{this}' was asked for, but this machine has {count}: cuda:0 to cuda:{count - 1}");
    }

    /// <inheritdoc/>
    public override string ToString() => _kind switch
    {
        Kind.Auto => "auto",
        Kind.Cpu => "cpu",
        _ => $"cuda:{_index}",
    };
}
