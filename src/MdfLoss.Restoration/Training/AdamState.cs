using System.Globalization;
using System.Runtime.InteropServices;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>What Adam remembers between two steps, to and from a checkpoint.</summary>
internal static class AdamState
{
    private const string FirstMoment = "exp_avg";
    private const string SecondMoment = "exp_avg_sq";
    private const string Steps = "step";

    /// <summary>Copies an optimizer's moments.</summary>
    /// <param name="optimizer">Adam.</param>
    /// <returns>The tensors by <c>{parameter}.exp_avg</c> and <c>{parameter}.exp_avg_sq</c>, and how many steps it has made.</returns>
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

    /// <summary>The same for moments that lie elsewhere.</summary>
    /// <param name="moments">Each parameter's name, its two moments, and its shape.</param>
    /// <param name="steps">How many steps have been made.</param>
    public static Dictionary<string, StoredTensor> Save(IEnumerable<(string Name, float[] First, float[] Second, long[] Shape)> moments, long steps)
    {
        var tensors = new Dictionary<string, StoredTensor>();
        foreach (var (name, first, second, shape) in moments)
            Add(tensors, name, Stored(first, shape), Stored(second, shape), steps);
        return tensors;

        static StoredTensor Stored(float[] values, long[] shape) => new(ElementType.Float32, shape, MemoryMarshal.AsBytes<float>(values).ToArray());
    }

    /// <summary>Sets an optimizer's moments.</summary>
    /// <param name="optimizer">Adam, made for the same parameters.</param>
    /// <param name="tensors">What <see cref="Save(Adam)"/> gave.</param>
    /// <param name="where">Where they come from, for messages.</param>
    /// <exception cref="InputException">A tensor is missing or of another shape or type. Nothing is changed.</exception>
    public static void Load(Adam optimizer, IReadOnlyDictionary<string, StoredTensor> tensors, string where)
    {
        using var scope = NewDisposeScope();
        var read = Read(optimizer.Parameters, tensors, where);
        optimizer.Restore(name => (read[name].First.ToTensor(), read[name].Second.ToTensor()), read.Values.First().Steps);
    }

    /// <summary>Finds all moments, and checks them.</summary>
    /// <param name="parameters">The parameters' names and shapes.</param>
    /// <param name="tensors">What was saved.</param>
    /// <param name="where">Where they come from, for messages.</param>
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
                    $"'{where}': expected the optimizer's {what} of {Untrusted.Quote(parameter)} as {StoredTensor.Describe(type, shape)}, found {(found is null ? "none" : found.ToString())}: the checkpoint is damaged or of another program"));
    }

    private static void Add(Dictionary<string, StoredTensor> tensors, string name, StoredTensor first, StoredTensor second, long steps)
    {
        tensors.Add($"{name}.{FirstMoment}", first);
        tensors.Add($"{name}.{SecondMoment}", second);
        tensors.Add($"{name}.{Steps}", new StoredTensor(ElementType.Int64, [], BitConverter.GetBytes(steps)));
    }
}
