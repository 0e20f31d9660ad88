namespace Mdf.Plugins;

/// <summary>
/// What another assembly adds to mdf: losses, tasks, networks and restorers, by name. A public class with a constructor without parameters implements it, and
/// <c>mdf --plugin my.dll</c> loads the assembly and calls it.
/// </summary>
public interface IMdfPlugin
{
    /// <summary>Adds what the plugin has. It is called once, before the command line is read, and must not touch libtorch.</summary>
    /// <param name="registry">Where to add it.</param>
    void Register(Registry registry);
}
