using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CsCheck;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

public sealed class SafetensorsFormatTests : IDisposable
{
    private const string Float = """{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_written_is_read_again() => Generators.Tensors.Select(Generators.Metadata).Sample((tensors, metadata) =>
    {
        using var folder = new TemporaryFolder();
        SafetensorsFormat.Write(folder.File("a.safetensors"), tensors, metadata);
        using var file = TensorFile.Open(folder.File("a.safetensors"));
        TensorFileTests.AssertSame(tensors, file.Tensors);
        Assert.Equal(metadata, file.Metadata);
    }, iter: 100);

    [Fact]
    public void The_same_tensors_give_the_same_bytes()
    {
        SafetensorsFormat.Write(_folder.File("a"), Checkpoints.Tensors());
        SafetensorsFormat.Write(_folder.File("b"), Checkpoints.Tensors());
        Assert.Equal(File.ReadAllBytes(_folder.File("a")), File.ReadAllBytes(_folder.File("b")));
    }

    [Fact]
    public void The_header_is_padded_and_every_tensor_is_aligned_to_its_elements()
    {
        SafetensorsFormat.Write(_folder.File("a"), new Dictionary<string, StoredTensor>
        {
            ["byte"] = new(ElementType.UInt8, [3], new byte[3]),
            ["double"] = new(ElementType.Float64, [1], new byte[8]),
            ["half"] = new(ElementType.Float16, [1], new byte[2]),
        });
        var bytes = File.ReadAllBytes(_folder.File("a"));
        var length = (int)BitConverter.ToInt64(bytes);
        Assert.Equal(0, length % 8);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, length));
        int Begin(string name) => header.RootElement.GetProperty(name).GetProperty("data_offsets")[0].GetInt32();
        Assert.Equal((0, 8, 10), (Begin("double"), Begin("half"), Begin("byte")));
    }

    [Fact]
    public void A_large_file_is_mapped_and_not_copied()
    {
        const int length = 20 << 20;
        SafetensorsFormat.Write(_folder.File("a"), new Dictionary<string, StoredTensor> { ["x"] = new(ElementType.UInt8, [length], new byte[length]) });
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var file = TensorFile.Open(_folder.File("a"));
        Assert.Equal(length, file.Tensors["x"].Bytes.Length);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Another_programs_file_has_no_checksum_and_is_read()
    {
        using var file = _folder.Open(Checkpoints.Safetensors($$"""{"__metadata__":{"format":"pt"},"a":{{Float}} }  """, 8));
        Assert.Equal(["a"], file.Tensors.Keys);
        Assert.Equal("pt", file.Metadata["format"]);
    }

    [Fact]
    public void A_changed_name_does_not_match_the_checksum() => AssertChangeIsRefused("head.0.bias", "head.0.bits");

    [Fact]
    public void Changed_metadata_does_not_match_the_checksum() => AssertChangeIsRefused("-1,1", "-1,9");

    [Fact]
    public void Changed_bytes_of_a_tensor_do_not_match_their_checksum()
    {
        SafetensorsFormat.Write(_folder.File("a"), Checkpoints.Tensors());
        var whole = File.ReadAllBytes(_folder.File("a"));
        foreach (var (name, tensor) in Checkpoints.Tensors())
        {
            byte[] file = [.. whole];
            file[file.AsSpan().LastIndexOf(tensor.Bytes)] ^= 1;
            _folder.AssertRefused(file, $"the bytes of the tensor '{name}' do not match their checksum; the file is corrupt");
        }
    }

    // By the specification: metadata are a map from text to text, a tensor has three fields. The checksums by another implementation of what the remarks say.
    [Fact]
    public void Other_programs_see_the_checksums_as_text()
    {
        var tensors = Checkpoints.Tensors();
        SafetensorsFormat.Write(_folder.File("a"), tensors, new Dictionary<string, string> { ["seed"] = "1" });
        var bytes = File.ReadAllBytes(_folder.File("a"));
        using var header = JsonDocument.Parse(bytes.AsMemory(8, (int)BitConverter.ToInt64(bytes)));
        var metadata = header.RootElement.GetProperty("__metadata__");
        Assert.Equal(["mdf.header_sha256", "mdf.tensor_sha256", "seed"], metadata.EnumerateObject().Select(entry => entry.Name).Order());
        Assert.All(metadata.EnumerateObject(), entry => Assert.Equal(JsonValueKind.String, entry.Value.ValueKind));
        Assert.Equal(
            tensors.Keys.Order(StringComparer.Ordinal).Select(name => Convert.ToHexStringLower(SHA256.HashData(tensors[name].Bytes))),
            metadata.GetProperty("mdf.tensor_sha256").GetString()!.Split(' '));
        Assert.All(header.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__"),
            entry => Assert.Equal(["dtype", "shape", "data_offsets"], entry.Value.EnumerateObject().Select(field => field.Name)));
        using var file = TensorFile.Open(_folder.File("a"));
        Assert.Equal(["seed"], file.Metadata.Keys);
    }

    [Theory]
    [InlineData("mdf-network-2", "lacks mdf.header_sha256, its own checksum")]
    [InlineData("mdf-checkpoint-2", "lacks mdf.header_sha256, its own checksum")]
    [InlineData("mdf-unknown-7", "lacks mdf.header_sha256, its own checksum")]
    [InlineData("pt\",\"mdf.tensor_sha256\":\"0", "lacks mdf.header_sha256, its own checksum")]
    public void A_file_of_ours_without_checksums_is_refused(string format, string expected) =>
        _folder.AssertRefused(Checkpoints.Safetensors($$$"""{"__metadata__":{"format":"{{{format}}}"},"a":{{{Float}}} }""", 8), expected);

    [Fact]
    public void A_file_of_ours_whose_tensors_have_no_checksums_is_refused()
    {
        WriteWithoutTensorChecksums("a", "mdf-network-2");
        _folder.AssertRefused(File.ReadAllBytes(_folder.File("a")), "lacks mdf.tensor_sha256, the checksums of its tensors");
        WriteWithoutTensorChecksums("b", "pt"); // as an earlier mdf converted another project's weights
        using var other = TensorFile.Open(_folder.File("b"));
        Assert.Equal(8, other.Tensors["x"].Bytes.Length);
    }

    [Theory]
    [InlineData("mdf-network-1", "a restoration network", "mdf-network-2")]
    [InlineData("mdf-stack-1", "a discriminator stack", "mdf-stack-2")]
    [InlineData("mdf-checkpoint-1", "the checkpoint of a network's training", "mdf-checkpoint-2")]
    [InlineData("mdf-loss-checkpoint-1", "the checkpoint of a loss's training", "mdf-loss-checkpoint-2")]
    public void A_file_in_an_earlier_format_is_refused_until_it_is_converted(string earlier, string kind, string present)
    {
        WriteWithoutTensorChecksums("a", earlier);
        _folder.AssertRefused(File.ReadAllBytes(_folder.File("a")), $"it is {kind} in the format '{earlier}' of an earlier mdf, whose tensors have no checksums");

        Assert.Equal(1, WeightConversion.Convert(_folder.File("a"), _folder.File("new.safetensors")));
        using var file = TensorFile.Open(_folder.File("new.safetensors"));
        Assert.Equal(new Dictionary<string, string> { ["format"] = present, ["seed"] = "7" }, file.Metadata);
        Assert.Equal(new byte[8], file.Tensors["x"].Bytes.ToArray());

        // Its header has a checksum, which is verified.
        var bytes = File.ReadAllBytes(_folder.File("a"));
        bytes[bytes.AsSpan().IndexOf("\"7\""u8) + 1] = (byte)'8';
        _folder.File("a", bytes);
        Assert.Contains("does not match its checksum", Assert.Throws<InputException>(() => WeightConversion.Convert(_folder.File("a"), _folder.File("newer.safetensors"))).Message);
    }

    [Fact]
    public void A_reserved_name_cannot_be_written() => Assert.Throws<InputException>(() => SafetensorsFormat.Write(
        _folder.File("a"), new Dictionary<string, StoredTensor> { ["__metadata__"] = new(ElementType.UInt8, [0], default) }));

    // The cases of the reference's tests, and those that it leaves to its JSON library.
    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", 8, "not valid JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}x""", 8, "not valid JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},}""", 8, "not valid JSON")]
    [InlineData("""{"a":[[[[[[]]]]]]}""", 0, "something else")]
    [InlineData("""{"__metadata__":{"a":{"b":{"c":{}}}}}""", 0, "something else")]
    [InlineData("""{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}""", 8, "not valid JSON")]
    [InlineData("[]", 0, "begins with '{'")]
    [InlineData(" {}", 0, "begins with '{'")]
    [InlineData("""{"a":1}""", 0, "something else where an object for tensor 'a'")]
    [InlineData("""{"a":{}}""", 0, "expected dtype, shape and two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "expected dtype, shape and two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", 8, "two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}""", 8, "found 'x'")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "found 'dtype'")]
    [InlineData("""{"a":{"dtype":"F128","shape":[2],"data_offsets":[0,8]}}""", 8, "has the type 'F128'")]
    [InlineData("""{"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}""", 8, "the name of a type")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", 8, "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", 8, "only whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8]}}""", 8, "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}""", 8, "does not take its 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "does not take its 0 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904,0],"data_offsets":[0,0]}}""", 0, "does not take its 0 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "does not take its 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "claims bytes 8 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", 8, "claims bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlap or leave a gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlap or leave a gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "overlap or leave a gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}""", 16, "overlap or leave a gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "expected 8 bytes after the safetensors header, found 9")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 8, "after the safetensors header")]
    [InlineData("{}", 1, "expected 0 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "'a' occurs twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0061":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "'a' occurs twice")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "text in __metadata__")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "'a' twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "__metadata__ twice")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0, "not valid Unicode")]
    public void A_header_that_is_not_strictly_right_is_refused(string header, int contentLength, string expected) =>
        _folder.AssertRefused(Checkpoints.Safetensors(header, contentLength), expected);

    [Fact]
    public void An_empty_header_without_tensors_is_read() => Assert.Empty(_folder.Open(Checkpoints.Safetensors("{}", 0)).Tensors);

    [Fact]
    public void Too_many_dimensions_are_refused() => _folder.AssertRefused(Checkpoints.Safetensors(
        $$"""{"a":{"dtype":"F32","shape":[{{string.Join(',', Enumerable.Repeat(1, 65))}}],"data_offsets":[0,4]} }""", 4), "at most 64 dimensions");

    [Theory]
    [InlineData(100_000_001)]
    [InlineData(-1)]
    public void A_claim_of_too_long_a_header_is_refused(long claim) =>
        _folder.AssertRefused(Checkpoints.Safetensors("{}", 0, claim), "of at most 100000000 bytes");

    [Fact]
    public void A_header_that_ends_outside_the_file_is_refused() =>
        _folder.AssertRefused(Checkpoints.Safetensors("{}", 0, 1000), "ends outside the file");

    [Fact]
    public void Text_that_is_not_UTF_8_is_refused()
    {
        var file = Checkpoints.Safetensors($$"""{"a":{{Float}} }""", 8);
        file[8 + 2] = 0xff;
        _folder.AssertRefused(file, "not valid UTF-8");
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        SafetensorsFormat.Write(_folder.File("whole"), Checkpoints.Tensors());
        var whole = File.ReadAllBytes(_folder.File("whole"));
        for (var length = 1; length < whole.Length; length += 7)
            _folder.AssertRefused(whole[..length], "cannot read");
    }

    /// <summary>Writes one tensor as mdf did before its files had checksums of their tensors: with that of the header alone.</summary>
    private void WriteWithoutTensorChecksums(string name, string format)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var text in new[] { "format", format, "seed", "7", "x", "F32", "2" })
        {
            hash.AppendData(BitConverter.GetBytes(text.Length));
            hash.AppendData(Encoding.UTF8.GetBytes(text));
        }

        var checksum = Convert.ToHexStringLower(hash.GetHashAndReset());
        _folder.File(name, Checkpoints.Safetensors(
            $$"""{"__metadata__":{"format":"{{format}}","seed":"7","mdf.header_sha256":"{{checksum}}"},"x":{{Float}} }""", 8));
    }

    private void AssertChangeIsRefused(string text, string changed)
    {
        SafetensorsFormat.Write(_folder.File("a"), Checkpoints.Tensors(), new Dictionary<string, string> { ["input_range"] = "-1,1" });
        var file = File.ReadAllBytes(_folder.File("a"));
        var position = file.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text));
        Encoding.UTF8.GetBytes(changed).CopyTo(file, position);
        _folder.AssertRefused(file, "does not match its checksum");
    }
}
