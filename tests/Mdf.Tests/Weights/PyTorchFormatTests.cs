using System.IO.Compression;
using System.Text;
using CsCheck;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

public sealed class PyTorchFormatTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Golden: the same tensors, extracted from the .pth files with PyTorch 1.13 (shared/reference/README.md).
    [Theory]
    [InlineData("Ds_SISR.pth", "weights_sisr.safetensors", 9)]
    [InlineData("Ds_JPEG.pth", "weights_jpeg.safetensors", 8)]
    public void The_authors_stacks_equal_the_golden_tensors_bit_for_bit(string checkpoint, string golden, int discriminators)
    {
        using var file = TensorFile.Open(Shared.Path("reference", "upstream", checkpoint));
        using var expected = TensorFile.Open(Shared.Path("reference", "golden", golden));
        TensorFileTests.AssertSame(expected.Tensors, file.Tensors);
        Assert.Equal(discriminators * 30, file.Tensors.Count);
        Assert.Equal("0.head.conv.weight", file.Tensors.Keys.First());
        Assert.Equal($"{discriminators - 1}.tail.bias", file.Tensors.Keys.Last());
        Assert.Equal(ElementType.Int64, file.Tensors["0.head.norm.num_batches_tracked"].Type);
    }

    [Fact]
    public void The_authors_noise_is_one_tensor()
    {
        using var file = TensorFile.Open(Shared.Path("reference", "upstream", "noisy_img.pt"));
        var tensor = Assert.Single(file.Tensors);
        Assert.Equal("tensor", tensor.Key);
        Assert.Equal("F32 [1, 3, 384, 512]", tensor.Value.ToString());
    }

    // Widths of the networks' features: LPIPS v0.1.
    [Theory]
    [InlineData("alex.pth", new long[] { 64, 192, 384, 256, 256 })]
    [InlineData("vgg.pth", new long[] { 64, 128, 256, 512, 512 })]
    [InlineData("squeeze.pth", new long[] { 64, 128, 256, 384, 384, 512, 512 })]
    public void The_linear_layers_of_LPIPS_are_read(string name, long[] widths)
    {
        using var file = TensorFile.Open(Shared.Path("reference", "upstream", "lpips_v0.1", name));
        for (var i = 0; i < widths.Length; i++)
            Assert.Equal([1, widths[i], 1, 1], file.Tensors[$"lin{i}.model.1.weight"].Shape);
        Assert.Equal(widths.Length, file.Tensors.Count);
    }

    [Fact]
    public void Whole_modules_give_their_state_dictionary_behind_their_index()
    {
        using var file = _folder.Open(Checkpoints.Legacy(Checkpoints.Discriminators(2, width: 4)));
        Assert.Equal(60, file.Tensors.Count);
        Assert.Equal(
            ["0.head.conv.weight", "0.head.conv.bias", "0.head.norm.weight", "0.head.norm.bias", "0.head.norm.running_mean",
                "0.head.norm.running_var", "0.head.norm.num_batches_tracked", "0.body.block1.conv.weight"],
            file.Tensors.Keys.Take(8));
        Assert.Equal("F32 [1, 4, 3, 3]", file.Tensors["1.tail.weight"].ToString());
    }

    [Fact]
    public void What_is_written_is_read_again() => Generators.Tensors.Sample(tensors =>
    {
        using var folder = new TemporaryFolder();
        PyTorchFormat.Write(folder.File("a.pt"), tensors);
        using var file = TensorFile.Open(folder.File("a.pt"));
        TensorFileTests.AssertSame(tensors, file.Tensors);
    }, iter: 100);

    [Fact]
    public void What_is_written_is_a_zip_file_with_aligned_storages()
    {
        PyTorchFormat.Write(_folder.File("stack.pt"), Checkpoints.Tensors());
        var bytes = File.ReadAllBytes(_folder.File("stack.pt"));
        using var zip = new ZipArchive(new MemoryStream(bytes));
        Assert.Equal(
            ["stack/data.pkl", "stack/byteorder", "stack/data/0", "stack/data/1", "stack/data/2", "stack/data/3", "stack/data/4", "stack/version"],
            zip.Entries.Select(entry => entry.FullName));
        using var first = new MemoryStream();
        zip.GetEntry("stack/data/0")!.Open().CopyTo(first);
        Assert.Equal(Checkpoints.Content(432, 1), first.ToArray());
        Assert.Equal(0, bytes.AsSpan().IndexOf(first.ToArray()) % 64);
    }

    [Fact]
    public void The_same_tensors_give_the_same_bytes()
    {
        PyTorchFormat.Write(_folder.File("a/x.pt"), Checkpoints.Tensors());
        PyTorchFormat.Write(_folder.File("b/x.pt"), Checkpoints.Tensors());
        Assert.Equal(File.ReadAllBytes(_folder.File("a/x.pt")), File.ReadAllBytes(_folder.File("b/x.pt")));
    }

    [Fact]
    public void Nested_values_are_joined_with_dots_and_what_is_not_a_tensor_is_passed_over()
    {
        var pickle = new PickleBuilder();
        void Tensor() => pickle.Tensor(ElementType.UInt8, [1], [7]);
        pickle.Dictionary(
            ("epoch", () => pickle.Number(-3)),
            ("name", () => pickle.Text("text")),
            ("rate", () => pickle.Raw((byte)'G', 0, 0, 0, 0, 0, 0, 0, 0)),
            ("size", () => pickle.Global("torch", "Size").Numbers(1, 2).Raw(0x85).Op('R')),
            ("seed", () => pickle.Raw(0x8a, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1)),
            ("type", () => pickle.Global("torch", "float32")),
            ("milestones", () => pickle.Global("collections", "Counter").Op('}').Number(30).Number(1).Op('s').Raw(0x85).Op('R')),
            ("made", () => pickle.Global("torch.nn.parameter", "Parameter").Tensor(ElementType.UInt8, [1], [6]).Raw(0x85).Raw(0x81)),
            ("device", () => pickle.Global("torch", "device").Text("cuda").Number(0).Raw(0x86).Op('R')),
            ("params", () => pickle.OrderedDictionary(("weight", Tensor), ("none", () => pickle.Op('N')))),
            ("list", () => pickle.List(Tensor, () => pickle.Number(1), () => pickle.Op('(').Tensor(ElementType.UInt8, [1], [8]).Op('t'))));
        using var file = _folder.Open(Checkpoints.Zip(pickle));
        Assert.Equal(["made", "params.weight", "list.0", "list.2.0"], file.Tensors.Keys);
    }

    /// <summary>PyTorch before 0.4 saved a parameter with (requires_grad, volatile, hooks). torchvision's file of VGG-16 is as old.</summary>
    [Fact]
    public void Parameters_of_old_versions_are_read()
    {
        var pickle = new PickleBuilder();
        pickle.Dictionary(("features.0.bias", () => pickle.Global("torch.nn.parameter", "Parameter").Tensor(ElementType.UInt8, [1], [6]).Raw(0x85).Raw(0x81)
            .Op('(').Raw(0x88, 0x89).OrderedDictionary().Op('t').Op('b')));
        using var file = _folder.Open(Checkpoints.Legacy(pickle));
        Assert.Equal([6], file.Tensors["features.0.bias"].Bytes.ToArray());

        var code = new PickleBuilder();
        code.Dictionary(("x", () => code.Global("torch.nn.parameter", "Parameter").Tensor(ElementType.UInt8, [1], [6]).Raw(0x85).Raw(0x81).Text("state").Op('b')));
        Assert.Throws<InputException>(() => _folder.Open(Checkpoints.Legacy(code)));
    }

    [Fact]
    public void Shared_storages_give_every_tensor()
    {
        var pickle = new PickleBuilder();
        pickle.Storages.Add(("0", 4, [1, 2, 3, 4]));
        pickle.Dictionary(
            ("tied", () => pickle.View("0", ElementType.UInt8, 4, 0, [4], [1])),
            ("weight", () => pickle.View("0", ElementType.UInt8, 4, 0, [4], [1])),
            ("tail", () => pickle.View("0", ElementType.UInt8, 4, 2, [2], [1])));
        using var file = _folder.Open(Checkpoints.Legacy(pickle));
        Assert.Equal([1, 2, 3, 4], file.Tensors["tied"].Bytes.ToArray());
        Assert.Equal([1, 2, 3, 4], file.Tensors["weight"].Bytes.ToArray());
        Assert.Equal([3, 4], file.Tensors["tail"].Bytes.ToArray());
    }

    [Theory]
    [InlineData(new long[] { 3, 2 }, new long[] { 1, 3 }, 0, new byte[] { 0, 3, 1, 4, 2, 5 })] // transposed
    [InlineData(new long[] { 2, 2 }, new long[] { 3, 2 }, 1, new byte[] { 1, 3, 4, 6 })] // every second
    [InlineData(new long[] { 3, 2 }, new long[] { 0, 1 }, 4, new byte[] { 4, 5, 4, 5, 4, 5 })] // expanded
    [InlineData(new long[] { 1, 2, 1 }, new long[] { 99, 1, 99 }, 1, new byte[] { 1, 2 })] // contiguous, whatever the strides of size 1
    [InlineData(new long[] { 0, 2 }, new long[] { 2, 1 }, 0, new byte[] { })]
    public void Views_are_read_row_major(long[] shape, long[] strides, long offset, byte[] expected)
    {
        var pickle = new PickleBuilder();
        pickle.Storages.Add(("0", 8, [0, 1, 2, 3, 4, 5, 6, 7]));
        pickle.View("0", ElementType.UInt8, 8, offset, shape, strides);
        using var file = _folder.Open(Checkpoints.Zip(pickle));
        Assert.Equal(shape, file.Tensors["tensor"].Shape);
        Assert.Equal(expected, file.Tensors["tensor"].Bytes.ToArray());
    }

    [Fact]
    public void Tensors_of_the_first_PyTorch_releases_are_read()
    {
        var pickle = new PickleBuilder();
        pickle.Storages.Add(("0", 2, [1, 2]));
        pickle.Dictionary(("features.0.weight", () => pickle.Global("torch._utils", "_rebuild_tensor").Op('(')
            .Op('(').Text("storage").Global("torch", "ByteStorage").Text("0").Text("cpu").Number(2).Op('N').Op('t').Op('Q')
            .Number(0).Numbers(2).Numbers(1).Op('t').Op('R')));
        using var file = _folder.Open(Checkpoints.Legacy(pickle));
        Assert.Equal([1, 2], file.Tensors["features.0.weight"].Bytes.ToArray());
    }

    [Fact]
    public void A_saved_slice_of_the_older_format_is_read()
    {
        var pickle = new PickleBuilder();
        pickle.Storages.Add(("0", 8, [0, 1, 2, 3, 4, 5, 6, 7]));
        pickle.View("0", ElementType.UInt8, 8, 2, [3], [1]);
        using var file = _folder.Open(Checkpoints.Legacy(pickle));
        Assert.Equal([2, 3, 4], file.Tensors["tensor"].Bytes.ToArray());
    }

    [Theory]
    [InlineData("0.weight", "1.bias")] // "module." stripped from all names, the list of modules left as it was
    [InlineData("module.0.weight", "module.1.bias", "ema.decay")] // a tensor added
    [InlineData("module.0.weight", "module.2.weight")] // a layer added
    [InlineData("module.0.height", "module.0.width")]
    public void Names_that_a_program_changed_are_read(params string[] names)
    {
        using var file = _folder.Open(Checkpoints.Legacy(ListingModules(names)));
        Assert.Equal(names, file.Tensors.Keys);
    }

    [Fact]
    public void A_long_name_of_many_parts_takes_no_more_than_its_length()
    {
        var name = string.Concat(Enumerable.Repeat("a.", 1_000_000)) + "a";
        var pickle = new PickleBuilder();
        var file = Checkpoints.Legacy(pickle.Dictionary((name, () => pickle.Tensor(ElementType.UInt8, [1], [1]))));
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var read = _folder.Open(file);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 32 << 20);
    }

    [Fact]
    public void Tensors_that_share_their_bytes_over_and_over_are_refused()
    {
        var pickle = new PickleBuilder();
        pickle.Storages.Add(("0", 1 << 20, new byte[1 << 20]));
        pickle.List([.. Enumerable.Range(0, 100).Select(_ => (Action)(() => pickle.View("0", ElementType.UInt8, 1 << 20, 0, [1 << 20], [1])))]);
        _folder.AssertRefused(Checkpoints.Zip(pickle), "more than 16 times its size and 64 MB");
    }

    [Theory]
    [InlineData(14, 1)] // checksum
    [InlineData(18, 1)] // lengths
    [InlineData(22, 1)]
    [InlineData(8, 8)] // method
    [InlineData(30, 'x')] // name
    public void An_entry_that_is_described_in_two_ways_is_refused(int field, byte value)
    {
        var file = Checkpoints.Zip(Checkpoints.StateDictionary(true));
        Assert.NotEqual(value, file[field]);
        file[field] = value; // of the first entry's own header
        _folder.AssertRefused(file, "has two different descriptions");
    }

    [Fact]
    public void A_zip_file_with_64_bit_lengths_is_read()
    {
        var pickle = Checkpoints.StateDictionary(true);
        using var file = _folder.Open(Checkpoints.Zip64(pickle));
        TensorFileTests.AssertSame(Checkpoints.Tensors(), file.Tensors);
    }

    [Fact]
    public void A_64_bit_length_that_reaches_into_the_directory_is_refused()
    {
        var file = Checkpoints.Zip64(Checkpoints.StateDictionary(true));
        // The first entry of the directory: its two lengths are the first in its extra field, behind its name.
        var lengths = file.AsSpan(file.AsSpan().IndexOf("PK\u0001\u0002"u8) + 46 + "archive/data.pkl".Length + 4);
        BitConverter.TryWriteBytes(lengths, (long)file.Length);
        BitConverter.TryWriteBytes(lengths[8..], (long)file.Length);
        _folder.AssertRefused(file, "does not end before the directory");
    }

    [Fact]
    public void A_compressed_checkpoint_is_refused() => _folder.AssertRefused(
        Checkpoints.Zip(Checkpoints.StateDictionary(true), CompressionLevel.Optimal), "is compressed");

    [Fact]
    public void An_encrypted_checkpoint_is_refused()
    {
        var file = Checkpoints.Zip(Checkpoints.StateDictionary(true));
        file[file.AsSpan().IndexOf("PK\u0001\u0002"u8) + 8] |= 1;
        _folder.AssertRefused(file, "is encrypted");
    }

    [Fact]
    public void Big_endian_checkpoints_are_refused()
    {
        _folder.AssertRefused(Checkpoints.Zip(Checkpoints.StateDictionary(true), byteOrder: "big"), "little-endian");
        var legacy = Checkpoints.Legacy(Checkpoints.StateDictionary(true));
        legacy[legacy.AsSpan().IndexOf("little_endian"u8) + "little_endian".Length + 2] = 0x89; // behind the memo: True → False
        _folder.AssertRefused(legacy, "little-endian");
    }

    [Fact]
    public void A_zip_file_of_something_else_is_refused()
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
            zip.CreateEntry("document.txt");
        _folder.AssertRefused(stream.ToArray(), "expected one entry data.pkl");
    }

    [Fact]
    public void A_changed_byte_does_not_match_the_checksum()
    {
        var file = Checkpoints.Zip(Checkpoints.StateDictionary(true));
        Encoding.ASCII.GetBytes("tale").CopyTo(file, file.AsSpan().IndexOf("tail.weight"u8));
        _folder.AssertRefused(file, "'archive/data.pkl' does not match its checksum");
    }

    [Fact]
    public void Entries_that_share_bytes_are_refused()
    {
        // The first entry says in both places that it is 100 bytes longer, so that it reaches into the second.
        var file = Checkpoints.Zip(Checkpoints.StateDictionary(true));
        var first = file.AsSpan().IndexOf("PK\u0001\u0002"u8);
        var second = first + 1 + file.AsSpan(first + 1).IndexOf("PK\u0001\u0002"u8);
        var length = BitConverter.ToInt32(file, first + 24);
        foreach (var field in new[] { first + 20, first + 24, 18, 22 })
            BitConverter.GetBytes(length + 100).CopyTo(file, field);
        Assert.True(second > first);
        _folder.AssertRefused(file, "overlaps another");
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        foreach (var whole in new[] { Checkpoints.Zip(Checkpoints.StateDictionary(true)), Checkpoints.Legacy(Checkpoints.StateDictionary(true)) })
        {
            for (var length = 16; length < whole.Length; length += 7)
                _folder.AssertRefused(whole[..length], "cannot read");
        }
    }

    [Fact]
    public void Bytes_behind_the_last_storage_are_refused() => _folder.AssertRefused(
        [.. Checkpoints.Legacy(Checkpoints.StateDictionary(true)), 0], "expected the file to end");

    /// <summary>Tensors of these names in a state dictionary whose list of modules is <c>module</c> and its parts 0 and 1.</summary>
    private static PickleBuilder ListingModules(string[] names)
    {
        var pickle = new PickleBuilder();
        pickle.OrderedDictionary([.. names.Select(name => (name, (Action)(() => pickle.Tensor(ElementType.UInt8, [1], [1]))))]);
        return pickle.Dictionary(("_metadata", () => pickle.OrderedDictionary(
            [.. new[] { "", "module", "module.0", "module.1" }.Select(part => (part, (Action)(() => pickle.Dictionary())))]))).Op('b');
    }
}
