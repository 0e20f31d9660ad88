namespace Mdf.Experiments;

/// <summary>The names, in messages, of the arguments that replace values of an experiment file.</summary>
/// <param name="Setting">The name of an override; the key follows it.</param>
/// <param name="Task">The name of the task.</param>
internal sealed record ExperimentArguments(string Setting, string Task)
{
    /// <summary>The names for callers from code.</summary>
    public static ExperimentArguments InCode { get; } = new("override", "the given task");
}
