using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

/// <summary>A folder for one test's files.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("mdf-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    public string File(string name) => Path.Combine(_path, name);

    public string File(string name, byte[] content)
    {
        var path = File(name);
        System.IO.File.WriteAllBytes(path, content);
        return path;
    }

    public TensorFile Open(byte[] content) => TensorFile.Open(File($"{Guid.NewGuid():N}.bin", content));

    /// <summary>Asserts that a file is refused in one line that names it and contains <paramref name="expected"/>.</summary>
    public void AssertRefused(byte[] content, string expected)
    {
        var path = File("refused.safetensors", content);
        var error = Assert.Throws<InputException>(() => TensorFile.Open(path));
        Assert.Contains(expected, error.Message);
        AssertOneLine(error, path);
    }

    public static void AssertOneLine(InputException error, string path)
    {
        Assert.Contains(path, error.Message);
        Assert.DoesNotContain('\n', error.Message);
        Assert.DoesNotContain('\r', error.Message);
    }
}
