using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Experiments;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Plugins;

/// <summary>
/// Adds losses, tasks, networks and restorers to those that have names: in loss expressions, in experiment files, on the command line. A name is small letters and
/// digits, with single hyphens between them.
/// </summary>
/// <remarks>
/// What is added holds for the whole process, and stays: the same name must mean the same in an experiment file, in its checkpoints, and in the network that it leaves.
/// Nothing that is in a file adds anything. Any thread may add.
/// </remarks>
public sealed class Registry
{
    private readonly PluginFile? _plugin;

    /// <summary>A registry for a program that adds what it has itself, and is no plugin.</summary>
    public Registry()
    {
    }

    internal Registry(PluginFile plugin) => _plugin = plugin;

    /// <summary>Adds a loss.</summary>
    /// <param name="name">Its name in loss expressions.</param>
    /// <param name="create">Makes it of a term of an expression.</param>
    /// <param name="argument">What must stand after a colon, in words, such as <c>a file</c>; null if nothing may.</param>
    /// <param name="options">The options that it understands (<see cref="LossTerm.Option"/>).</param>
    /// <exception cref="InputException">The name cannot be used, or is taken.</exception>
    public void AddLoss(string name, Func<LossTerm, ReconstructionLoss> create, string? argument = null, params IReadOnlyList<string> options)
    {
        ArgumentNullException.ThrowIfNull(create);
        LossExpression.Register(new LossKind(name, create) { Argument = argument, Options = options }, _plugin);
    }

    /// <summary>Adds a task, for the training of networks and of losses.</summary>
    /// <param name="name">Its name, without a strength.</param>
    /// <param name="example">The task as one would write it, such as <c>scanlines:0.3</c>; for the help.</param>
    /// <param name="meaning">What its strength is, in a few words, such as <c>how dark</c>; for the help.</param>
    /// <param name="create">Makes the distortion of what follows the colon, null where there is no colon. Its <see cref="Distortion.Task"/> begins with the name.</param>
    /// <param name="isForLosses">Whether a loss can be trained for it, too: its images keep their size, and a patch of a picture is distorted as the picture is.</param>
    /// <exception cref="InputException">The name cannot be used, or is taken.</exception>
    public void AddTask(string name, string example, string meaning, Func<string?, Distortion> create, bool isForLosses = true)
    {
        ArgumentNullException.ThrowIfNull(create);
        Distortion.Names.Add(name, new TaskName(name, isForLosses ? example : null, example, meaning, Create), _plugin);

        Distortion Create(string? strength) => create(strength) is var distortion && distortion.Kind == name
            ? distortion
            : throw new InvalidOperationException($"the task '{name}' made a distortion whose task is '{distortion.Task}': expected it to begin with '{name}'");
    }

    /// <summary>Adds a network.</summary>
    /// <param name="name">Its name in experiment files.</param>
    /// <param name="options">Its options.</param>
    /// <param name="create">Makes it on a device, with weights yet to be drawn or read.</param>
    /// <param name="factors">The upscaling factors that it can have, ascending; only 1 where the size stays, which is so unless they are given.</param>
    /// <exception cref="InputException">The name cannot be used, or is taken.</exception>
    /// <exception cref="ArgumentException">An option's name is none that an experiment file can have, or is there twice; or the factors are none.</exception>
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
        NetworkArchitecture.Kinds.Add(name, new NetworkKind { Name = name, Factors = factors, Options = options, Create = create }, _plugin);
    }

    /// <summary>Adds a restorer, for <c>mdf restore</c> and <c>mdf evaluate</c>.</summary>
    /// <param name="name">Its name there.</param>
    /// <param name="meaning">What it is, in a few words; for the help.</param>
    /// <param name="create">Makes it of what follows the colon, null where there is no colon, and of the rest that is known.</param>
    /// <exception cref="InputException">The name cannot be used, or is taken, also by a network that comes with the program.</exception>
    public void AddRestorer(string name, string meaning, Func<string?, RestorerSetup, IRestorer> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        if (ShippedNetworks.Names.Contains(name))
            throw new InputException($"the name '{name}' of a restorer is taken by a network that comes with mdf: give yours another name");
        Restorers.Names.Add(name, new Restorers.Entry(name, meaning, create), _plugin);
    }
}
