using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>The options with which a user repairs a mistake. The library's messages name none: the program adds them here.</summary>
internal static class Advice
{
    private const string Correlate = "correlate";
    private const string Train = "train";
    private const string LossTrain = "loss train";
    private const string Sweep = "sweep";

    /// <summary>For each remedy, the advice in a command; null where the command has no such option.</summary>
    private static readonly Dictionary<Remedy, Func<string, string?>> s_advice = new()
    {
        [Remedy.FetchWeights] = _ => "mdf weights fetch NAME, or mdf weights add FILE",
        [Remedy.AddWeights] = _ => "mdf weights add FILE",
        [Remedy.UseProcessor] = _ => "--device cpu",
        [Remedy.LoadPlugin] = _ => "--plugin FILE.dll",
        [Remedy.Convert] = _ => "mdf convert OLD.safetensors NEW.safetensors",
        [Remedy.NameNetwork] = _ => "--network NETWORK",
        [Remedy.OmitNetwork] = _ => "leave out --network",
        [Remedy.NameTask] = _ => "--task TASK",
        [Remedy.TypeTask] = command => command switch
        {
            Train => "--task 'external:command', also with --resume",
            Sweep => "--task 'external:command'",
            _ => null,
        },
        [Remedy.GiveDistorted] = command => command switch
        {
            Train or Sweep => "in the experiment, data.distorted, and data.validation_distorted if there is data.validation",
            "evaluate" => "--distorted FOLDER",
            _ => null,
        },
        [Remedy.GiveNiqe] = command => command switch
        {
            "evaluate" or "score" or Correlate => "--niqe FILE",
            Train or Sweep => "in the experiment, validation.niqe",
            _ => null,
        },
        [Remedy.NameMeasure] = command => command == Correlate ? "--loss NAME" : null,
        [Remedy.MoreTime] = _ => "--external-timeout SECONDS",
        [Remedy.StartRun] = _ => "leave out --resume",
        [Remedy.Resume] = command => command == Sweep ? "run the same command again" : "--resume",
        [Remedy.ResumeOrMoveRun] = command => RunFolder(command) is { } folder ? $"--resume, or {folder}" : null,
        [Remedy.MoveRun] = RunFolder,
        [Remedy.MoveOrExtendRun] = command => RunFolder(command) is { } folder ? $"{folder}, or --resume --extend" : null,
        [Remedy.OmitExtension] = _ => "--resume without --extend",
        [Remedy.MoreIterations] = _ => "--iterations",
        [Remedy.ReplaceOrKeep] = _ => "--overwrite replaces them, --skip-existing keeps them",
        [Remedy.AddSuffix] = _ => "--suffix TEXT",
        [Remedy.OmitSuffix] = _ => "leave out --suffix",
        [Remedy.KeepExtensions] = _ => "--keep-extension",
        [Remedy.OmitKeptExtensions] = _ => "leave out --keep-extension",
    };

    /// <summary>The text to add to the message of an exception.</summary>
    /// <param name="error">The exception.</param>
    /// <param name="command">The command, as in <c>loss train</c>.</param>
    /// <returns>The options in brackets, after a space; empty if there is no advice.</returns>
    public static string For(Exception error, string command)
    {
        string[] advice = [.. Remedies.Find(error).Select(remedy => For(remedy, command)).OfType<string>()];
        return advice.Length > 0 ? $" ({string.Join("; ", advice).Replace("NAME", Remedies.FindSubject(error) ?? "NAME", StringComparison.Ordinal)})" : "";
    }

    /// <summary>The advice for one remedy; null if the command offers none.</summary>
    /// <param name="remedy">The remedy.</param>
    /// <param name="command">The command, as in <c>loss train</c>.</param>
    internal static string? For(Remedy remedy, string command) => s_advice[remedy](command);

    private static string? RunFolder(string command) => command switch
    {
        Train or Sweep => "--output FOLDER",
        LossTrain => "--run FOLDER",
        _ => null,
    };
}
