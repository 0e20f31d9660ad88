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
        Description = $"a network's .safetensors file, the name of a shipped network, weights of another project with --network, or {Restorers.Described} (bicubic with its factor: bicubic:4)",
    };

    private readonly Argument<string[]> _images = new("image")
    {
        Description = "images to restore, and folders of them",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "a file for one image, otherwise a folder, in which results have the names of the images; the extension of the file, or --format, sets the format; JPEG composites transparent pixels on white",
        HelpName = "file|folder",
        Required = true,
    };

    private readonly Option<NetworkArchitecture?> _network = CommonOptions.Network();

    private readonly Option<string> _suffix = new("--suffix")
    {
        Description = "text after the image's name in the name of a result in a folder: with _restored, the result of a.jpg is a_restored.png",
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

    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "replace existing results in the folder; a file given with --output is always replaced" };

    private readonly Option<bool> _skipExisting = new("--skip-existing") { Description = "keep existing results, and restore only the other images" };

    private readonly Option<int?> _tile = new("--tile")
    {
        Description = "side of a tile of a large image, in pixels before restoration: large tiles are faster, small tiles need less memory, the result is the same "
            + "[default: windows of up to 768×768 restored pixels]",
        HelpName = "n",
        CustomParser = result => TextParser.Integer("--tile", 1)(result),
    };

    private readonly Option<int?> _externalTimeout = CommonOptions.ExternalTimeout();

    private readonly Option<bool> _skip = new("--skip-unreadable") { Description = "skip images that cannot be read, and print a warning, instead of stopping" };

    public RestoreCommand()
        : base(
            "restore",
            "Restores images with a trained network, or with another program. Accepts images of any size. Keeps grey, transparency and 16 bits.",
            new Example("restore jpeg10.safetensors photo.jpg -o photo.png", "remove the JPEG artefacts of a photograph"),
            new Example("restore EDSR_x4.pth small.png --network edsr?factor=4 -o large.png", "use weights of another project"),
            new Example("restore sr4.safetensors thumbnails scans/a.tif -o large --skip-unreadable", "enlarge a folder of images and one more image"),
            new Example("restore denoise photos -o photos --suffix _clean --format jpg --quality 92 --skip-existing", "write results next to the images; repeated, it restores only new images"))
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
                : $"'{restorer.Name}' already contains its architecture, {network.Network.Architecture}: leave out --network");
        }

        if (context.Get(_tile) is not null && network is not { Network.Margin: not null })
        {
            throw new InputException(network is null
                ? $"--tile divides images for a network, and '{restorer.Name}' is not a network: leave it out"
                : $"--tile divides images, and the network '{network.Network.Architecture.Name}' needs the whole image: leave it out");
        }
    }
}
