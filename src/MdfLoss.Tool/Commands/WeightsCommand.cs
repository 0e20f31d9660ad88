using System.CommandLine;
using Mdf.Reports;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf weights</c>: the commands for files of pretrained networks.</summary>
internal sealed class WeightsCommand : Command
{
    private const string All = "all";

    public WeightsCommand()
        : base("weights", "Lists, downloads, adds and verifies the pretrained networks that some losses compare images with.")
    {
        Subcommands.Add(new ListCommand());
        Subcommands.Add(new FetchCommand());
        Subcommands.Add(new AddCommand());
        Subcommands.Add(new VerifyCommand());
        Subcommands.Add(new PathCommand());
    }

    private static Argument<string[]> Names(string description, ArgumentArity arity) => new("name") { Description = description, Arity = arity };

    private static string KnownNames => string.Join(", ", PretrainedWeights.Names);

    /// <summary><c>mdf weights list</c>.</summary>
    private sealed class ListCommand() : MdfCommand(
        "list", "Lists all weights: whether the file is there, and where to get it.",
        new Example("weights list", "show which files are there"))
    {
        public override int Run(CommandContext context)
        {
            var store = PretrainedStore.Default;
            var entries = PretrainedFiles.All.Select(file => new
            {
                file.Name,
                file.Description,
                IsThere = File.Exists(store.PathOf(file)),
                Path = store.PathOf(file),
                Source = file.Address?.ToString() ?? file.Source,
                file.Needs,
            }).ToList();
            context.Result(new { store.Folder, Weights = entries }, terminal =>
            {
                terminal.Console.WriteTable(new ResultTable(
                    $"Weights in {store.Folder}", [new("name"), new("file"), new("weights"), new("source")],
                    entries.Select(entry => new object?[] { entry.Name, entry.IsThere ? "there" : "missing", entry.Description, entry.Source })));
            });
            return CommandLine.Success;
        }
    }

    /// <summary><c>mdf weights fetch</c>.</summary>
    private sealed class FetchCommand : MdfCommand
    {
        private readonly Argument<string[]> _names = Names($"the weights, or the loss that needs them: {KnownNames}", ArgumentArity.OneOrMore);

        public FetchCommand()
            : base(
                "fetch",
                "Downloads weights from their official addresses, and verifies them. Resumes a download that was interrupted.",
                new Example("weights fetch vgg16", "download VGG-16 of torchvision"),
                new Example("weights fetch lpips-alex", "download LPIPS's heads, and AlexNet, which they belong to")) => Arguments.Add(_names);

        public override int Run(CommandContext context)
        {
            var store = PretrainedStore.Default;
            List<PretrainedFile> files = [.. context.Get(_names).Select(PretrainedStore.Require).SelectMany(file => file.Needs.Select(PretrainedStore.Require).Append(file)).Distinct()];
            var cancellation = context.Cancellation;
            var fetched = new List<(string Name, string Path, bool IsNew)>();
            foreach (var file in files)
            {
                var isNew = context.WithProgress(progress => new PretrainedDownload(store).FetchAsync(file, progress, cancellation).GetAwaiter().GetResult());
                fetched.Add((file.Name, Path.Combine(store.Folder, file.FileName), isNew));
            }

            context.Result(new { Weights = fetched.Select(file => new { file.Name, file.Path, file.IsNew }) }, terminal =>
            {
                foreach (var (name, path, isNew) in fetched)
                    terminal.WriteLine($"{name}: {(isNew ? "downloaded to" : "already there,")} {path}");
            });
            return CommandLine.Success;
        }
    }

    /// <summary><c>mdf weights add</c>.</summary>
    private sealed class AddCommand : MdfCommand
    {
        private readonly Argument<string> _file = new("file")
        {
            Description = "a .pth, .pt, .safetensors or .onnx file, or the .nupkg file of ResNet-18; the tensors in it tell whose weights it has",
        };

