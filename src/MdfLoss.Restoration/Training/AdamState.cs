using System.Globalization;
using System.Runtime.InteropServices;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>Saves the state of Adam to a checkpoint, and loads it.</summary>
internal static class AdamState
{
    private const string FirstMoment = "exp_avg";
    private const string SecondMoment = "exp_avg_sq";
    private const string Steps = "step";

    /// <summary>Copies the moments of an optimizer.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <returns>The tensors <c>{parameter}.exp_avg</c> and <c>{parameter}.exp_avg_sq</c>, and the number of steps.</returns>
    public static Dictionary<string, StoredTensor> Save(Adam optimizer)
    {
        var tensors = new Dictionary<string, StoredTensor>();
        foreach (var (name, _) in optimizer.Parameters)
        {
            var (first, second) = optimizer.MomentsOf(name);
            Add(tensors, name, StoredTensor.From(first), StoredTensor.From(second), optimizer.Steps);
        }

        return tensors;
    }

    /// <summary>Copies moments that are not in an optimizer of TorchSharp.</summary>
    /// <param name="moments">The name of each parameter, its two moments, and its shape.</param>
    /// <param name="steps">The number of finished steps.</param>
    public static Dictionary<string, StoredTensor> Save(IEnumerable<(string Name, float[] First, float[] Second, long[] Shape)> moments, long steps)
    {
        var tensors = new Dictionary<string, StoredTensor>();
        foreach (var (name, first, second, shape) in moments)
            Add(tensors, name, Stored(first, shape), Stored(second, shape), steps);
        return tensors;

        static StoredTensor Stored(float[] values, long[] shape) => new(ElementType.Float32, shape, MemoryMarshal.AsBytes<float>(values).ToArray());
    }

    /// <summary>Sets the moments of an optimizer.</summary>
    /// <param name="optimizer">The optimizer, created for the same parameters.</param>
    /// <param name="tensors">The tensors from <see cref="Save(Adam)"/>.</param>
    /// <param name="where">The source of the tensors, for messages.</param>
    /// <exception cref="InputException">A tensor is missing or of another shape or type. Nothing is changed.</exception>
    public static void Load(Adam optimizer, IReadOnlyDictionary<string, StoredTensor> tensors, string where)
    {
        using var scope = NewDisposeScope();
        var read = Read(optimizer.Parameters, tensors, where);
        optimizer.Restore(name => (read[name].First.ToTensor(), read[name].Second.ToTensor()), read.Values.First().Steps);
    }

    /// <summary>Finds all moments and checks them.</summary>
    /// <param name="parameters">The names and shapes of the parameters.</param>
    /// <param name="tensors">The saved tensors.</param>
    /// <param name="where">The source of the tensors, for messages.</param>
    /// <exception cref="InputException">A tensor is missing or of another shape or type.</exception>
    public static Dictionary<string, (StoredTensor First, StoredTensor Second, long Steps)> Read(
        IEnumerable<(string Name, long[] Shape)> parameters, IReadOnlyDictionary<string, StoredTensor> tensors, string where)
    {
        return parameters.ToDictionary(parameter => parameter.Name, parameter => (
            Find(parameter.Name, FirstMoment, ElementType.Float32, parameter.Shape),
            Find(parameter.Name, SecondMoment, ElementType.Float32, parameter.Shape),
            BitConverter.ToInt64(Find(parameter.Name, Steps, ElementType.Int64, []).Bytes)));

        StoredTensor Find(string parameter, string what, ElementType type, long[] shape) =>
            tensors.TryGetValue($"{parameter}.{what}", out var found) && found.Type == type && found.Shape.SequenceEqual(shape)
                ? found
                : throw new InputException(string.Create(CultureInfo.InvariantCulture,
                    $"'{where}': expected the optimizer's {what} of {Untrusted.Quote(parameter)} as {StoredTensor.Describe(type, shape)}, found {(found is null ? "none" : found.ToString())}: the checkpoint is corrupt or from another program"));
    }

    private static void Add(Dictionary<string, StoredTensor> tensors, string name, StoredTensor first, StoredTensor second, long steps)
    {
        tensors.Add($"{name}.{FirstMoment}", first);
        tensors.Add($"{name}.{SecondMoment}", second);
        tensors.Add($"{name}.{Steps}", new StoredTensor(ElementType.Int64, [], BitConverter.GetBytes(steps)));
    }
}
