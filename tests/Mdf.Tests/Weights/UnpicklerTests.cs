using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

/// <summary>What a pickle may not do. Each case is tried in both formats.</summary>
public sealed class UnpicklerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("posix", "system")]
    [InlineData("os", "system")]
    [InlineData("nt", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("__builtin__", "getattr")]
    [InlineData("subprocess", "Popen")]
    [InlineData("torch.hub", "load")]
    [InlineData("torch._utils", "_rebuild_tensor_v2.__globals__")]
    [InlineData("torch.nn.modules.rnn", "LSTM")]
    public void What_is_not_known_is_refused_by_name_and_not_run(string module, string name)
    {
        var marker = _folder.File("executed");
        var pickle = new PickleBuilder();
        pickle.Dictionary(("weight", () => pickle.Tensor(ElementType.Float32, [1], new byte[4])),
            ("x", () => pickle.Global(module, name).Op('(').Text($"touch {marker}").Op('t').Op('R')));
        AssertRefused(pickle, $"refused: the checkpoint refers to '{module}.{name}'");
        Assert.False(File.Exists(marker));
    }

    [Theory]
    [InlineData('i')] // INST
    [InlineData('o')] // OBJ
    [InlineData('P')] // PERSID
    [InlineData('\u0082')] // EXT1
    [InlineData('\u0093')] // STACK_GLOBAL
    [InlineData('\u0092')] // NEWOBJ_EX
    public void Other_ways_to_name_a_class_are_refused(char opcode) =>
        AssertRefused(new PickleBuilder().Text("posix").Text("system").Op(opcode), "which checkpoints do not use");

    [Fact]
    public void Another_protocol_is_refused() => AssertRefused(new PickleBuilder().Raw(0x80, 4), "expected a pickle of protocol 2, found 4");

    [Theory]
    [InlineData(1L << 62)]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    public void A_storage_of_impossible_size_is_refused(long count) =>
        AssertRefused(View(count, 0, [1], [1]), $"claims {count} elements");

    [Theory]
    [InlineData(0, new long[] { 1L << 62 }, new long[] { 1 })]
    [InlineData(0, new long[] { 1L << 62, 1L << 62 }, new long[] { 1L << 62, 1 })]
    [InlineData(0, new long[] { 5 }, new long[] { 1 })]
    [InlineData(1, new long[] { 4 }, new long[] { 1 })]
    [InlineData(4, new long[] { 1 }, new long[] { 1 })]
    [InlineData(4, new long[] { }, new long[] { })]
    [InlineData(5, new long[] { 0 }, new long[] { 1 })]
    [InlineData(-1, new long[] { 1 }, new long[] { 1 })]
    [InlineData(long.MaxValue, new long[] { 2 }, new long[] { long.MaxValue })]
    [InlineData(0, new long[] { 2, 2 }, new long[] { 3, 1 })]
    public void A_view_outside_its_storage_is_refused(long offset, long[] shape, long[] strides) =>
        AssertRefused(View(4, offset, shape, strides), "outside its storage '0' of 4 elements");

    [Theory]
    [InlineData(new long[] { -1 }, new long[] { 1 })]
    [InlineData(new long[] { 2 }, new long[] { -1 })]
    public void Negative_sizes_and_strides_are_refused(long[] shape, long[] strides) =>
        AssertRefused(View(4, 0, shape, strides), "not a whole number of at least 0");

    [Fact]
    public void Sizes_without_strides_are_refused() => AssertRefused(View(4, 0, [2, 2], [1]), "2 sizes and 1 strides");

    [Theory]
    [InlineData(1L << 62)]
    [InlineData(1L << 31)]
    public void An_expansion_of_impossible_size_is_refused(long size) =>
        _folder.AssertRefused(Checkpoints.Zip(View(4, 0, [size, 4], [0, 1])), "claims U8");

    [Fact]
    public void Expansions_do_not_take_more_than_64_megabytes_in_total()
    {
        var pickle = new PickleBuilder();
        pickle.Storages.Add(("0", 4, new byte[4]));
        pickle.List([.. Enumerable.Range(0, 20).Select(_ => (Action)(() => pickle.View("0", ElementType.UInt8, 4, 0, [1 << 20, 4], [0, 1])))]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        _folder.AssertRefused(Checkpoints.Zip(pickle), "more memory than its size and 64 MB");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    [Fact]
    public void A_storage_that_is_described_in_two_ways_is_refused()
    {
        var pickle = new PickleBuilder();
        pickle.Storages.Add(("0", 4, new byte[4]));
        pickle.List(() => pickle.View("0", ElementType.UInt8, 4, 0, [4], [1]), () => pickle.View("0", ElementType.Bool, 4, 0, [4], [1]));
        AssertRefused(pickle, "has two different descriptions");
    }

    [Fact]
    public void A_storage_that_is_missing_is_refused()
    {
        var pickle = new PickleBuilder().View("7", ElementType.UInt8, 1, 0, [1], [1]);
        _folder.AssertRefused(Checkpoints.Zip(pickle), "the storage '7' is missing");
        _folder.AssertRefused(Checkpoints.Legacy(pickle), "do not name the same storages");
    }

    [Fact]
    public void A_storage_of_another_length_is_refused()
    {
        var pickle = new PickleBuilder();
        pickle.Storages.Add(("0", 3, new byte[3]));
        pickle.View("0", ElementType.UInt8, 4, 0, [4], [1]);
        _folder.AssertRefused(Checkpoints.Zip(pickle), "expected 4 bytes for the storage '0', found 3");
        _folder.AssertRefused(Checkpoints.Legacy(pickle), "the file ends before the end of the storage '0'");
    }

    [Fact]
    public void Values_shared_over_and_over_are_refused_before_they_multiply()
    {
        // Sixty levels, each a tuple of two times the one below: 2^60 tensors if it were written out.
        var pickle = new PickleBuilder().Tensor(ElementType.UInt8, [1], [1]);
        pickle.Op('q').Raw(255);
        for (var i = 0; i < 60; i++)
            pickle.Op('h').Raw(255).Raw(0x86).Op('q').Raw(255);
        AssertRefused(pickle, "cannot read");
    }

    [Fact]
    public void A_list_that_holds_itself_is_refused() =>
        AssertRefused(new PickleBuilder().Raw((byte)']', (byte)'q', 0, (byte)'h', 0, (byte)'a'), "nested too deeply");

    [Fact]
    public void Deep_nesting_is_refused() =>
        AssertRefused(new PickleBuilder().Raw(Enumerable.Repeat((byte)']', 500).Concat(Enumerable.Repeat((byte)'a', 499)).ToArray()), "nested too deeply");

    [Theory]
    [InlineData(']')] // a list from one byte
    [InlineData('}')] // a dictionary
    [InlineData('(')] // a mark
    [InlineData('N')]
    [InlineData('\u0088')] // a boxed truth value
    [InlineData(')')]
    public void Many_values_do_not_take_more_than_64_megabytes(char opcode)
    {
        var pickle = new PickleBuilder().Raw(Enumerable.Repeat((byte)opcode, 3_000_000).ToArray());
        var file = Checkpoints.Legacy(pickle);
        var before = GC.GetAllocatedBytesForCurrentThread();
        _folder.AssertRefused(file, "cannot read");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, file.Length + (64 << 20));
    }

    [Fact]
    public void Many_entries_do_not_take_more_than_64_megabytes()
    {
        var pickle = new PickleBuilder();
        pickle.Op('}').Op('(');
        for (var i = 0; i < 500_000; i++)
            pickle.Number(i).Op('N');
        var file = Checkpoints.Legacy(pickle.Op('u'));
        var before = GC.GetAllocatedBytesForCurrentThread();
        _folder.AssertRefused(file, "cannot read");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, file.Length + (64 << 20));
    }

    [Fact]
    public void Keys_whose_default_hashes_collide_take_no_longer_than_others()
    {
        // With .NET's own hash of a long, this many take minutes.
        var pickle = new PickleBuilder();
        pickle.Op('}').Op('(').Text("weight").Tensor(ElementType.UInt8, [1], [1]).Op('u');
        for (var i = 0L; i < 150_000; i++)
            pickle.Number(i << 32 | i).Op('N').Op('s');
        using var file = _folder.Open(Checkpoints.Legacy(pickle));
        Assert.Single(file.Tensors);
    }

    [Fact]
    public void One_long_key_used_over_and_over_is_refused() =>
        AssertRefused(new PickleBuilder().Text(new string('a', 100_000)).Raw(Enumerable.Repeat("}h\0Ns"u8.ToArray(), 1000).SelectMany(b => b).ToArray()),
            "more memory than its size and 64 MB");

    [Fact]
    public void One_long_list_of_numbers_used_over_and_over_is_refused()
    {
        var numbers = Enumerable.Repeat((byte)'N', 50_000).ToArray();
        var pickle = new PickleBuilder().Op(']').Memo().Op('(').Raw(numbers).Op('e').Op(']').Op('(');
        for (var i = 0; i < 1000; i++)
            pickle.Op('h').Raw(0);
        AssertRefused(pickle.Op('e').Raw(0x86), "nested too deeply or too often");
    }

    [Fact]
    public void A_long_storage_key_is_refused() =>
        AssertRefused(new PickleBuilder().View(new string('1', 257), ElementType.UInt8, 1, 0, [1], [1]), "has a name of 257 characters");

    [Fact]
    public void A_large_file_does_not_buy_a_large_pickle()
    {
        // 50 dictionaries made of one list of 30,000 pairs: 330 MB as counted, in a file of 1 GB, nearly all of it a hole.
        var pickle = new PickleBuilder().Op(']').Memo();
        for (var i = 0; i < 30_000; i++)
            pickle.Number(i).Op('N').Raw(0x86).Op('a');
        for (var i = 0; i < 50; i++)
            pickle.Global("collections", "OrderedDict").Op('h').Raw(0).Raw(0x85).Op('R');
        var path = _folder.File("sparse.pth", Checkpoints.Legacy(pickle));
        using (var stream = new FileStream(path, FileMode.Open))
            stream.SetLength(1 << 30);
        Assert.Contains("more memory than 256 MB", Assert.Throws<InputException>(() => TensorFile.Open(path)).Message);
    }

    [Theory]
    [InlineData("t")] // a tuple without a mark
    [InlineData("R")]
    [InlineData("Na")]
    [InlineData("NNNu")]
    [InlineData("}(Nu")]
    [InlineData("}NNs")]
    [InlineData("h\u0005")]
    [InlineData("NQ")]
    [InlineData("NN")] // two results
    [InlineData("(N")]
    [InlineData("N}b")]
    [InlineData("NN\u0081")]
    [InlineData("NNR")]
    [InlineData("X\u0004\u0000\u0000\u0000ab")]
    [InlineData("cposix")]
    public void Pickles_that_do_not_add_up_are_refused(string opcodes) =>
        AssertRefused(new PickleBuilder().Raw([.. opcodes.Select(c => (byte)c)]), "cannot read");

    [Fact]
    public void A_checkpoint_without_tensors_is_refused() => AssertRefused(new PickleBuilder().Text("hello"), "holds no tensors");

    [Fact]
    public void The_same_key_twice_is_refused()
    {
        var pickle = new PickleBuilder();
        void Tensor() => pickle.Tensor(ElementType.UInt8, [1], [1]);
        AssertRefused(pickle.Dictionary(("a", Tensor), ("a", Tensor)), "the key 'a' twice");
        pickle = new PickleBuilder();
        AssertRefused(pickle.Dictionary(("a.b", Tensor), ("a", () => pickle.Dictionary(("b", Tensor)))), "two tensors have the name 'a.b'");
    }

    [Fact]
    public void A_module_without_its_classes_tensors_is_refused()
    {
        var pickle = new PickleBuilder();
        pickle.Module("torch.nn.modules.container", "Sequential", () => pickle.OrderedDictionary(
            ("weight", () => pickle.Tensor(ElementType.UInt8, [1], [1]))), null, null);
        AssertRefused(pickle, "does not have exactly the tensors and modules of this class");
    }

    private static PickleBuilder View(long count, long offset, long[] shape, long[] strides)
    {
        var pickle = new PickleBuilder();
        pickle.Storages.Add(("0", 4, new byte[4]));
        return pickle.View("0", ElementType.UInt8, count, offset, shape, strides);
    }

    private void AssertRefused(PickleBuilder pickle, string expected)
    {
        _folder.AssertRefused(Checkpoints.Legacy(pickle), expected);
        _folder.AssertRefused(Checkpoints.Zip(pickle), expected);
    }
}