        public AddCommand()
            : base(
                "add",
                "Copies a file of weights that you have to the place where losses look for it.",
                new Example("weights add vgg16-397923af.pth", "add VGG-16 of torchvision"),
                new Example("weights add weights.pt", "add the weights of DISTS"),
                new Example("weights add microsoft.ml.dnnimagefeaturizer.resnet18.0.23.1.nupkg", "add ResNet-18")) => Arguments.Add(_file);

        public override int Run(CommandContext context)
        {
            var store = PretrainedStore.Default;
            var (file, isPublished) = store.Add(context.Get(_file));
            if (!isPublished && file.Digits is not null)
                context.Warn($"this is not the published file of '{file.Name}', whose SHA-256 begins with {file.Digits[..8]}: results will differ from published ones");
            context.Result(new { file.Name, Path = store.PathOf(file), IsPublished = isPublished }, terminal => terminal.WriteLine($"{file.Name}: {store.PathOf(file)}"));
            return CommandLine.Success;
        }
    }

    /// <summary><c>mdf weights verify</c>.</summary>
    private sealed class VerifyCommand : MdfCommand
    {
        private readonly Argument<string[]> _names = Names($"the weights: {KnownNames} [default: {All} that are there]", ArgumentArity.ZeroOrMore);

        public VerifyCommand()
            : base(
                "verify",
                "Verifies the files: their tensors, their shapes, and the hash of published files. The exit code is 1 if one is wrong.",
                new Example("weights verify", "verify all files that are there")) => Arguments.Add(_names);

        public override int Run(CommandContext context)
        {
            var store = PretrainedStore.Default;
            var named = context.Get(_names).Select(PretrainedStore.Require).ToList();
            var entries = new List<(string Name, string State, string? Sha256)>();
            foreach (var file in named.Count > 0 ? named : PretrainedFiles.All.Where(file => File.Exists(store.PathOf(file))))
            {
                context.Cancellation.ThrowIfCancellationRequested();
                try
                {
                    var (state, sha256) = store.Verify(file);
                    entries.Add((file.Name, state switch
                    {
                        PretrainedState.Published => "the published file",
                        PretrainedState.Own when file.Digits is null => "tensors and shapes are right; the hash of the published file is not known",
                        PretrainedState.Own => "tensors and shapes are right, but it is not the published file",
                        _ => "missing",
                    }, sha256));
                }
                catch (InputException e)
                {
                    entries.Add((file.Name, e.Message, null));
                }
            }

            var areRight = entries.TrueForAll(entry => entry.Sha256 is not null);
            context.Result(
                new { store.Folder, AreRight = areRight, Weights = entries.Select(entry => new { entry.Name, entry.State, entry.Sha256 }) },
                terminal =>
                {
                    foreach (var (name, state, _) in entries)
                        terminal.WriteLine($"{name}: {state}");
                    if (entries.Count == 0)
                        terminal.WriteLine($"there are no weights in {store.Folder}");
                });
            return areRight ? CommandLine.Success : CommandLine.Failure;
        }
    }

    /// <summary><c>mdf weights path</c>.</summary>
    private sealed class PathCommand : MdfCommand
    {
        private readonly Argument<string> _name = new("name")
        {
            Description = $"the weights: {KnownNames} [default: print the folder]",
            Arity = ArgumentArity.ZeroOrOne,
            DefaultValueFactory = _ => "",
        };

        public PathCommand()
            : base(
                "path",
                $"Prints the folder of the weights, or the path of a file. The variable {PretrainedStore.Variable} moves the folder.",
                new Example("weights path", "print the folder"),
                new Example("weights path vgg16", "print the path of a file")) => Arguments.Add(_name);

        public override int Run(CommandContext context)
        {
            var store = PretrainedStore.Default;
            var path = context.Get(_name) is { Length: > 0 } name ? store.PathOf(PretrainedStore.Require(name)) : store.Folder;
            context.Result(new { Path = path }, terminal => terminal.WriteLine(path));
            return CommandLine.Success;
        }
    }
}
