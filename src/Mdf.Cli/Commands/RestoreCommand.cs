using System.CommandLine;
using System.Globalization;
using Mdf.Evaluation;
using Mdf.Networks;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf restore</c>: applies a trained network to images.</summary>
internal sealed class RestoreCommand : ComputeCommand
{
    private readonly Argument<string> _model = new("model") { Description = "the network: a .safetensors file, the name of a shipped one, or another project's weights with --network" };

    private readonly Argument<string[]> _images = new("image")
    {
        Description = "images to restore, and folders of them",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "a file for one image, else a folder, in which results are PNG (lossless) under the images' names; JPEG shows transparency on white",
        HelpName = "file|folder",
        Required = true,
    };

    private readonly Option<NetworkArchitecture?> _network = CommonOptions.Network();

    private readonly Option<int?> _tile = new("--tile")
    {
        Description = "side of the tiles that large images are divided into, in pixels before restoration: larger is faster, smaller needs less memory, the result is the same "
            + "[default: windows of up to 768×768 restored pixels]",
        HelpName = "n",
        CustomParser = result => TextParser.Integer("--tile", 1)(result),
    };

    private readonly Option<bool> _skip = new("--skip-unreadable") { Description = "name images that cannot be read and pass over them, instead of stopping there" };

    public RestoreCommand()
        : base(
            "restore",
            "Restores images with a trained network. Images of any size; grey, transparency and 16 bits are kept.",
            new Example("restore jpeg10.safetensors photo.jpg -o photo.png", "remove a photograph's JPEG artefacts"),
            new Example("restore EDSR_x4.pth small.png --network edsr?factor=4 -o large.png", "use another project's weights"),
            new Example("restore sr4.safetensors thumbnails scans/a.tif -o large --skip-unreadable", "enlarge a folder and a file into a folder"))
    {
        Arguments.Add(_model);
        Arguments.Add(_images);
        foreach (var option in new Option[] { _output, _network, _tile, _skip })
            Options.Add(option);
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        var pairs = ImageRestoration.Plan(context.Get(_images), context.Get(_output));
        var model = context.Get(_model);
        var architecture = context.Get(_network);
        using var loaded = NetworkFile.Load(model, architecture, context.Warn);
        if (architecture is not null && !loaded.IsForeign)
            throw new InputException($"'{model}' says itself that it is {loaded.Network.Architecture}: leave out --network");
        loaded.Network.to(device);
        var images = context.WithProgress(progress => ImageRestoration.Run(
            loaded.Network, pairs, context.Get(_tile), context.Get(_skip) ? context.Warn : null, progress, context.Cancellation));
        context.Result(
            new { Model = model, loaded.Task, Images = images },
            terminal =>
            {
                foreach (var image in images)
                    terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{image.Output}: {image.Width}×{image.Height}, {image.Seconds:F1} s"));
            });
        return CommandLine.Success;
    }
}
