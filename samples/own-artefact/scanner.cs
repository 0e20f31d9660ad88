// An artefact of one's own, made by a program: a worn scanner, whose lines are too bright or too dark and whose red lies one pixel to the right.
// One picture:            dotnet run samples/own-artefact/scanner.cs clean.png damaged.png
// A folder of pictures:   dotnet run samples/own-artefact/scanner.cs clean-folder damaged-folder
#:package SkiaSharp@3.119.4
#:package SkiaSharp.NativeAssets.Linux.NoDependencies@3.119.4
#:property ManagePackageVersionsCentrally=false
#:property PublishAot=false
using SkiaSharp;

if (args is not [var clean, var damaged])
{
    Console.Error.WriteLine("expected two names: a clean picture and the damaged one to write, or two folders");
    return 2;
}

if (!Directory.Exists(clean))
{
    Scan(clean, damaged);
    return 0;
}

Directory.CreateDirectory(damaged);
foreach (var file in Directory.GetFiles(clean).Where(file => Path.GetExtension(file).ToLowerInvariant() is ".png" or ".jpg" or ".jpeg" or ".bmp" or ".webp"))
    Scan(file, Path.Combine(damaged, Path.GetFileNameWithoutExtension(file) + ".png"));
return 0;

static void Scan(string clean, string damaged)
{
    using var bitmap = SKBitmap.Decode(clean) ?? throw new IOException($"'{clean}' is no picture");
    var pixels = bitmap.Pixels;
    var scanned = new SKColor[pixels.Length];
    for (var y = 0; y < bitmap.Height; y++)
    {
        // The same gain for the same line, so that the same picture is always damaged alike.
        var gain = 1 + 0.3 * (new Random(y).NextDouble() - 0.5);
        for (var x = 0; x < bitmap.Width; x++)
        {
            var (here, left) = (pixels[y * bitmap.Width + x], pixels[y * bitmap.Width + Math.Max(0, x - 1)]);
            scanned[y * bitmap.Width + x] = new SKColor(Level(gain * left.Red), Level(gain * here.Green), Level(gain * here.Blue));
        }
    }

    bitmap.Pixels = scanned;
    using var file = bitmap.Encode(SKEncodedImageFormat.Png, quality: 100);
    File.WriteAllBytes(damaged, file.ToArray());
}

static byte Level(double value) => (byte)Math.Clamp(Math.Round(value), 0, 255);
