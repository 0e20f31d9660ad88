using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Networks;

/// <summary>The metadata of a network file. With them the file alone is enough to restore images.</summary>
public sealed record NetworkMetadata
{
    /// <summary>The version of the format that this program writes.</summary>
    internal const string CurrentFormat = FileKind.NetworkFormat;

    // If the network comes from a plugin. For messages only.
    private const string PluginKey = "plugin";

    /// <summary>The architecture of the network.</summary>
    public required NetworkArchitecture Architecture { get; init; }

    /// <summary>The task that it was trained to undo, such as <c>sisr:4</c> or <c>jpeg:10</c>.</summary>
    public required string Task { get; init; }

    /// <summary>The loss that it was trained with, such as <c>mdf:stack.safetensors</c>; null if unknown.</summary>
    public string? Loss { get; init; }

    /// <summary>The SHA-256 of the weight files of this loss, such as its discriminator stacks, in their order and separated by commas; null if it has none, or if unknown.</summary>
    public string? LossSha256 { get; init; }

    /// <summary>The number of iterations of its training; null if unknown.</summary>
    public int? Iterations { get; init; }

    /// <summary>The seed of all randomness; null if unknown.</summary>
    public long? Seed { get; init; }

    /// <summary>The version of the program that trained it; null if unknown.</summary>
    public string? ProgramVersion { get; init; }

    /// <summary>Converts to the metadata of a safetensors file.</summary>
    internal IReadOnlyDictionary<string, string> ToDictionary()
    {
        var values = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            [FileKind.Key] = CurrentFormat,
            ["architecture"] = Architecture.ToString(),
            ["task"] = Task,
        };
        Add("loss", Loss);
        Add(FileKind.LossFilesKey, LossSha256);
        Add("iterations", Iterations?.ToString(CultureInfo.InvariantCulture));
        Add("seed", Seed?.ToString(CultureInfo.InvariantCulture));
        Add("program_version", ProgramVersion);
        Add(PluginKey, Architectures.Kinds.PluginOf(Architecture.Name)?.ToString());
        return values;

        void Add(string key, string? value)
        {
            if (value is not null)
                values.Add(key, value);
        }
    }

    /// <summary>Reads the result of <see cref="ToDictionary"/>.</summary>
    /// <param name="values">A file's metadata.</param>
    /// <param name="where">The file's name, for messages.</param>
    /// <returns>The metadata; null if this program did not write the file.</returns>
    /// <exception cref="InputException">The file is of another kind, or newer than this program, or a value is invalid.</exception>
    internal static NetworkMetadata? Read(IReadOnlyDictionary<string, string> values, string where)
    {
        if (!FileKind.Network.IsKindOf(values, where))
            return null;
        return new NetworkMetadata
        {
            Architecture = Architecture(),
            Task = Value("task"),
            Loss = values.GetValueOrDefault("loss"),
            LossSha256 = values.GetValueOrDefault(FileKind.LossFilesKey) ?? values.GetValueOrDefault(FileKind.EarlierLossFilesKey),
            Iterations = values.ContainsKey("iterations")
                ? int.TryParse(Value("iterations"), NumberStyles.None, CultureInfo.InvariantCulture, out var iterations) ? iterations : throw Invalid("iterations")
                : null,
            Seed = values.ContainsKey("seed")
                ? long.TryParse(Value("seed"), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seed) ? seed : throw Invalid("seed")
                : null,
            ProgramVersion = values.GetValueOrDefault("program_version"),
        };

        NetworkArchitecture Architecture()
        {
            var name = Value("architecture").Split('?')[0];
            if (values.TryGetValue(PluginKey, out var plugin) && Architectures.Kinds.Find(name) is null)
                throw new InputException($"'{where}': {PluginFile.Parse(plugin).Hint("network", name)}").With(Remedy.LoadPlugin);
            try
            {
                return Architectures.Parse(Value("architecture"));
            }
            catch (InputException e)
            {
                throw new InputException($"'{where}': {e.Message}; the file is corrupt, or it needs a newer version of mdf", e);
            }
        }

        string Value(string key) => values.TryGetValue(key, out var value) ? value : throw Invalid(key);

        InputException Invalid(string key) => new(values.TryGetValue(key, out var value)
            ? $"'{where}': its metadata has the unusable value {Untrusted.Quote(value)} for '{key}': the file is corrupt; download it again"
            : $"'{where}': its metadata lacks '{key}': the file is corrupt; download it again");
    }
}
