using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>Measures that are ready to use: chosen from the table of <see cref="Measures"/>, with their losses and the model of NIQE.</summary>
public sealed class MeasureSet : IDisposable
{
    private readonly IReadOnlyList<(Measure Measure, ReconstructionLoss? Loss)> _entries;
    private readonly NiqeModel? _niqe;

    private MeasureSet(IReadOnlyList<(Measure, ReconstructionLoss?)> entries, NiqeModel? niqe) => (_entries, _niqe) = (entries, niqe);

    /// <summary>The names of the measures, in order. A measure that was left out is not among them.</summary>
    public IReadOnlyList<string> Names => [.. Entries.Select(measure => measure.Name)];

    /// <summary>The entries of the table, in order.</summary>
    internal IReadOnlyList<Measure> Entries => [.. _entries.Select(entry => entry.Measure)];

    /// <summary>The losses of the measures that are computed from one.</summary>
    internal IReadOnlyList<(Measure Measure, ReconstructionLoss Loss)> Losses => [.. _entries.Where(entry => entry.Loss is not null).Select(entry => (entry.Measure, entry.Loss!))];

    /// <summary>Creates the set.</summary>
    /// <param name="names">
    /// Names of <see cref="Measures"/>, or loss expressions without commas. Null: <see cref="Measures.DefaultNames"/>, and those of NIQE if there is a model.
    /// </param>
    /// <param name="niqe">The model for NIQE; null if NIQE is not measured.</param>
    /// <param name="device">The device of the images. Default: the CPU.</param>
    /// <param name="warn">Takes one line for each measure that is left out because its weights are missing.</param>
    /// <returns>The set. The caller disposes of it.</returns>
    /// <exception cref="InputException">A name is unknown or given twice, a file of a loss cannot be used, NIQE has no model, or no measure is left.</exception>
    public static MeasureSet Create(IEnumerable<string>? names = null, NiqeModel? niqe = null, Device? device = null, Action<string>? warn = null) =>
        Create(names is null ? null : Measures.Parse(names), niqe, device, warn);

    /// <inheritdoc cref="Create(IEnumerable{string}, NiqeModel, Device, Action{string})"/>
    internal static MeasureSet Create(IReadOnlyList<Measure>? measures, NiqeModel? niqe, Device? device, Action<string>? warn)
    {
        measures ??= Measures.Default(niqe is not null);
        if (niqe is null && measures.FirstOrDefault(measure => measure.Source == MeasureSource.Niqe) is { } blind)
            throw new InputException($"'{blind.Name}' needs the parameters of NIQE: give the published niqe_pris_params.npz").With(Remedy.GiveNiqe);
        var entries = new List<(Measure, ReconstructionLoss?)>();
        var set = new MeasureSet(entries, niqe);
        try
        {
            foreach (var measure in measures)
            {
                if (measure.Source != MeasureSource.Loss)
                    entries.Add((measure, null));
                else if (Open(measure, device, warn) is { } loss)
                    entries.Add((measure, loss));
            }

            return entries.Count > 0 ? set : throw new InputException($"no measure is left of {string.Join(", ", measures.Select(measure => measure.Name))}: name others, such as {Measures.Psnr}");
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    /// <summary>Measures a restored image by the rules of benchmarks: both images are clamped and rounded to 8 bits, and lose their border.</summary>
    /// <param name="restored"><c>(1, 3, H, W)</c>, floating point, on the device of the set.</param>
    /// <param name="reference">The same size and device, in [0, 1].</param>
    /// <param name="border">The number of pixels to crop at each side of both images before all measures.</param>
    /// <param name="cancellationToken">Stops the work between two strips.</param>
    /// <returns>The scores. A score is null if the image is too small for it.</returns>
    /// <exception cref="ArgumentException">A tensor is not an image.</exception>
    /// <exception cref="InputException">The sizes differ, an image contains NaN, or the border leaves nothing.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public BenchmarkScores Score(Tensor restored, Tensor reference, int border = 0, CancellationToken cancellationToken = default) =>
        Score(restored, reference, border, isRounded: true, cancellationToken);

    /// <inheritdoc cref="Score(Tensor, Tensor, int, CancellationToken)"/>
    /// <param name="restored">The restored image.</param>
    /// <param name="reference">Its reference.</param>
    /// <param name="border">The border.</param>
    /// <param name="isRounded">Whether to round both images to 8 bits. Otherwise they are only clamped.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    internal BenchmarkScores Score(Tensor restored, Tensor reference, int border, bool isRounded, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (image, referenceImage) = BenchmarkProtocol.PairWithoutBorder(restored, reference, border);
        var values = new Dictionary<string, double?>();
        string[] ofStrips = [.. Entries.Where(measure => measure.Source == MeasureSource.Strips).Select(measure => measure.Name)];
        if (ofStrips.Length > 0)
            Add(BenchmarkMetrics.Score(image, referenceImage, Strips(), ofStrips, isRounded).Values);
        FreedMemory.Return(); // the maps of one measure would lie between those of the next
        Add(OfLosses(image, referenceImage, isRounded, cancellationToken));
        FreedMemory.Return();
        Add(OfNiqe(image, referenceImage, cancellationToken));
        return new BenchmarkScores(Names.Select(name => KeyValuePair.Create(name, values[name])));

        IEnumerable<ImageStrip> Strips() => ImageStrips.Divide(image.shape, cancellationToken: cancellationToken);

        void Add(IEnumerable<KeyValuePair<string, double?>> more)
        {
            foreach (var (name, value) in more)
                values[name] = value;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, loss) in _entries)
            loss?.Dispose();
    }

