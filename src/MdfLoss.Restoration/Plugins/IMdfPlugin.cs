namespace Mdf.Plugins;

/// <summary>
/// Adds losses, tasks, networks and restorers of another assembly to mdf, by name. A public class with a constructor without parameters implements this interface.
/// <c>mdf --plugin my.dll</c> loads the assembly and calls <see cref="Register"/>.
/// </summary>
public interface IMdfPlugin
{
    /// <summary>Adds the losses, tasks, networks and restorers of the plugin. It is called once, before the command line is read, and must not use libtorch.</summary>
    /// <param name="registry">The registry that takes them.</param>
    void Register(Registry registry);
}
