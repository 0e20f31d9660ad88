using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

/// <summary>Small files of weights, made in memory and independently of the library's own writers.</summary>
internal static class Checkpoints
{
    /// <summary>The format before PyTorch 1.6 around a pickle.</summary>
    public static byte[] Legacy(PickleBuilder value)
    {
        var pickle = value.End();
        var file = new List<byte>();
        file.AddRange([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.']);
        file.AddRange(new PickleBuilder().Number(1001).End());
        var system = new PickleBuilder();
        file.AddRange(system.Dictionary(
            ("protocol_version", () => system.Number(1001)),
            ("little_endian", () => system.Raw(0x88)),
            ("type_sizes", () => system.Dictionary(
                ("short", () => system.Number(2)), ("int", () => system.Number(4)), ("long", () => system.Number(4))))).End());
        file.AddRange(pickle);
        var keys = new PickleBuilder();
        file.AddRange(keys.List([.. value.Storages.Select(storage => (Action)(() => keys.Text(storage.Key)))]).End());
        var length = new byte[8];
        foreach (var (_, count, bytes) in value.Storages)
        {
            BinaryPrimitives.WriteInt64LittleEndian(length, count);
            file.AddRange(length);
            file.AddRange(bytes);
        }

        return [.. file];
    }

    /// <summary>The zip format around a pickle, as .NET's zip writer makes it.</summary>
    public static byte[] Zip(PickleBuilder value, CompressionLevel level = CompressionLevel.NoCompression, string byteOrder = "little")
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create))
        {
            Add("data.pkl", value.End());
            Add("byteorder", Encoding.ASCII.GetBytes(byteOrder));
            foreach (var (key, _, bytes) in value.Storages)
                Add($"data/{key}", bytes);
            Add("version", "3\n"u8.ToArray());

            void Add(string name, byte[] content)
            {
                using var entry = zip.CreateEntry($"archive/{name}", level).Open();
                entry.Write(content);
            }
        }

