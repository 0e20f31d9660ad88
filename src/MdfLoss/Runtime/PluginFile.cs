namespace Mdf.Runtime;

/// <summary>The file of a plugin that adds names.</summary>
/// <param name="Name">The file's name, without its folder.</param>
/// <param name="Sha256">Its SHA-256, in hexadecimal digits.</param>
internal sealed record PluginFile(string Name, string Sha256)
{
    private const string Separator = " sha256:";

    /// <summary>The text that runs and network files record: <c>own-loss.dll sha256:3f5a…</c>.</summary>
    public override string ToString() => Name + Separator + Sha256;

    /// <summary>Reads the text of <see cref="ToString"/> from a file that is not trusted. The text is used only in messages; nothing is loaded.</summary>
    internal static PluginFile Parse(string text) => text.Split(Separator, 2) is [var name, var hash] ? new PluginFile(name, hash) : new PluginFile(text, "");

    /// <summary>The warning for a run that started with another file of this plugin.</summary>
    /// <param name="before">The text that the run recorded.</param>
    internal string ChangedFrom(string before) =>
        $"the plugin '{Name}' is not the file that the run began with ({Untrusted.Quote(before)}): the steps from here on may differ from those of an uninterrupted run";

    /// <summary>The message for a file that uses a name of a plugin that is not loaded.</summary>
    /// <param name="kind">The kind of the named object, such as <c>loss</c>.</param>
    /// <param name="name">The name.</param>
    internal string Hint(string kind, string name) => $"the {kind} {Untrusted.Quote(name)} comes with the plugin {Untrusted.Quote(Name)}: load this plugin";
}
