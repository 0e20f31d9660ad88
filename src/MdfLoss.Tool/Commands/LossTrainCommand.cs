using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Experiments;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Training;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf loss train</c>: trains a discriminator stack on one photograph.</summary>
internal sealed class LossTrainCommand : ComputeCommand
{
    private const string StackExtension = ".safetensors";

    private readonly Argument<string> _photo = new("photo") { Description = "the photograph to train on, or a folder of photographs" };

    private readonly Option<string> _task = new("--task")
    {
        Description = $"the task of the loss, such as {Tasks.ForLosses}",
        HelpName = "task",
        Required = true,
    };

    private readonly Option<int?> _externalTimeout = CommonOptions.ExternalTimeout();

    private readonly Option<string> _output = new("--output", "-o") { Description = "the stack file to write", HelpName = "stack.safetensors", Required = true };

    private readonly Option<int?> _scales = new("--scales")
    {
        Description = "the number of scales to train, from the coarsest [default: 8, or all if the photograph has fewer]",
        HelpName = "n",
        CustomParser = result => TextParser.Integer("--scales", 1)(result),
    };

    private readonly Option<int> _iterations = new("--iterations")
    {
        Description = "iterations of each scale",
        HelpName = "n",
        DefaultValueFactory = _ => LossTrainingOptions.DefaultIterations,
        CustomParser = TextParser.Integer("--iterations", 1, LossTrainingOptions.MostIterations),
    };

    private readonly Option<int> _maxSize = new("--max-size")
    {
        Description = "the longer side of the photograph; a larger photograph is scaled down",
        HelpName = "pixels",
        DefaultValueFactory = _ => PyramidPlan.DefaultMaxSize,
        CustomParser = TextParser.Integer("--max-size", PyramidPlan.MinSize),
    };

    private readonly Option<double?> _reconstructionWeight = new("--reconstruction-weight")
    {
        Description = string.Create(CultureInfo.InvariantCulture,
            $"weight of the reconstruction term in the generator's loss; the adversarial term has weight 1 [default: {LossTrainingOptions.DefaultReconstructionWeight}]"),
        HelpName = "x",
        CustomParser = result => TextParser.Amount("--reconstruction-weight")(result),
    };

    private readonly Option<double?> _coarsestNoise = new("--coarsest-noise")
    {
        Description = string.Create(CultureInfo.InvariantCulture,
            $"σ of the Gaussian noise that is the input of the coarsest scale; black is −1 and white is 1 [default: {LossTrainingOptions.DefaultCoarsestNoise}]"),
        HelpName = "σ",
        CustomParser = result => TextParser.Amount("--coarsest-noise")(result),
    };

    private readonly Option<InputRange> _inputRange = new("--input-range")
    {
        Description = "values of black and white in the input of the stack, which is trained with -1,1; recorded in the stack",
        HelpName = "low,high",
        DefaultValueFactory = _ => InputRange.Unit,
        CustomParser = TextParser.From(text => InputRange.TryParse(text, out var range)
            ? range
            : throw new InputException($"--input-range takes two numbers, the lower first, such as -1,1, found '{text}'")),
    };

    private readonly Option<LayerWeights> _layerWeights = new("--layer-weights")
    {
        Description = "weights of the head, body and tail features in the loss; recorded in the stack",
        HelpName = "h,b,t",
        DefaultValueFactory = _ => LayerWeights.Equal,
        CustomParser = TextParser.From(text => LayerWeights.TryParse(text, out var weights)
            ? weights
            : throw new InputException($"--layer-weights takes three numbers, not negative and not all 0, such as 1,1,0.5, found '{text}'")),
    };

    private readonly Option<LossRecipe> _recipe = new("--recipe")
    {
        Description = $"how the discriminators are trained: {string.Join(", ", LossRecipe.Names)}; paper feeds each generator the output of the previous (coarser) one, as the paper does; random trains nothing, and is a control",
        HelpName = "name",
        DefaultValueFactory = _ => LossRecipe.Default,
        CustomParser = TextParser.From(LossRecipe.Parse),
    };

    private readonly Option<int> _checkpointEvery = new("--checkpoint-every")
    {
        Description = "iterations between two checkpoints",
        HelpName = "n",
        DefaultValueFactory = _ => LossRun.DefaultCheckpointEvery,
        CustomParser = TextParser.Integer("--checkpoint-every", 1),
    };

    private readonly Option<string?> _run = new("--run")
    {
        Description = "the folder for checkpoints, log, curves and images [default: the stack's name without .safetensors]",
        HelpName = "folder",
    };

    private readonly Option<bool> _resume = new("--resume") { Description = "resume an interrupted training" };

    private readonly Option<int?> _extend = new("--extend")
    {
        Description = "with --resume: add iterations to the current scale and to the scales after it; the same command again continues them",
        HelpName = "n",
        CustomParser = result => TextParser.Integer("--extend", 1, LossTrainingOptions.MostIterations)(result),
    };

    private readonly Option<int> _seed = CommonOptions.Seed("all randomness");