        return stream.ToArray();
    }

    /// <summary>The zip format with all lengths and offsets in 64 bits, as a file of more than 4 GiB has them (APPNOTE.TXT 4.3.14, 4.5.3).</summary>
    public static byte[] Zip64(PickleBuilder value)
    {
        const ushort version = 45;
        var (content, directory) = (new MemoryStream(), new MemoryStream());
        using var file = new BinaryWriter(content);
        using var central = new BinaryWriter(directory);
        (string, byte[])[] entries =
            [("data.pkl", value.End()), .. value.Storages.Select(storage => ($"data/{storage.Key}", storage.Bytes)), ("version", "3\n"u8.ToArray())];
        foreach (var (name, bytes) in entries)
        {
            var path = Encoding.ASCII.GetBytes($"archive/{name}");
            var offset = content.Position;
            file.Write(0x04034b50);
            central.Write(0x02014b50);
            central.Write(version);
            foreach (var (header, fields) in new[] { (file, 2), (central, 3) })
            {
                header.Write(version);
                header.Write(0); // flags, stored
                header.Write(0); // time
                header.Write(Crc32.Compute(bytes));
                header.Write(-1);
                header.Write(-1);
                header.Write((ushort)path.Length);
                header.Write((ushort)(4 + 8 * fields));
            }

            central.Write(new byte[10]); // comment, part, attributes
            central.Write(-1);
            foreach (var (header, fields) in new[] { (file, 2), (central, 3) })
            {
                header.Write(path);
                header.Write((ushort)1);
                header.Write((ushort)(8 * fields));
                header.Write((long)bytes.Length);
                header.Write((long)bytes.Length);
            }

            central.Write(offset);
            file.Write(bytes);
        }

        var start = content.Position;
        file.Write(directory.ToArray());
        var end = content.Position;
        file.Write(0x06064b50);
        file.Write(44L); // the length of what follows in this record
        file.Write(version);
        file.Write(version);
        file.Write(0L); // parts
        file.Write((long)entries.Length);
        file.Write((long)entries.Length);
        file.Write(directory.Length);
        file.Write(start);
        file.Write(0x07064b50);
        file.Write(0);
        file.Write(end);
        file.Write(1);
        file.Write(0x06054b50);
        file.Write(0);
        foreach (var _ in new[] { "entries here", "entries in all", "length", "length", "offset", "offset" })
            file.Write(ushort.MaxValue);
        file.Write((ushort)0);
        return content.ToArray();
    }

    /// <summary>A safetensors file with any header and content.</summary>
    public static byte[] Safetensors(string header, int contentLength, long? claimedLength = null)
    {
        var bytes = Encoding.UTF8.GetBytes(header);
        var file = new byte[8 + bytes.Length + contentLength];
        BinaryPrimitives.WriteInt64LittleEndian(file, claimedLength ?? bytes.Length);
        bytes.CopyTo(file, 8);
        return file;
    }

    /// <summary>Bytes that differ from tensor to tensor; as little-endian numbers of any floating-point type they are finite.</summary>
    public static byte[] Content(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        for (var i = 1; i < length; i += 2)
            bytes[i] &= 0b1011_1111; // the exponent's highest bit
        return bytes;
    }

    /// <summary>A list of whole discriminators, as the authors saved theirs.</summary>
    public static PickleBuilder Discriminators(int count, int width)
    {
        var pickle = new PickleBuilder();
        var seed = 0;
        return pickle.List([.. Enumerable.Range(0, count).Select(_ => (Action)Discriminator)]);

        void Discriminator() => pickle.Module("SinGAN.models", "WDiscriminator", null, null, () => pickle.OrderedDictionary(
            ("head", () => Block(3)),
            ("body", () => pickle.Module("torch.nn.modules.container", "Sequential", null, null, () => pickle.OrderedDictionary(
                ("block1", () => Block(width)), ("block2", () => Block(width)), ("block3", () => Block(width))))),
            ("tail", () => Convolution(width, 1))), ("is_cuda", () => pickle.Raw(0x88)));

        void Block(int inputs) => pickle.Module("SinGAN.models", "ConvBlock", null, null, () => pickle.OrderedDictionary(
            ("conv", () => Convolution(inputs, width)),
            ("norm", Norm),
            ("LeakyRelu", () => pickle.Module("torch.nn.modules.activation", "LeakyReLU", null, null, null,
                ("negative_slope", () => pickle.Raw((byte)'G', 0x3f, 0xc9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a)),
                ("inplace", () => pickle.Raw(0x88))))));

        void Convolution(int inputs, int outputs) => pickle.Module("torch.nn.modules.conv", "Conv2d",
            () => pickle.OrderedDictionary(
                ("weight", () => pickle.Parameter(ElementType.Float32, [outputs, inputs, 3, 3], Content(outputs * inputs * 36, seed++))),
                ("bias", () => pickle.Parameter(ElementType.Float32, [outputs], Content(outputs * 4, seed++)))),
            null, null,
            ("in_channels", () => pickle.Number(inputs)),
            ("out_channels", () => pickle.Number(outputs)),
            ("kernel_size", () => pickle.Number(3).Number(3).Raw(0x86)),
            ("groups", () => pickle.Number(1)),
            ("padding_mode", () => pickle.Text("zeros")));

        void Norm() => pickle.Module("torch.nn.modules.batchnorm", "BatchNorm2d",
            () => pickle.OrderedDictionary(
                ("weight", () => pickle.Parameter(ElementType.Float32, [width], Content(width * 4, seed++))),
                ("bias", () => pickle.Parameter(ElementType.Float32, [width], Content(width * 4, seed++)))),
            () => pickle.OrderedDictionary(
                ("running_mean", () => pickle.Tensor(ElementType.Float32, [width], Content(width * 4, seed++))),
                ("running_var", () => pickle.Tensor(ElementType.Float32, [width], Content(width * 4, seed++))),
                ("num_batches_tracked", () => pickle.Tensor(ElementType.Int64, [], Content(8, seed++)))),
            null,
            ("num_features", () => pickle.Number(width)),
            ("affine", () => pickle.Raw(0x88)));
    }

    /// <summary>The state dictionary of a small network; with PyTorch's list of its modules or without.</summary>
    public static PickleBuilder StateDictionary(bool listsModules)
    {
        var pickle = new PickleBuilder();
        pickle.OrderedDictionary(
            ("head.0.weight", () => pickle.Tensor(ElementType.Float32, [4, 3, 3, 3], Content(432, 1))),
            ("head.0.bias", () => pickle.Tensor(ElementType.Float32, [4], Content(16, 2))),
            ("body.norm.running_mean", () => pickle.Tensor(ElementType.Float32, [4], Content(16, 3))),
            ("body.norm.num_batches_tracked", () => pickle.Tensor(ElementType.Int64, [], Content(8, 4))),
            ("tail.weight", () => pickle.Tensor(ElementType.Float16, [1, 4, 3, 3], Content(72, 5))));
        if (!listsModules)
            return pickle;
        Action version = () => pickle.Dictionary(("version", () => pickle.Number(1)));
        return pickle.Dictionary(("_metadata", () => pickle.OrderedDictionary(
            ("", version), ("head", version), ("head.0", version), ("body", version), ("body.norm", version), ("tail", version)))).Op('b');
    }

    /// <summary>The tensors of <see cref="StateDictionary"/>, for the library's own writers.</summary>
    public static Dictionary<string, StoredTensor> Tensors() => new()
    {
        ["head.0.weight"] = new StoredTensor(ElementType.Float32, [4, 3, 3, 3], Content(432, 1)),
        ["head.0.bias"] = new StoredTensor(ElementType.Float32, [4], Content(16, 2)),
        ["body.norm.running_mean"] = new StoredTensor(ElementType.Float32, [4], Content(16, 3)),
        ["body.norm.num_batches_tracked"] = new StoredTensor(ElementType.Int64, [], Content(8, 4)),
        ["tail.weight"] = new StoredTensor(ElementType.Float16, [1, 4, 3, 3], Content(72, 5)),
    };
}
