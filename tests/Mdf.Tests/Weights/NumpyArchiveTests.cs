using System.IO.Compression;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

public sealed class NumpyArchiveTests : IDisposable
{
    private static readonly byte[] s_six = [1, 2, 3, 4, 5, 6];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("|b1", nameof(ElementType.Bool))]
    [InlineData("|u1", nameof(ElementType.UInt8))]
    [InlineData("|i1", nameof(ElementType.Int8))]
    [InlineData("<i2", nameof(ElementType.Int16))]
    [InlineData("<i4", nameof(ElementType.Int32))]
    [InlineData("<i8", nameof(ElementType.Int64))]
    [InlineData("<f2", nameof(ElementType.Float16))]
    [InlineData("<f4", nameof(ElementType.Float32))]
    [InlineData("<f8", nameof(ElementType.Float64))]
    public void Every_type_is_read(string name, string typeName)
    {
        var type = Enum.Parse<ElementType>(typeName);
        byte[] content = [.. Enumerable.Range(0, 3 * type.Size()).Select(i => (byte)i)];
        var array = ReadOne(NumpyFiles.Array(name, "(3,)", content));
        Assert.Equal((type, 3), (array.Type, array.Count));
        Assert.Equal([3], array.Shape);
        Assert.Equal(content, array.Bytes.ToArray());
    }

    [Theory]
    [InlineData("()", new long[] { })]
    [InlineData("(1, 1)", new long[] { 1, 1 })]
    public void A_single_number_may_have_any_number_of_dimensions(string text, long[] shape) =>
        Assert.Equal(shape, ReadOne(NumpyFiles.Array("|u1", text, [7])).Shape);

    [Fact]
    public void An_array_may_be_empty() => Assert.Equal([0, 5], ReadOne(NumpyFiles.Array("<f8", "(0, 5)", [], isColumnMajor: true)).Shape);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_version_is_read(byte version) =>
        Assert.Equal(s_six, ReadOne(NumpyFiles.Array("|u1", "(2, 3)", s_six, version: version)).Bytes.ToArray());

    [Fact]
    public void Columns_first_becomes_rows_first()
    {
        // Columns (1, 2), (3, 4), (5, 6).
        Assert.Equal([1, 3, 5, 2, 4, 6], ReadOne(NumpyFiles.Array("|u1", "(2, 3)", s_six, isColumnMajor: true)).Bytes.ToArray());
        byte[] cube = [.. Enumerable.Range(0, 2 * 3 * 4 * 2).Select(i => (byte)i)];
        var found = ReadOne(NumpyFiles.Array("<i2", "(2, 3, 4)", cube, isColumnMajor: true)).Bytes.ToArray();
        for (var (i, at) = (0, 0); i < 2; i++)
        {
            for (var j = 0; j < 3; j++)
            {
                for (var k = 0; k < 4; k++, at += 2)
                    Assert.Equal(cube[2 * (i + 2 * (j + 3 * k))], found[at]);
            }
        }
    }

    [Fact]
    public void The_published_parameters_are_read()
    {
        var arrays = NumpyArchive.Read(Shared.Path("data", "niqe", "niqe_pris_params.npz"));
        Assert.Equal(["cov_pris_param", "gaussian_window", "mu_pris_param"], arrays.Keys.Order());
        Assert.Equal("F64 [1, 36]", arrays["mu_pris_param"].ToString());
        Assert.Equal("F64 [36, 36]", arrays["cov_pris_param"].ToString());
        Assert.Equal("F64 [7, 7]", arrays["gaussian_window"].ToString());
    }

    [Theory]
    [InlineData("{'descr': '>f8', 'fortran_order': False, 'shape': (1,), }", "has the type '>f8'; expected little-endian numbers, or booleans")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "has the type '|O'")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", "is F64 [2], which does not take its 8 bytes")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999999999, 999999999999999999), }", "which does not take its 8 bytes")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1), }", "is F64 [0, 1], which does not take its 8 bytes")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", "has a header without type, order and shape")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (1 1), }", "has a header without type, order and shape")]
    [InlineData("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", "has a header without type, order and shape")]
    [InlineData("{'descr': '<f8', 'fortran_order': exit(), 'shape': (1,), }", "has a header without type, order and shape")]
    [InlineData("", "has a header without type, order and shape")]
    public void Another_header_is_refused(string header, string expected) =>
        AssertRefused(Archive(NumpyFiles.Array(header, new byte[8])), expected);

    [Fact]
    public void More_dimensions_than_NumPy_knows_are_refused() =>
        AssertRefused(Archive(NumpyFiles.Array("|u1", $"({string.Concat(Enumerable.Repeat("1, ", 65))})", [1])), "has a header without type");

    [Fact]
    public void What_is_no_array_is_refused()
    {
        AssertRefused(Archive("text, and long enough"u8.ToArray()), "the entry 'a.npy' is not a NumPy array");
        AssertRefused(Archive([0x93, .. "NUMPY"u8]), "the entry 'a.npy' is not a NumPy array");
        AssertRefused(Archive(NumpyFiles.Array("|u1", "(1,)", [1], version: 4)), "the entry 'a.npy' is not a NumPy array of version 1 to 3");
        AssertRefused(Archive([0x93, .. "NUMPY"u8, 2, 0, 255, 255, 255, 255, 0, 0]), "claims a header of 4294967295 bytes, but only 2 bytes are left");
        AssertRefused(NumpyFiles.Zip([("readme.txt", [1])]), "expected arrays, found the entry 'readme.txt'");
    }

    [Fact]
    public void Another_file_is_refused()
    {
        AssertRefused(NumpyFiles.Array("|u1", "(6,)", s_six), "expected a NumPy archive (.npz), found a file that begins with the bytes 934E554D50590100");
        AssertRefused([1], "found a file that begins with the bytes 01");
        AssertRefused([], "expected a NumPy archive (.npz), found nothing in it");
        var compressed = NumpyFiles.Zip([("a.npy", NumpyFiles.Array("|u1", "(999,)", new byte[999]))], CompressionLevel.Optimal);
        AssertRefused(compressed, "the entry 'a.npy' is compressed; expected a file as numpy.savez writes it");
    }

    [Fact]
    public void Damaged_archives_are_refused_or_read_unchanged()
    {
        var whole = NumpyFiles.Zip(
            [("first.npy", NumpyFiles.Matrix(5, 4, (i, j) => i - j)), ("second.npy", NumpyFiles.Array("|u1", "(2, 3)", s_six, isColumnMajor: true))]);
        var expected = NumpyArchive.Read(_folder.File("whole.npz", whole));
        var refused = 0;
        for (var seed = 0; seed < 1000; seed++)
        {
            var path = _folder.File("damaged.npz", Damage.Apply(whole, whole.Length, seed));
            try
            {
                TensorFileTests.AssertSame(expected, NumpyArchive.Read(path));
            }
            catch (InputException e)
            {
                TemporaryFolder.AssertOneLine(e, path);
                refused++;
            }
        }

        Assert.InRange(refused, 900, 999); // what is left is in fields that nobody reads, such as dates
    }

    private static byte[] Archive(byte[] array) => NumpyFiles.Zip([("a.npy", array)]);

    private StoredTensor ReadOne(byte[] array) => Assert.Single(NumpyArchive.Read(_folder.File("one.npz", Archive(array)))).Value;

    private void AssertRefused(byte[] content, string expected)
    {
        var path = _folder.File("refused.npz", content);
        var error = Assert.Throws<InputException>(() => NumpyArchive.Read(path));
        Assert.Contains(expected, error.Message);
        TemporaryFolder.AssertOneLine(error, path);
    }
}
