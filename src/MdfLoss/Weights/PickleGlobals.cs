using System.Collections.Frozen;

namespace Mdf.Weights;

/// <summary>A class or function that a checkpoint may refer to by name.</summary>
internal abstract record PickleGlobal
{
    /// <summary>One of PyTorch's storage classes.</summary>
    public sealed record StorageClass(ElementType Type) : PickleGlobal;

    /// <summary>A class of modules. Its objects become inert records.</summary>
    public sealed record ModuleClass(string Name) : PickleGlobal;

    /// <summary>An element type as a value in a checkpoint. It contains no tensors.</summary>
    public sealed record ElementTypeName : PickleGlobal;

    /// <summary>A function or class whose call is supported. Nothing is executed.</summary>
    public sealed record Callable(PickleCall Call) : PickleGlobal;
}

/// <summary>The calls that the reader supports, with their arguments.</summary>
internal enum PickleCall
{
    /// <summary><c>(storage, offset, size, stride)</c>; since PyTorch 0.4 <c>(storage, offset, size, stride, requires_grad, hooks)</c>.</summary>
    RebuildTensor,

    /// <summary><c>(tensor, requires_grad, hooks)</c>.</summary>
    RebuildParameter,

    /// <summary><c>(tensor)</c> or <c>(tensor, requires_grad)</c>.</summary>
    Parameter,

    /// <summary><c>()</c> or <c>([[key, value], …])</c>.</summary>
    OrderedDict,

    /// <summary><c>({key: count, …})</c>.</summary>
    Counter,

    /// <summary><c>([value, …])</c>.</summary>
    Set,

    /// <summary><c>((size, …))</c>.</summary>
    Size,

    /// <summary><c>(kind, index)</c>.</summary>
    Device,
}

/// <summary>
/// All names that a checkpoint may refer to: the names that tensors and state dictionaries need, and the module classes of the authors'
/// discriminators, which are saved as whole modules (gfxdisp/mdf, <c>Ds_SISR.pth</c> and <c>Ds_JPEG.pth</c>).
/// </summary>
internal static class PickleGlobals
{
    private static readonly string[] s_elementTypeNames =
    [
        "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
    ];

    private static readonly FrozenDictionary<string, PickleGlobal> s_known = new Dictionary<string, PickleGlobal>
    {
        ["torch._utils._rebuild_tensor"] = new PickleGlobal.Callable(PickleCall.RebuildTensor),
        ["torch._utils._rebuild_tensor_v2"] = new PickleGlobal.Callable(PickleCall.RebuildTensor),
        ["torch._utils._rebuild_parameter"] = new PickleGlobal.Callable(PickleCall.RebuildParameter),
        ["torch.nn.parameter.Parameter"] = new PickleGlobal.Callable(PickleCall.Parameter),
        ["collections.Counter"] = new PickleGlobal.Callable(PickleCall.Counter), // the milestones of learning-rate schedules
        ["collections.OrderedDict"] = new PickleGlobal.Callable(PickleCall.OrderedDict),
        ["__builtin__.set"] = new PickleGlobal.Callable(PickleCall.Set), // PyTorch's modules list their unsaved buffers in a set
        ["torch.Size"] = new PickleGlobal.Callable(PickleCall.Size),
        ["torch.device"] = new PickleGlobal.Callable(PickleCall.Device),
        ["torch.nn.modules.conv.Conv2d"] = new PickleGlobal.ModuleClass(ModuleStructure.Convolution),
        ["torch.nn.modules.batchnorm.BatchNorm2d"] = new PickleGlobal.ModuleClass(ModuleStructure.BatchNorm),
        ["torch.nn.modules.activation.LeakyReLU"] = new PickleGlobal.ModuleClass(ModuleStructure.LeakyRelu),
        ["torch.nn.modules.container.Sequential"] = new PickleGlobal.ModuleClass(ModuleStructure.Sequential),
        ["SinGAN.models.ConvBlock"] = new PickleGlobal.ModuleClass(ModuleStructure.ConvBlock),
        ["SinGAN.models.WDiscriminator"] = new PickleGlobal.ModuleClass(ModuleStructure.Discriminator),
    }
    .Concat(Enum.GetValues<ElementType>().Select(type => KeyValuePair.Create<string, PickleGlobal>(
        $"torch.{type.StorageClass()}", new PickleGlobal.StorageClass(type))))
    .Concat(s_elementTypeNames.Select(name => KeyValuePair.Create<string, PickleGlobal>(
        $"torch.{name}", new PickleGlobal.ElementTypeName())))
    .ToFrozenDictionary();

    public static PickleGlobal? Find(string name) => s_known.GetValueOrDefault(name);
}