    private Dictionary<string, double?> OfLosses(Tensor image, Tensor reference, bool isRounded, CancellationToken cancellationToken)
    {
        var values = Losses.ToDictionary(entry => entry.Measure.Name, _ => (double?)null);
        var shorter = Math.Min(image.shape[2], image.shape[3]);
        (Measure Measure, ReconstructionLoss Loss)[] defined = [.. Losses.Where(entry => entry.Loss.MinimumSize <= shorter)];
        if (defined.Length == 0)
            return values;
        using var scope = NewDisposeScope();
        var (prepared, preparedReference) = (Prepare(image, "restored"), Prepare(reference, "reference"));
        foreach (var (measure, loss) in defined)
        {
            var value = loss.Measure(prepared, preparedReference, cancellationToken);
            values[measure.Name] = measure.IsSimilarity ? 1 - value : value;
            FreedMemory.Return();
        }

        return values;

        Tensor Prepare(Tensor whole, string role) =>
            BenchmarkProtocol.PrepareWhole(whole, isRounded, role, ImageStrips.Divide(whole.shape, cancellationToken: cancellationToken));
    }

    private Dictionary<string, double?> OfNiqe(Tensor image, Tensor reference, CancellationToken cancellationToken)
    {
        string[] names = [.. Entries.Where(measure => measure.Source == MeasureSource.Niqe).Select(measure => measure.Name)];
        if (names.Length == 0)
            return [];
        var found = _niqe!.ScoreWhole(image, cancellationToken);
        return names.ToDictionary(name => name, name => name == Measures.Niqe
            ? found
            : Math.Abs(found - _niqe.ScoreWhole(reference, cancellationToken) ?? double.NaN) is var difference && double.IsNaN(difference) ? null : (double?)difference);
    }

    /// <summary>Creates the loss of a measure; null if it is left out.</summary>
    private static ReconstructionLoss? Open(Measure measure, Device? device, Action<string>? warn)
    {
        try
        {
            var loss = measure.Loss!.Create(device);
            if (device is not null && loss.CautionOn(device) is { } caution)
                warn?.Invoke(caution);
            return loss;
        }
        catch (InputException e) when (measure.NeedsWeights)
        {
            warn?.Invoke($"'{measure.Name}' is left out: {e.Message}");
            return null;
        }
    }
}