    public LossTrainCommand()
        : base(
            "train",
            "Trains a loss for one task on one photograph. Ctrl-C writes a checkpoint and stops. The same seed, machine and thread count give the same file, with or without interruptions.",
            new Example("loss train photo.png --task jpeg:10 -o jpeg10.safetensors", "train at the full size, in about half an hour"),
            new Example("loss train photo.png --task denoise:25 --max-size 128 --scales 4 --iterations 200 -o small.safetensors", "train a small stack in a minute"),
            new Example("loss train photo.png --task jpeg:10 -o jpeg10.safetensors --resume", "resume after an interruption"))
    {
        Arguments.Add(_photo);
        foreach (var option in new Option[] { _task, _output, _run, _resume, _extend, _scales, _iterations, _maxSize, _reconstructionWeight, _coarsestNoise, _recipe, _inputRange, _layerWeights, _checkpointEvery, _externalTimeout, _seed })
            Options.Add(option);
    }

    protected override void Check(CommandContext context)
    {
        CommonOptions.RequireResume(context.Get(_extend), context.Get(_resume));
        var output = context.Get(_output);
        if (context.Get(_resume))
            LossRun.RequirePlugin(Folder(context)); // before an unknown task is refused: the run knows the plugin that it comes from
        Tasks.ParseTyped(context.Get(_task), ExternalDistortion.DefaultTimeLimit);
        if (!output.EndsWith(StackExtension, StringComparison.OrdinalIgnoreCase))
            throw new InputException($"cannot write '{output}': expected a stack's name to end in {StackExtension}");
        var recipe = context.Get(_recipe);
        if (!recipe.HasGenerator && context.Get(_reconstructionWeight) is not null)
            throw new InputException($"--reconstruction-weight cannot be used with --recipe {recipe}, which has no generators: leave one of them out");
        if (!recipe.StartsFromNoise && context.Get(_coarsestNoise) is not null)
            throw new InputException($"--coarsest-noise cannot be used with --recipe {recipe}, which starts from the photograph: leave one of them out");
    }

    private RunFolder Folder(CommandContext context) => RunFolder.OfLoss(context.Get(_run) ?? Path.ChangeExtension(context.Get(_output), null));

    protected override int Run(CommandContext context, torch.Device device)
    {
        using var scope = torch.NewDisposeScope();
        var path = context.Get(_photo);
        string[] paths = Directory.Exists(path) ? [.. ImageFolder.List(path)] : [path];
        context.WarnOfSubfolders([path]);
        var photographs = paths.Select(file => Read(file, device, context.Cancellation)).ToArray();
        var options = new LossTrainingOptions
        {
            Distortion = CommonOptions.TypedTasks(context, _externalTimeout, [context.Get(_task)], Tasks.ParseTyped).Single(),
            Scales = context.Get(_scales),
            Iterations = context.Get(_iterations),
            MaxSize = context.Get(_maxSize),
            ReconstructionWeight = context.Get(_reconstructionWeight) ?? LossTrainingOptions.DefaultReconstructionWeight,
            CoarsestNoise = context.Get(_coarsestNoise) ?? LossTrainingOptions.DefaultCoarsestNoise,
            Recipe = context.Get(_recipe),
            InputRange = context.Get(_inputRange),
            LayerWeights = context.Get(_layerWeights),
            Seed = context.Get(_seed),
        };

        foreach (var (file, photograph) in paths.Zip(photographs))
            RequireTrainable(file, photograph.Image, options);
        var output = context.Get(_output);
        AtomicFile.Prepare(output);
        var folder = Folder(context);
        var run = new LossRun(photographs, options, folder, context.Get(_checkpointEvery)) { Output = output, ExtendBy = context.Get(_extend) ?? 0, Warn = context.Warn };
        var started = Stopwatch.GetTimestamp();
        using var stack = context.WithProgress(progress =>
            run.Run(context.Get(_resume), progress, context.Cancellation));
        var elapsed = Stopwatch.GetElapsedTime(started);
        context.Result(
            new { Stack = output, Run = folder.Path, options.Distortion.Task, Scales = stack.Count, options.Iterations, options.Seed, Seconds = elapsed.TotalSeconds },
            terminal =>
            {
                terminal.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{output}: {stack.Count} scales for {options.Distortion} in {elapsed.TotalSeconds:F0} s; use it as --loss mdf:{output}"));
                terminal.WriteLine($"{folder.Path}: its curves, and an image of each scale");
            });
        return CommandLine.Success;
    }

    private static LossPhotograph Read(string path, torch.Device device, CancellationToken cancellationToken)
    {
        var content = ImageFile.ReadContent(path);
        return new LossPhotograph(ImageFile.Decode(content, path, cancellationToken: cancellationToken).to(device), Convert.ToHexStringLower(SHA256.HashData(content)));
    }

    private static void RequireTrainable(string path, torch.Tensor photo, LossTrainingOptions options)
    {
        try
        {
            LossPlan.For(photo, options);
        }
        catch (InputException e)
        {
            throw new InputException($"cannot train on '{path}': {e.Message}", e);
        }
    }
}
