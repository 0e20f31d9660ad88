using Mdf.Imaging;
using Mdf.Runtime;

namespace Mdf.Tests.Imaging;

public sealed class ImageFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Metadata_files_of_a_mac_are_passed_over()
    {
        Make("in/a.png", "in/._a.png", "in/b.JPG", "in/._b.JPG", "in/.c.png", "in/_d.png", "in/notes.txt", "in/__MACOSX/._a.png");
        // A hidden picture is a picture, and one underscore means nothing.
        Assert.Equal([".c.png", "_d.png", "a.png", "b.JPG"], ImageFolder.List(_folder.File("in")).Select(Path.GetFileName));
        Assert.Null(ImageFolder.CautionOnSubfolders([_folder.File("in")]));
    }

    [Fact]
    public void A_folder_without_images_says_what_else_is_there()
    {
        Make("in/__MACOSX/._a.png", "in/HR/a.png", "in/LR/a.png");
        string Refused(string name) => Assert.Throws<InputException>(() => ImageFolder.List(_folder.File(name))).Message;
        Assert.EndsWith($"; the folders in it are not searched: '{_folder.File("in/HR")}', '{_folder.File("in/LR")}'", Refused("in"));
        Assert.EndsWith(", only a Mac's metadata files ('._a.png')", Refused("in/__MACOSX"));
    }

    [Fact]
    public void Folders_that_are_not_searched_are_named_but_hidden_ones_and_the_one_for_results()
    {
        Make("in/a.png", "in/.thumbnails/a.png", "in/out/a.png", "in/v/a.png", "in/w/a.png", "in/x/a.png", "in/y/a.png");
        Assert.Equal(
            $"folders in a folder are not searched: '{_folder.File("in/v")}', '{_folder.File("in/w")}', '{_folder.File("in/x")}' and 1 more",
            ImageFolder.CautionOnSubfolders([_folder.File("in"), _folder.File("in/a.png"), _folder.File("none")], except: _folder.File("in/out")));
        Assert.Null(ImageFolder.CautionOnSubfolders([_folder.File("in/v")]));
    }

    private void Make(params string[] names)
    {
        foreach (var name in names)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(name))!);
            _folder.File(name, "x"u8);
        }
    }
}
