using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;
using TorchSharp.Modules;
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
    /// <param name="parameters">The names of its parameters, in their order.</param>
    /// <returns>The tensors by <c>{parameter}.exp_avg</c> and <c>{parameter}.exp_avg_sq</c>, and how many steps it has made.</returns>
    public static Dictionary<string, StoredTensor> Save(Adam optimizer, IReadOnlyList<string> parameters)
    {
        var tensors = new Dictionary<string, StoredTensor>();
        foreach (var (name, state) in parameters.Zip(StatesOf(optimizer)))
        {
            tensors.Add($"{name}.{FirstMoment}", StoredTensor.From(state.exp_avg));
            tensors.Add($"{name}.{SecondMoment}", StoredTensor.From(state.exp_avg_sq));
            tensors.Add($"{name}.{Steps}", new StoredTensor(ElementType.Int64, [], BitConverter.GetBytes(state.step)));
        }

        return tensors;
    }

    /// <summary>Sets an optimizer's moments.</summary>
    /// <param name="optimizer">Adam, made for the same parameters.</param>
    /// <param name="parameters">Their names, in their order.</param>
    /// <param name="tensors">What <see cref="Save"/> gave.</param>
    /// <param name="where">Where they come from, for messages.</param>
    /// <exception cref="InputException">A tensor is missing or of another shape or type. Nothing is changed.</exception>
    public static void Load(Adam optimizer, IReadOnlyList<string> parameters, IReadOnlyDictionary<string, StoredTensor> tensors, string where)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var states = parameters.Zip(StatesOf(optimizer)).Select(pair => (
            State: pair.Second,
            First: Find(pair.First, FirstMoment, ElementType.Float32, pair.Second.exp_avg.shape),
            Second: Find(pair.First, SecondMoment, ElementType.Float32, pair.Second.exp_avg_sq.shape),
            Steps: Find(pair.First, Steps, ElementType.Int64, []))).ToArray();
        foreach (var (state, first, second, steps) in states)
        {
            state.exp_avg.copy_(first.ToTensor());
            state.exp_avg_sq.copy_(second.ToTensor());
            state.step = BitConverter.ToInt64(steps.Bytes);
        }

        StoredTensor Find(string parameter, string what, ElementType type, long[] shape) =>
            tensors.TryGetValue($"{parameter}.{what}", out var found) && found.Type == type && found.Shape.SequenceEqual(shape)
                ? found
                : throw new InputException(string.Create(CultureInfo.InvariantCulture,
                    $"'{where}': expected the optimizer's {what} of {Untrusted.Quote(parameter)} as {StoredTensor.Describe(type, shape)}, found {(found is null ? "none" : found.ToString())}: the checkpoint is damaged or of another program"));
    }

    private static IEnumerable<Adam.State> StatesOf(Adam optimizer) => optimizer.state_dict().State.Cast<Adam.State>();
}
