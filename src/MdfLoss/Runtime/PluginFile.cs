namespace Mdf.Runtime;

/// <summary>The file of a plugin, from which a name comes.</summary>
/// <param name="Name">The file's name, without its folder.</param>
/// <param name="Sha256">Its SHA-256, in hexadecimal digits.</param>
internal sealed record PluginFile(string Name, string Sha256)
{
    private const string Separator = " sha256:";

    /// <summary>As runs and network files record it: <c>own-loss.dll sha256:3f5a…</c>.</summary>
    public override string ToString() => Name + Separator + Sha256;

    /// <summary>Reads what <see cref="ToString"/> writes, from a file that is not trusted. It is text for messages: nothing is loaded by it.</summary>
    internal static PluginFile Parse(string text) => text.Split(Separator, 2) is [var name, var hash] ? new PluginFile(name, hash) : new PluginFile(text, "");

    /// <summary>The warning for a run that began with another file of this plugin.</summary>
    /// <param name="before">The text that the run recorded.</param>
    internal string ChangedFrom(string before) =>
        $"the plugin '{Name}' is not the file that the run began with ({Untrusted.Quote(before)}): the steps from here on may differ from those of an uninterrupted run";

    /// <summary>What to say where a file uses a name of a plugin that is not loaded.</summary>
    /// <param name="kind">What the name names: <c>loss</c>.</param>
    /// <param name="name">The name.</param>
    internal string Hint(string kind, string name) => $"the {kind} {Untrusted.Quote(name)} comes with the plugin {Untrusted.Quote(Name)}: name it with --plugin";
}
