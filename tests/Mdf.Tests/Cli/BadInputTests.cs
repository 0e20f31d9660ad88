using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Cli;

/// <summary>Whatever a person gets wrong is answered with one line that says what to do, and nothing is written.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>In the arguments and the expected words, <c>{}</c> is the folder with the files of <see cref="Prepare"/>.</summary>
    public static TheoryData<string, string> Mistakes => new()
    {
        // Files that are not there, or are something else.
        { "score {}none.png {}a.png --loss mse", "cannot read the reference '{}none.png': there is no such file or folder; check the path" },
        { "score {}a.png {}none.png --loss mse", "cannot read '{}none.png': there is no such file; check the path" },
        { "loss train {}none.png --task sisr -o {}new.safetensors", "cannot read '{}none.png': there is no such file; check the path" },
        { "optimize --reference {}none.png --loss mse", "cannot read '{}none.png': there is no such file; check the path" },
        { "optimize --reference {}a.png --start {}none.pt --loss mse", "cannot read '{}none.pt': there is no such file; check the path" },
        { "convert {}none.pth {}new.safetensors", "cannot read '{}none.pth': there is no such file; check the path" },
        { "score {}a.png {}b.png --loss mdf:{}none.pth", "cannot read '{}none.pth': there is no such file; check the path" },
        { "convert {}images {}new.safetensors", "cannot read '{}images': expected a file of weights, found a folder; name a file in it" },
        { "score {}text.png {}a.png --loss mse", "cannot read '{}text.png': expected PNG, JPEG, TIFF, WebP or BMP, found text ('not an image') at its start" },
        { "loss train {}text.png --task sisr -o {}new.safetensors", "cannot read '{}text.png': expected PNG, JPEG, TIFF, WebP or BMP, found text ('not an image') at its start" },
        { "optimize --reference {}a.png --start {}network.safetensors --loss mse", "'{}network.safetensors': expected one tensor, the image to start from, found 2" },
        { "score {}a.png {}b.png --loss mdf:{}text.png", "cannot read '{}text.png': expected safetensors or a PyTorch checkpoint (zip, or the format before PyTorch 1.6), found text" },
        { "score {}a.png {}b.png --loss mdf:{}network.safetensors", "'{}network.safetensors' is not a discriminator stack: expected tensors named 0.head.conv.weight, 0.head.norm.weight, …, found 'conv1.weight'" },
        { "optimize --reference {}a.png --loss mdf:{}network.safetensors", "'{}network.safetensors' is not a discriminator stack" },

        // Folders and files.
        { "score {}images {}a.png --loss mse", "expected a folder of images, since the reference '{}images' is a folder, found the file '{}a.png'" },
        { "score {}images {}none --loss mse", "expected a folder of images, since the reference '{}images' is a folder, found nothing at '{}none'" },
        { "score {}a.png {}images --loss mse", "'{}images' is a folder but the reference '{}a.png' is not: give a folder of references to compare folders" },
        { "score {}empty {}images --loss mse", "'{}empty' holds no image (.png, .jpg, .jpeg, .bmp, .tif, .tiff, .webp)" },
        { "score {}images {}empty --loss mse", "'{}empty' holds no image" },
        { "score {}a.png {}b.png --metrics ms-ssim --map {}maps", "no map can be made of ms_ssim: add a measure that has one, such as psnr, ssim or flip, or an MDF loss" },
        { "score {}a.png {}b.png {}b.png --map {}maps", "would have the same names in '{}maps'" },
        { "score {}images {}twice", "'{}twice/x.png' and '{}twice/x_EDSR.png' would both belong to the same reference '{}images/x.png'; keep only one of them" },
        { "evaluate folder:{}twice --task jpeg:10 --data {}images", "would both belong to the same reference 'x'; keep only one of them" },
        { "score {}images {}others --loss mse", "'{}others/y.png' has no counterpart of the same name in '{}images'" },

        // Sizes.
        { "score {}tiny.png {}tiny.png --loss ssim", "'ssim' needs images of at least 11×11 pixels, found '{}tiny.png' of 5×5" },
        { "score {}a.png {}wide.png --loss mse", "expected images of one size, found '{}wide.png' of 50×32 and its reference '{}a.png' of 40×32" },
        { "optimize --reference {}tiny.png --loss ssim", "'ssim' needs images of at least 11×11 pixels, found a reference image of 5×5" },
        { "optimize --reference {}a.png --start {}wide.png --loss mse", "'{}wide.png': expected a start of the reference's size, 40×32, found 50×32" },
        { "loss train {}tiny.png --task sisr -o {}new.safetensors", "cannot train on '{}tiny.png': expected a photograph whose shorter side has at least 25 pixels once its longer side is at most 250, found 5×5: use a larger or less narrow one" },
        { "loss train {}a.png --task sisr --max-size 30 -o {}new.safetensors", "cannot train on '{}a.png': expected a photograph whose shorter side has at least 25 pixels once its longer side is at most 30, found 40×32, scaled to 30×24" },
        { "loss train {}a.png --task sisr --scales 99 -o {}new.safetensors", "cannot train on '{}a.png': expected at most 3 scales for a photograph of 40×32 (longer side at most 250), found 99: use fewer scales, or a larger photograph" },

        // Losses and tasks.
        { "score {}a.png {}b.png --loss nope", "unknown loss 'nope'; known are charbonnier, chroma, dists" },
        { "score {}a.png {}b.png --metrics psnr,nope", "unknown measure 'nope': expected a loss expression, or one of psnr, ssim" },
        { "score {}a.png {}b.png --metrics pnsr", "do you mean 'psnr'?" },
        { "score {}a.png {}b.png --metrics psnr,psnr", "expected different measures, found 'psnr' 2 times: name it once" },
        { "score {}a.png {}b.png --metrics niqe", "'niqe' needs the parameters of NIQE: give the published niqe_pris_params.npz (--niqe FILE)" },
        { "score {}a.png {}b.png --border 4000", "expected images larger than the border of 4000 pixels at each side" },
        { "score {}a.png {}b.png --save {}x.xls", "expected a table's name to end in .csv, .md, .tex or .json" },
        { "score {}a.png {}b.png --loss mse --loss l1 --loss mse", "expected different losses, found 'mse' 2 times: name it once" },
        { "score {}a.png {}b.png --loss mdf", "'mdf' needs a discriminator stack, such as mdf:stack.safetensors" },
        { "optimize --reference {}a.png --loss nope", "unknown loss 'nope'; known are charbonnier, " },
        { "loss train {}a.png --task denoise:-1 -o {}new.safetensors", "cannot use task 'denoise:-1': expected the noise's σ in 8-bit units, above 0 and at most 255, such as 'denoise:25'" },
        { "loss train {}a.png --task jpeg:0 -o {}new.safetensors", "cannot use task 'jpeg:0': expected a quality that is a whole number of 1 to 100, such as 'jpeg:10'" },
        { "loss train {}a.png --task jpeg -o {}new.safetensors", "task 'jpeg' needs a strength: expected a quality of 1 to 100 after a colon, such as 'jpeg:10'" },
        { "loss train {}a.png --task sisr:4 -o {}new.safetensors", "cannot use task 'sisr:4': a stack for super-resolution has no strength" },
        { "loss train {}a.png --task external: -o {}new.safetensors", "'external' needs a command" },
        { "loss train {}a.png --task sisr --external-timeout 5 -o {}new.safetensors", "--external-timeout is for a task that is a program" },
        { "loss inspect sisr --external-timeout 5", "--external-timeout is for a task that is a program" },
        { "train {}small.yaml --external-timeout 5 -o {}run", "--external-timeout is for a task that is a program" },
        { "evaluate identity --task jpeg:10 --external-timeout 5 --data {}", "--external-timeout is for a task that is a program" },
        { "train {}small.yaml --resume --extend 2000000000 -o {}run", "--extend takes a whole number from 1 to 1000000000" },
        { "loss train {}a.png --task sisr --resume --extend 2000000000 -o {}new.safetensors", "--extend takes a whole number from 1 to 10000000" },
        { "loss train {}a.png --task external:false -o {}new.safetensors", "the external program 'false' failed: it ended with exit code 1" },
        { "loss train {}a.png --task blur:0 -o {}new.safetensors", "cannot use task 'blur:0': expected the blur's σ in pixels, above 0 and at most 20" },
        { "loss train {}a.png --task sisr --resume -o {}new.safetensors", "'{}new' holds no run to resume: start a new run (leave out --resume)" },
        { "loss train {}a.png --task sisr -o {}new.safetensors --reconstruction-weight -1", "--reconstruction-weight takes a number of at least 0, found '-1'" },
        { "loss train {}a.png --task sisr -o {}new.safetensors --checkpoint-every 0", "--checkpoint-every takes a whole number of at least 1, found '0'" },
        { "loss train {}a.png --task quantize:8 -o {}new.safetensors", "the task 'quantize:8' damages nothing: expected a picture of at most 60 dB (PSNR) of the clean one, found no change; use a stronger task, or other pictures" },
        { "loss train {}a.png --task pairs -o {}new.safetensors", "cannot use task 'pairs': the training of a loss distorts the photograph at every scale, which files cannot; use a program" },
        { "loss inspect sisr --distortion external:", "'external' needs a command" },
        { "loss inspect sisr --distortion sisr", "--distortion takes a task that distorts an image, found 'sisr'" },
        { "loss inspect sisr --picture {}a.png --distortion quantize:8", "the task 'quantize:8' damages nothing" },
        { "evaluate identity --task pairs --data {}images", "task 'pairs' damages nothing itself: give the damaged files (--distorted FOLDER)" },
        { "evaluate identity --task external:false --data {}images", "the external program 'false' failed: it ended with exit code 1" },
        { "loss inspect {}none.safetensors", "cannot read '{}none.safetensors'" },
        { "loss inspect no-such-stack", "there is neither a file nor a shipped stack called 'no-such-stack'" },
        { "loss inspect sisr+l1", "expected a discriminator stack, found the sum of losses 'mdf:sisr+l1'" },
        { "loss inspect sisr?layers=1", "'mdf' has no option 'layers'; it has num_scales" },
        { "loss inspect {}none.safetensors --save {}table.txt", "cannot write '{}table.txt': expected a table's name to end in .md or .csv" },
        { "loss train {}a.png --task deblur -o {}new.safetensors", "unknown task 'deblur': expected one of sisr" },

        // Outputs.
        { "loss train {}a.png --task sisr -o {}text.png/new.safetensors", "cannot write '{}text.png/new.safetensors': '{}text.png' is a file, not a folder; choose another place" },
        { "loss train {}a.png --task sisr -o {}new.pt", "cannot write '{}new.pt': expected a stack's name to end in .safetensors" },
        { "loss train {}none.png --task sisr -o {}new/stack.safetensors", "cannot read '{}none.png'" },
        { "optimize --reference {}a.png --loss mse -o {}text.png/new.png", "cannot write '{}text.png/new.png': '{}text.png' is a file, not a folder; choose another place" },
        { "optimize --reference {}a.png --loss mse -o {}new.gif", "cannot write '{}new.gif': expected one of .png, .jpg, .jpeg, .tif, .tiff, .webp, found '.gif'" },
        { "optimize --reference {}a.png --loss mse --plot {}new.pdf", "cannot write '{}new.pdf': expected a plot's name to end in .png" },
        { "optimize --reference {}a.png --loss mse -o {}images", "cannot write '{}images': expected one of .png, .jpg, .jpeg, .tif, .tiff, .webp, found no extension" },
        { "convert {}network.safetensors {}text.png/new.pt", "cannot write '{}text.png/new.pt': '{}text.png' is a file, not a folder; choose another place" },
        { "convert {}network.safetensors {}new.bin", "cannot convert to '{}new.bin': expected a name that ends in .safetensors, .pt or .pth" },
        { "convert {}network.safetensors {}new.safetensors", "it is a Safetensors file already; choose a name that ends in .pt" },
        { "convert {}network.safetensors {}network.safetensors", "cannot convert '{}network.safetensors' into itself; give the output another name" },

        // Restoring: the files are looked at before the network is.
        { "restore {}network.safetensors {}none.png -o {}new.png", "cannot read '{}none.png': there is no such file; check the path" },
        { "restore {}network.safetensors {}empty -o {}new", "'{}empty' holds no image (.png, .jpg, .jpeg, .bmp, .tif, .tiff, .webp)" },
        { "restore {}network.safetensors {}a.png -o {}a.png", "cannot write '{}a.png': it is the input '{}a.png'; choose another output" },
        { "restore {}network.safetensors {}images -o {}images", "cannot write '{}images/x.png': it is the input '{}images/x.png'; choose another output" },
        { "restore {}network.safetensors {}a.png {}a.png -o {}new", "the image '{}a.png' is given twice: give it once" },
        { "restore {}network.safetensors {}a.png {}b.png -o {}text.png", "cannot write to '{}text.png': expected a folder for the results, found a file" },
        { "restore {}network.safetensors {}a.png -o {}new.gif", "cannot write '{}new.gif': expected one of .png, .jpg, .jpeg, .tif, .tiff, .webp, found '.gif'" },
        { "restore {}none.safetensors {}a.png -o {}new.png", "cannot read '{}none.safetensors': there is no such file; check the path" },
        { "restore {}text.png {}a.png -o {}new.png", "cannot read '{}text.png': expected safetensors or a PyTorch checkpoint (zip, or the format before PyTorch 1.6), found text" },
        { "restore {}network.safetensors {}a.png -o {}new.png", "'{}network.safetensors': expected a network file of this program, found weights without their architecture" },
        { "restore {}network.safetensors {}a.png -o {}new.png --tile 0", "--tile takes a whole number of at least 1, found '0'" },
        { "restore {}network.safetensors {}a.png", "missing: the option '--output'; try 'mdf restore --help'" },
        { "restore {}network.safetensors -o {}new.png", "missing: the argument 'image'; try" },
        { "restore", "missing: the arguments 'model', 'image' and the option '--output'; try" },
        { "restore {}network.safetensors {}a.png --ouput {}new.png", "unknown option '--ouput' (did you mean '--output'?); try 'mdf restore --help'" },
        { "restore {}network.safetensors {}a.png -o {}new.png --nope", "unknown option '--nope'" },

        // Options.
        { "loss train {}a.png --task sisr --iterations 0 -o {}new.safetensors", "--iterations takes a whole number from 1 to 10000000, found '0'" },
        { "loss train {}a.png --task sisr --scales 0 -o {}new.safetensors", "--scales takes a whole number of at least 1, found '0'" },
        { "loss train {}a.png --task sisr --max-size 24 -o {}new.safetensors", "--max-size takes a whole number of at least 25, found '24'" },
        { "loss train {}a.png --task sisr --seed -1 -o {}new.safetensors", "--seed takes a whole number of at least 0, found '-1'" },
        { "optimize --reference {}a.png --loss mse --steps 0", "--steps takes a whole number of at least 1, found '0'" },
        { "optimize --reference {}a.png --loss mse --steps 1.5", "--steps takes a whole number of at least 1, found '1.5'" },
        { "optimize --reference {}a.png --loss mse --lr nan", "--lr takes a positive number, found 'nan'" },
        { "optimize --reference {}a.png --loss mse --lr 0", "--lr takes a positive number, found '0'" },
        { "score {}a.png {}b.png --nope --loss mse", "unknown option '--nope'; try 'mdf score --help'" },
        { "loss train --nope --task sisr -o {}new.safetensors", "unknown option '--nope'; try 'mdf loss train --help'" },
        { "score {}a.png {}b.png --loss mse --nope", "unknown option '--nope'" },
        { "convert {}network.safetensors {}new.pt --nope", "unknown option '--nope'; try 'mdf convert --help'" },
        { "convert {}network.safetensors {}new.pt {}more.pt", "unexpected argument '{}more.pt'; try 'mdf convert --help'" },
        { "convert {}network.safetensors", "missing: the argument 'out'; try 'mdf convert --help'" },
        { "convert", "missing: the arguments 'in', 'out'; try 'mdf convert --help'" },
        { "loss train", "missing: the argument 'photo' and the options '--task', '--output'; try 'mdf loss train --help'" },
        { "loss train {}a.png --taks sisr", "unknown option '--taks' (did you mean '--task'?); missing: the option '--output'; try 'mdf loss train --help'" },
        { "loss train {}a.png --taks=sisr --iteration 3 -o {}new.safetensors", "unknown option '--taks' (did you mean '--task'?); unknown option '--iteration' (did you mean '--iterations'?); try" },
        { "loss train {}a.png --task sisr", "missing: the option '--output'; try" },
        { "loss train {}a.png -o {}new.safetensors", "missing: the option '--task'; try" },
        { "loss train --task sisr -o {}new.safetensors", "missing: the argument 'photo'; try" },
        { "score {}a.png", "missing: the argument 'image'; try" },
        { "score {}a.png --loss mse", "missing: the argument 'image'; try" },
        { "score {}a.png {}b.png --loss mse --treads 2", "unknown option '--treads' (did you mean '--threads'?); try" },
        { "optimize --loss mse", "missing: the option '--reference'; try" },
        { "optimize --reference {}a.png", "missing: the option '--loss'; try" },
        { "optimize --verbos", "unknown option '--verbos' (did you mean '--verbose'?); missing: the options '--reference', '--loss'; try" },
        { "loss train {}a.png --task jpge:10 -o {}new.safetensors", "unknown task 'jpge:10' (did you mean 'jpeg:10'?): expected one of sisr (super-resolution), denoise:25 (σ in 8-bit units), jpeg:10 (quality)" },
        { "restore identity {}a.png -o {}new.png --external-timeout 5", "--external-timeout is for a program, 'external:command': leave it out" },
        { "restore bicubic {}a.png -o {}new.png", "'bicubic' needs a factor here" },
        { "restore identity {}a.png --tile 8 -o {}new.png", "--tile divides images for a network, and 'identity' is not a network: leave it out" },
        { "restore identity {}a.png --network edsr?factor=4 -o {}new.png", "--network is for another project's weights, and 'identity' has none: leave it out" },
        { "restore external:false {}a.png -o {}new.png", "cannot restore '{}a.png': the external program 'false' failed: it ended with exit code 1" },
        { "evaluate folder:{}none --task jpeg:10 --data {}images", "cannot list '{}none': there is no such folder" },
        { "--plugin {}none.dll doctor", "cannot read '{}none.dll': there is no such file" },
        { "doctor --plugin {}a.png", "'{}a.png' is not a plugin: expected a .NET assembly (.dll)" },
        { "evaluate identity --task external:x --data {}images", "the external program 'x' failed: it cannot be started" },
        { "evaluate identity --task nope --data {}images", "unknown task 'nope': expected one of sisr:4 (super-resolution), denoise:25" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_is_one_line_that_says_what_to_do_and_leaves_nothing_behind(string line, string expected)
    {
        Prepare();
        AssertRefused(Words(line), _folder.Local(expected));
        AssertRefused([.. Words(line), "--json"], _folder.Local(expected));
    }

    [Theory]
    [InlineData("score {}tiny.png {}tiny.png --loss l1+mdf:{}stack.safetensors", "needs images of at least 11×11 pixels, found '{}tiny.png' of 5×5")]
    [InlineData("score {}a.png {}b.png --loss mdf:{}stack.safetensors?num_scales=3", "expected num_scales from 1 to 2 (the scales in this stack), found 3 in 'mdf:{}stack.safetensors?num_scales=3'")]
    public void A_mistake_in_the_use_of_a_stack_is_too(string line, string expected)
    {
        Prepare();
        _folder.Stack();
        AssertRefused(Words(line), _folder.Local(expected));
    }

    [Theory]
    [InlineData("score {}a.png {}b.png --loss mse --device cuda")]
    [InlineData("optimize --reference {}a.png --loss mse --device cuda:0")]
    [InlineData("loss train {}a.png --task sisr -o {}new.safetensors --device cuda")]
    public void A_device_that_is_not_there_is_too(string line)
    {
        Assert.SkipWhen(cuda.is_available(), "there is a CUDA device");
        Prepare();
        AssertRefused(Words(line), "device 'cuda:0' was asked for, but");
    }

    [Fact]
    public void A_folder_in_which_nothing_can_be_written_is_found_before_the_training()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a folder that is closed to everyone");
        Prepare();
        AssertRefused(
            Words("loss train {}a.png --task sisr --iterations 1000 -o /sys/new.safetensors"),
            "cannot write '/sys/new.safetensors': no file can be made in its folder (");
    }

    private void Prepare()
    {
        _folder.Image("a.png");
        _folder.Image("b.png", seed: 6);
        _folder.Image("wide.png", width: 50);
        _folder.Image("tiny.png", width: 5, height: 5);
        _folder.File("text.png", "not an image\n"u8);
        foreach (var name in new[] { "images", "others", "empty", "twice" })
            Directory.CreateDirectory(_folder.File(name));
        _folder.Image(Path.Combine("images", "x.png"));
        _folder.Image(Path.Combine("others", "y.png"));
        _folder.Image(Path.Combine("twice", "x.png"));
        _folder.Image(Path.Combine("twice", "x_EDSR.png"));
        SafetensorsFormat.Write(_folder.File("network.safetensors"), new Dictionary<string, StoredTensor>
        {
            ["conv1.weight"] = new(ElementType.Float32, [1], new byte[4]),
            ["conv1.bias"] = new(ElementType.Float32, [1], new byte[4]),
        });
    }

    private string[] Words(string line) => [.. line.Split(' ').Select(_folder.Local)];

    private void AssertRefused(string[] args, string expected)
    {
        var before = _folder.Content();
        var answer = MdfProgram.Run(args);
        Assert.Contains(expected, answer.Error);
        Assert.StartsWith("mdf: ", answer.Error);
        Assert.Equal(answer.Error.Length - 1, answer.Error.IndexOf('\n', StringComparison.Ordinal));
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Equal(before, _folder.Content());
    }
}
