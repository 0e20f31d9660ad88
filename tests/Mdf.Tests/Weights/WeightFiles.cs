using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

/// <summary>Files of weights in a test's folder.</summary>
internal static class WeightFiles
{
    extension(TemporaryFolder folder)
    {
        public TensorFile Open(byte[] content) => TensorFile.Open(folder.File($"{Guid.NewGuid():N}.bin", content));

        /// <summary>Asserts that a file is refused in one line that names it and contains <paramref name="expected"/>.</summary>
        public void AssertRefused(byte[] content, string expected)
        {
            var path = folder.File("refused.safetensors", content);
            var error = Assert.Throws<InputException>(() => TensorFile.Open(path));
            Assert.Contains(expected, error.Message);
            TemporaryFolder.AssertOneLine(error, path);
        }

        public static void AssertOneLine(InputException error, string path)
        {
            Assert.Contains(path, error.Message);
            Assert.DoesNotContain('\n', error.Message);
            Assert.DoesNotContain('\r', error.Message);
        }
    }
}
