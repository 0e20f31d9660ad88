using CsCheck;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

/// <summary>Random files of weights.</summary>
internal static class Generators
{
    private static readonly Gen<string> s_name = Gen.OneOf("a", "Z", "0", ".", "_", "weight", "é", "😀", "\"", "\\", "\n", " ")
        .Array[0, 6].Select(string.Concat);

    private static readonly Gen<StoredTensor> s_tensor =
        from type in Gen.Enum<ElementType>()
        from shape in Gen.Long[0, 4].Array[0, 4]
        from seed in Gen.Int
        select new StoredTensor(type, shape, Checkpoints.Content((int)shape.Aggregate((long)type.Size(), (product, size) => product * size), seed));

    public static Gen<Dictionary<string, StoredTensor>> Tensors { get; } = Gen.Dictionary(s_name, s_tensor)[1, 8];

    public static Gen<Dictionary<string, string>> Metadata { get; } = Gen.Dictionary(s_name, s_name)[0, 4];
}
