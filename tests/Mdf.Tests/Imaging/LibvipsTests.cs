using Mdf.Imaging;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

/// <summary>libvips keeps the text of errors for the whole process; a message of ours has only its own.</summary>
[Collection(nameof(OneAtATime))]
public sealed class LibvipsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_message_has_nothing_of_the_file_before()
    {
        var png = Truncated();
        LeaveText();
        Assert.DoesNotContain("JPEG", Refusal(png));
        LeaveText();
        Assert.DoesNotContain("JPEG", Refusal(_folder.File("a.webp", [.. "RIFF\u0010\0\0\0WEBPVP8 "u8, 1, 2, 3, 4])));
    }

    [Fact]
    public void A_message_of_writing_has_nothing_of_the_file_before()
    {
        LeaveText();
        var error = Assert.Throws<InputException>(() => ImageFile.Write(_folder.File("a.webp"), zeros(1, 3, 1, 16_384)));
        Assert.DoesNotContain("JPEG data", error.Message);
        LeaveText();
        Assert.DoesNotContain("JPEG data", Assert.ThrowsAny<Exception>(() => JpegCodec.Encode(zeros(1, 3, 1, 70_000), 50)).Message);
    }

    [Fact]
    public void Files_that_are_read_at_once_do_not_share_their_messages()
    {
        var png = Truncated();
        var jpeg = JpegCodec.Encode(rand(1, 3, 64, 64, generator: Draws), 90);
        jpeg = [.. jpeg[..^200], .. jpeg[^2..]];
        Parallel.For(0, 64, i =>
        {
            using var scope = NewDisposeScope();
            if (i % 2 == 0)
                Assert.DoesNotContain("JPEG", Refusal(png));
            else
                Assert.DoesNotContain("png", Assert.Throws<InputException>(() => JpegCodec.Decode(jpeg)).Message);
        });
    }

    private string Truncated()
    {
        ImageFile.Write(_folder.File("whole.png"), rand(1, 3, 64, 64, generator: Draws));
        return _folder.File("truncated.png", File.ReadAllBytes(_folder.File("whole.png")).AsSpan(0, 4000));
    }

    private static string Refusal(string path) => Assert.Throws<InputException>(() => ImageFile.Read(path)).Message;

    /// <summary>Has libvips read a JPEG of which libjpeg warns, without failing: the warning stays in the buffer.</summary>
    private static void LeaveText()
    {
        var file = JpegCodec.Encode(rand(1, 3, 16, 16, generator: Draws), 90);
        using var opened = NetVips.Image.JpegloadBuffer([.. file[..2], 1, 2, 3, 4, .. file[2..]]);
        Assert.NotEmpty(opened.WriteToMemory<byte>());
    }
}
