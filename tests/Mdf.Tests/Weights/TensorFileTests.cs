using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

public sealed class TensorFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_content_decides_and_not_the_name()
    {
        using var legacy = TensorFile.Open(_folder.File("a.safetensors", Checkpoints.Legacy(Checkpoints.StateDictionary(true))));
        using var zip = TensorFile.Open(_folder.File("b.safetensors", Checkpoints.Zip(Checkpoints.StateDictionary(true))));
        SafetensorsFormat.Write(_folder.File("c.pth"), Checkpoints.Tensors());
        using var safetensors = TensorFile.Open(_folder.File("c.pth"));
        Assert.Equal(TensorFileFormat.PyTorch, legacy.Format);
        Assert.Equal(TensorFileFormat.PyTorch, zip.Format);
        Assert.Equal(TensorFileFormat.Safetensors, safetensors.Format);
        Assert.All([legacy, zip, safetensors], file => AssertSame(Checkpoints.Tensors(), file.Tensors));
    }

    [Fact]
    public void A_missing_file_is_refused() => AssertRefused(_folder.File("none.pth"), "there is no such file");

    [Fact]
    public void A_folder_is_refused() => AssertRefused(Path.GetDirectoryName(_folder.File("x"))!, "found a folder");

    [Fact]
    public void An_empty_file_is_refused() => AssertRefused(_folder.File("empty.pth", []), "found nothing in it");

    [Fact]
    public void An_empty_path_is_refused() =>
        Assert.Contains("empty path", Assert.Throws<InputException>(() => TensorFile.Open(" ")).Message);

    [Fact]
    public void An_image_is_refused() =>
        AssertRefused(_folder.File("image.pth", [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10, 0, 0]), "begins with the bytes 89504E470D0A1A0A");

    [Fact]
    public void A_web_page_is_refused_with_a_hint() =>
        AssertRefused(_folder.File("page.pth", "<!DOCTYPE html>\n<html>not found</html>"u8.ToArray()), "error page");

    [Fact]
    public void A_pointer_of_Git_LFS_is_refused_with_a_hint() =>
        AssertRefused(_folder.File("pointer.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"u8.ToArray()), "git lfs pull");

    [Fact]
    public void Tensors_of_a_closed_file_are_not_readable()
    {
        StoredTensor tensor;
        using (var file = _folder.Open(Checkpoints.Zip(Checkpoints.StateDictionary(false))))
            tensor = file.Tensors["head.0.bias"];
        Assert.Throws<ObjectDisposedException>(() => tensor.Bytes.Length);
        Assert.Throws<ObjectDisposedException>(() => tensor.ToTensor());
    }

    [Fact]
    public void Text_of_the_file_stays_on_the_line_of_the_message() =>
        _folder.AssertRefused(
            Checkpoints.Safetensors("{\"a\\nb\\u2028\":{\"dtype\":\"F\\u00072\",\"shape\":[],\"data_offsets\":[0,0]}}", 0), "'a?b?' has the type 'F?2'");

    [Fact]
    public void A_long_name_is_cut_in_the_message()
    {
        var name = new string('n', 100_000);
        var path = _folder.File("long.safetensors", Checkpoints.Safetensors($"{{\"{name}\":1}}", 0));
        Assert.True(Assert.Throws<InputException>(() => TensorFile.Open(path)).Message.Length < 400 + path.Length);
    }

    internal static void AssertSame(IReadOnlyDictionary<string, StoredTensor> expected, IReadOnlyDictionary<string, StoredTensor> actual)
    {
        Assert.Equal(expected.Keys, actual.Keys);
        foreach (var (name, tensor) in expected)
        {
            Assert.Equal(tensor.Type, actual[name].Type);
            Assert.Equal(tensor.Shape, actual[name].Shape);
            Assert.True(tensor.Bytes.SequenceEqual(actual[name].Bytes), name);
        }
    }

    private static void AssertRefused(string path, string expected)
    {
        var error = Assert.Throws<InputException>(() => TensorFile.Open(path));
        Assert.Contains(expected, error.Message);
        TemporaryFolder.AssertOneLine(error, path);
    }
}
