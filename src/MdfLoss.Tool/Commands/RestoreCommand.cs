using System.CommandLine;
using System.Globalization;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf restore</c>: applies a trained network to images.</summary>
internal sealed class RestoreCommand : ComputeCommand
{
    private readonly Argument<string> _model = new("model")
    {
        Description = $"what restores: a network's .safetensors file, the name of a shipped network, another project's weights with --network, or {Restorers.Described} (bicubic with its factor: bicubic:4)",
    };

    private readonly Argument<string[]> _images = new("image")
    {
        Description = "images to restore, and folders of them",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "a file for one image, else a folder, in which results have the images' names; the format is that of the file's name, or --format; JPEG shows transparency on white",
        HelpName = "file|folder",
        Required = true,
    };

    private readonly Option<NetworkArchitecture?> _network = CommonOptions.Network();

    private readonly Option<string> _suffix = new("--suffix")
    {
        Description = "follows the images' names in the names of results in a folder: with _restored, a.jpg becomes a_restored.png",
        HelpName = "text",
        DefaultValueFactory = _ => "",
        CustomParser = TextParser.From(text => new RestorationOutput { Suffix = text }.Suffix),
    };

    private readonly Option<bool> _keepExtension = new("--keep-extension")
    {
        Description = "keep the images' extensions in the names of results in a folder (a.jpg.png), so that a.jpg and a.png have different results",
    };

    private readonly Option<string?> _format = new("--format")
    {
        Description = $"format of results in a folder: png, jpg, webp or tiff [default: {RestorationOutput.DefaultFormat}]",
        HelpName = "name",
        CustomParser = TextParser.From(text => new RestorationOutput { Format = text }.Format),
    };

    private readonly Option<int?> _quality = new("--quality")
    {
        Description = $"quality of JPEG and WebP files, 1 to 100 [default: JPEG {ImageWriteOptions.DefaultJpegQuality}, WebP lossless]",
        HelpName = "n",
        CustomParser = result => TextParser.Integer("--quality", 1, 100)(result),
    };

    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "replace results that exist in the folder; a file that --output names is always replaced" };

    private readonly Option<bool> _skipExisting = new("--skip-existing") { Description = "keep results that exist, and restore only the other images" };

    private readonly Option<int?> _tile = new("--tile")
    {
        Description = "side of the tiles that large images are divided into, in pixels before restoration: larger is faster, smaller needs less memory, the result is the same "
            + "[default: windows of up to 768×768 restored pixels]",
        HelpName = "n",
        CustomParser = result => TextParser.Integer("--tile", 1)(result),
    };

    private readonly Option<int?> _externalTimeout = CommonOptions.ExternalTimeout();

    private readonly Option<bool> _skip = new("--skip-unreadable") { Description = "name images that cannot be read and pass over them, instead of stopping there" };

    public RestoreCommand()
        : base(
            "restore",
            "Restores images with a trained network, or with another program. Images of any size; grey, transparency and 16 bits are kept.",
            new Example("restore jpeg10.safetensors photo.jpg -o photo.png", "remove a photograph's JPEG artefacts"),
            new Example("restore EDSR_x4.pth small.png --network edsr?factor=4 -o large.png", "use another project's weights"),
            new Example("restore sr4.safetensors thumbnails scans/a.tif -o large --skip-unreadable", "enlarge a folder and a file into a folder"),
            new Example("restore denoise photos -o photos --suffix _clean --format jpg --quality 92 --skip-existing", "results beside the images; run again, it restores what is new"))
    {
        Arguments.Add(_model);
        Arguments.Add(_images);
        foreach (var option in new Option[] { _output, _network, _suffix, _keepExtension, _format, _quality, _overwrite, _skipExisting, _tile, _externalTimeout, _skip })
            Options.Add(option);
    }

    protected override void Check(CommandContext context)
    {
        if (context.Get(_overwrite) && context.Get(_skipExisting))
            throw new InputException("--overwrite cannot be used with --skip-existing: leave one of them out");
        if (context.Get(_externalTimeout) is not null && !Restorers.IsProgram(context.Get(_model)))
            throw new InputException("--external-timeout is for a program, 'external:command': leave it out");
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        var options = new RestorationOutput
        {
            Suffix = context.Get(_suffix),
            KeepsExtension = context.Get(_keepExtension),
            Format = context.Get(_format),
            Existing = context.Get(_overwrite) ? ExistingResults.Overwrite : context.Get(_skipExisting) ? ExistingResults.Skip : ExistingResults.Refuse,
            Writing = new ImageWriteOptions { Quality = context.Get(_quality) },
        };
        var plan = ImageRestoration.Plan(context.Get(_images), context.Get(_output), options);
        context.WarnOfSubfolders(context.Get(_images), except: context.Get(_output));
        if (plan.Earlier.Count > 0)
            context.Warn($"results of an earlier run, not restored again: {plan.Earlier.Count}, such as '{plan.Earlier[0]}'");
        if (plan.Existing.Count > 0)
            context.Warn($"results that exist and are kept: {plan.Existing.Count}, such as '{plan.Existing[0].Output}'{(plan.Pairs.Count == 0 ? "; nothing is left to restore" : "")}");
        var model = context.Get(_model);
        var architecture = context.Get(_network);
        using var restorer = Restorers.Open(model, new RestorerSetup
        {
            Device = device,
            Architecture = architecture,
            Warn = context.Warn,
            ProgramTimeLimit = CommonOptions.ProgramTimeLimit(context, _externalTimeout),
        });
        RequireUse(context, restorer);
        var images = context.WithProgress(progress => ImageRestoration.Run(
            restorer, plan.Pairs, context.Get(_tile), options.Writing, context.Get(_skip) ? context.Warn : null, progress, context.Cancellation));
        foreach (var caution in ImageRestoration.Unkept(images).Concat(TaskFit.Cautions(restorer.Task, images)))
            context.Warn(caution);
        context.Result(
            new { Model = model, restorer.Task, Images = images, Existing = plan.Existing.Select(pair => pair.Output) },
            terminal =>
            {
                foreach (var image in images)
                    terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{image.Output}: {image.Width}×{image.Height}, {image.Seconds:F1} s"));
            });
        return CommandLine.Success;
    }

    /// <summary>Refuses options that have no effect on a restorer.</summary>
    private void RequireUse(CommandContext context, IRestorer restorer)
    {
        var network = restorer as NetworkRestorer;
        if (context.Get(_network) is not null && network is not { IsForeign: true })
        {
            throw new InputException(network is null
                ? $"--network is for another project's weights, and '{restorer.Name}' has none: leave it out"
                : $"'{restorer.Name}' says itself that it is {network.Network.Architecture}: leave out --network");
        }

        if (context.Get(_tile) is not null && network is not { Network.Margin: not null })
        {
            throw new InputException(network is null
                ? $"--tile divides images for a network, and '{restorer.Name}' is none: leave it out"
                : $"--tile divides images, and the network '{network.Network.Architecture.Name}' looks at the whole image: leave it out");
        }
    }
}
