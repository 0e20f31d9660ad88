using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Experiments;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Plugins;

/// <summary>
/// Adds losses, tasks, networks and restorers under names, for loss expressions, experiment files and the command line. A name consists of small letters and
/// digits, with single hyphens between them.
/// </summary>
/// <remarks>
/// A name is valid for the whole process and cannot be removed, because it must mean the same in an experiment file, in its checkpoints, and in the resulting
/// network file. No file adds a name. Any thread may add names.
/// </remarks>
public sealed class Registry
{
    private readonly PluginFile? _plugin;

    /// <summary>Creates a registry for a program that adds its own names and is not a plugin.</summary>
    public Registry()
    {
    }

    internal Registry(PluginFile plugin) => _plugin = plugin;

    /// <summary>Adds a loss.</summary>
    /// <param name="name">Its name in loss expressions.</param>
    /// <param name="create">Creates the loss from a term of an expression.</param>
    /// <param name="argument">A description of the text that must follow the colon, such as <c>a file</c>; null if no text may follow.</param>
    /// <param name="options">The names of the options that the loss accepts (<see cref="LossTerm.Option"/>).</param>
    /// <exception cref="InputException">The name is taken.</exception>
    /// <exception cref="ArgumentException">The name has other characters than those above.</exception>
    public void AddLoss(string name, Func<LossTerm, ReconstructionLoss> create, string? argument = null, params IReadOnlyList<string> options)
    {
        ArgumentNullException.ThrowIfNull(create);
        LossExpression.Register(new LossKind(name, create) { Argument = argument, Options = options }, _plugin);
    }

    /// <summary>Adds a task, for the training of networks and of losses.</summary>
    /// <param name="name">Its name, without a strength.</param>
    /// <param name="example">An example of the task, such as <c>scanlines:0.3</c>, for the help.</param>
    /// <param name="meaning">A short description of its strength, such as <c>darkness</c>, for the help.</param>
    /// <param name="create">Creates the distortion from the text after the colon; null if there is no colon. Its <see cref="Distortion.Task"/> must start with the name.</param>
    /// <param name="isForLosses">Whether a loss can also be trained for it. This requires that images keep their size, and that a patch of an image is distorted in the same way as the image.</param>
    /// <exception cref="InputException">The name is taken.</exception>
    /// <exception cref="ArgumentException">The name has other characters than those above.</exception>
    public void AddTask(string name, string example, string meaning, Func<string?, Distortion> create, bool isForLosses = true)
    {
        ArgumentNullException.ThrowIfNull(create);
        Tasks.Names.Add(name, new TaskName(name, isForLosses ? example : null, example, meaning, Create), _plugin);

        Distortion Create(string? strength) => create(strength) is var distortion && distortion.Kind == name
            ? distortion
            : throw new InvalidOperationException($"the task '{name}' made a distortion whose task is '{distortion.Task}': expected it to begin with '{name}'");
    }

    /// <summary>Adds a network.</summary>
    /// <param name="name">Its name in experiment files.</param>
    /// <param name="options">Its options.</param>
    /// <param name="create">Creates the network on a device. mdf then initializes or reads its weights.</param>
    /// <param name="factors">The upscaling factors that it supports, ascending. Default: only 1, for a network that keeps the size.</param>
    /// <exception cref="InputException">The name is taken.</exception>
    /// <exception cref="ArgumentException">The name has other characters than those above; an option's name is none that an experiment file can have, or is there twice; or the factors are none.</exception>
    public void AddNetwork(string name, IReadOnlyList<NetworkOption> options, Func<NetworkArchitecture, Device, RestorationNetwork> create, IReadOnlyList<int>? factors = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(create);
        factors ??= [1];
        if (options.Select(option => option.Name).FirstOrDefault(option => !Experiment.OptionNameRange.Contains(option) || option == NetworkArchitecture.FactorKey) is { } unusable)
            throw new ArgumentException($"expected the names of options to be {Experiment.OptionNameRange.Words} and '{NetworkArchitecture.FactorKey}', found '{unusable}'", nameof(options));
        if (options.DistinctBy(option => option.Name).Count() < options.Count)
            throw new ArgumentException("expected each option once", nameof(options));
        if (factors.Count == 0 || factors.Any(factor => factor is < 1 or > 4) || factors.Zip(factors.Skip(1)).Any(pair => pair.First >= pair.Second))
            throw new ArgumentException("expected factors from 1 to 4, ascending", nameof(factors));
        Architectures.Kinds.Add(name, new NetworkKind { Name = name, Factors = factors, Options = options, Create = create }, _plugin);
    }

    /// <summary>Adds a restorer, for <c>mdf restore</c> and <c>mdf evaluate</c>.</summary>
    /// <param name="name">Its name in these commands.</param>
    /// <param name="meaning">A short description, for the help.</param>
    /// <param name="create">Creates the restorer from the text after the colon (null if there is no colon) and from the setup.</param>
    /// <exception cref="InputException">The name is taken, also by a network that comes with the program.</exception>
    /// <exception cref="ArgumentException">The name has other characters than those above.</exception>
    public void AddRestorer(string name, string meaning, Func<string?, RestorerSetup, IRestorer> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        if (ShippedNetworks.Names.Contains(name))
            throw new InputException($"the name '{name}' of a restorer is taken by a network that comes with mdf: choose another name");
        Restorers.Names.Add(name, new Restorers.Entry(name, meaning, create), _plugin);
    }
}
