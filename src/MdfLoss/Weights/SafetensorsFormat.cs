using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// Reads and writes the safetensors format: the length of the header, the header in JSON, then the bytes of the tensors without gaps.
/// </summary>
/// <remarks>
/// <para>Reading is as strict as the reference implementation (https://github.com/huggingface/safetensors), and also refuses
/// duplicate names and fields that the format does not define.</para>
/// <para>The format has no checksums, so corruption would not be detected. Therefore, our files have two more entries in the metadata. Other programs
/// see them as ordinary text; <see cref="TensorFile.Metadata"/> does not contain them:</para>
/// <list type="bullet">
/// <item><c>mdf.tensor_sha256</c>: the SHA-256 of each tensor's bytes, in the ordinal order of the names, separated by spaces. All are in one entry,
/// because one entry per tensor would repeat every name and make the header twice as long.</item>
/// <item><c>mdf.header_sha256</c>: the SHA-256 of names, types, shapes and metadata, including the other entry.</item>
/// </list>
/// <para>Both are verified when a file is opened. A file in one of our own formats (<see cref="FileKind"/>) must have them; a file of another program need not.
/// A corrupt file of ours is accepted as a file of another program only if its format entry and the names of both checksum entries are corrupt, and the header
/// is still valid JSON.</para>
/// </remarks>
internal static class SafetensorsFormat
{
    /// <summary>The metadata entry that holds the checksum of the header.</summary>
    internal const string ChecksumKey = "mdf.header_sha256";

    /// <summary>The metadata entry that holds the checksums of the tensors' bytes.</summary>
    internal const string TensorChecksumKey = "mdf.tensor_sha256";

    private const int ChecksumLength = 2 * SHA256.HashSizeInBytes; // hexadecimal digits
    private const string MetadataKey = "__metadata__";
    private const int LengthSize = sizeof(ulong);
    private const int MaxHeaderLength = 100_000_000; // the limit of the reference implementation
    private const int HeaderAlignment = 8; // so that the tensors' bytes are aligned in a mapped file
    private const int Depth = 3; // header, entry, shape

    /// <summary>Writes tensors to a file, atomically: a reader never sees an incomplete file. The same tensors and metadata give the same bytes.</summary>
    /// <param name="path">The file. Missing folders are created.</param>
    /// <param name="tensors">The tensors by name; the header keeps their order.</param>
    /// <param name="metadata">The metadata of the file. Default: none.</param>
    /// <exception cref="InputException">A tensor has the reserved name <c>__metadata__</c>, or the path cannot be written.</exception>
    public static void Write(
        string path, IReadOnlyDictionary<string, StoredTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (tensors.ContainsKey(MetadataKey))
            throw new InputException($"cannot write '{path}': a tensor is called {MetadataKey}, which safetensors reserves; rename it");
        // Larger elements first, as in the reference implementation: so every tensor is aligned to its element size.
        var laidOut = tensors.OrderByDescending(entry => entry.Value.Type.Size()).ToArray();
        var header = Header(tensors, laidOut, metadata ?? new Dictionary<string, string>());
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[LengthSize];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (var (_, tensor) in laidOut)
                stream.Write(tensor.Bytes);
        });
    }

    internal static bool Recognises(ReadOnlySpan<byte> start) => start.Length > LengthSize && start[LengthSize] == '{';

    /// <summary>Reads a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="acceptsEarlier">Whether files of our earlier formats may lack checksums of their tensors.</param>
    /// <exception cref="InputException">The file is incomplete or malformed, does not match its checksums, or lacks required checksums.</exception>
    internal static TensorFileContent Read(MappedFile file, bool acceptsEarlier = false)
    {
        if (file.Length < LengthSize)
            throw file.Refuse($"expected a safetensors header, found only {file.Length} bytes");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(file.Span(0, LengthSize));
        if (length > MaxHeaderLength)
            throw file.Refuse($"expected a safetensors header of at most {MaxHeaderLength} bytes, found a claim of {length}");
        if ((long)length > file.Length - LengthSize)
            throw file.Refuse($"the safetensors header of {length} bytes ends outside the file of {file.Length} bytes");
        var header = file.Span(LengthSize, (int)length);
        if (!header.StartsWith((byte)'{'))
            throw file.Refuse("expected a safetensors header that begins with '{'");
        if (!Utf8.IsValid(header))
            throw file.Refuse("the safetensors header is not valid UTF-8");

        try
        {
            var parser = new HeaderParser(file, header);
            parser.Parse();
            parser.VerifyHeader();
            var tensors = parser.Tensors(LengthSize + (long)length);
            parser.VerifyTensors(tensors, acceptsEarlier);
            return new TensorFileContent(tensors, parser.Metadata);
        }
        catch (JsonException e)
        {
            throw file.Refuse($"the safetensors header is not valid JSON at byte {e.BytePositionInLine}", inner: e);
        }
    }

    private static byte[] Header(
        IReadOnlyDictionary<string, StoredTensor> tensors,
        IEnumerable<KeyValuePair<string, StoredTensor>> laidOut,
        IReadOnlyDictionary<string, string> metadata)
    {
        var begins = new Dictionary<string, long>();
        var end = 0L;
        foreach (var (name, tensor) in laidOut)
        {
            begins[name] = end;
            end += tensor.Bytes.Length;
        }

        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteStartObject(MetadataKey);
            var all = new OrderedDictionary<string, string>(metadata) { [TensorChecksumKey] = TensorChecksums(tensors) };
            all.Remove(ChecksumKey);
            foreach (var (key, value) in all)
                json.WriteString(key, value);
            json.WriteString(ChecksumKey, Checksum(tensors.Select(entry => (entry.Key, entry.Value.Type, entry.Value.Shape)), all));
            json.WriteEndObject();
            foreach (var (name, tensor) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", tensor.Type.SafetensorsName());
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape)
                    json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(begins[name]);
                json.WriteNumberValue(begins[name] + tensor.Bytes.Length);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % HeaderAlignment != 0)
            buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private static string TensorChecksums(IReadOnlyDictionary<string, StoredTensor> tensors) => string.Join(' ', tensors
        .OrderBy(entry => entry.Key, StringComparer.Ordinal)
        .Select(entry => Convert.ToHexStringLower(SHA256.HashData(entry.Value.Bytes))));

    /// <summary>
    /// Computes the SHA-256 of the content of a header, not of its text: it stays valid if another program rewrites the file without changes.
    /// </summary>
    private static string Checksum(
        IEnumerable<(string Name, ElementType Type, IReadOnlyList<long> Shape)> tensors,
        IEnumerable<KeyValuePair<string, string>> metadata)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (key, value) in metadata.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            Append(hash, key);
            Append(hash, value);
        }

        foreach (var (name, type, shape) in tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
        {
            Append(hash, name);
            Append(hash, type.SafetensorsName());
            Append(hash, string.Join(',', shape));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());

        // The length is before each text, so two different headers never give the same bytes.
        static void Append(IncrementalHash hash, string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            Span<byte> length = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }
    }

    private readonly record struct Entry(string Name, ElementType Type, long[] Shape, long Begin, long End);

    private ref struct HeaderParser(MappedFile file, ReadOnlySpan<byte> header)
    {
        // A generous bound: a tensor has five texts, and this includes its place in every collection.
        private const int TextCost = 256;

        private readonly List<Entry> _entries = [];
        private readonly HashSet<string> _names = [];
        private readonly Dictionary<string, string> _metadata = [];
        private string? _checksum;
        private string? _tensorChecksums;

        private Utf8JsonReader _json = new(header, new JsonReaderOptions { MaxDepth = Depth });

        public readonly IReadOnlyDictionary<string, string> Metadata => _metadata;

        public void Parse()
        {
            var hasMetadata = false;
            Expect(JsonTokenType.StartObject, "an object");
            while (Next() == JsonTokenType.PropertyName)
            {
                var name = Text();
                if (name != MetadataKey)
                    _entries.Add(ReadEntry(name));
                else if (hasMetadata)
                    throw file.Refuse($"the safetensors header has {MetadataKey} twice");
                else
                    ReadMetadata();
                hasMetadata |= name == MetadataKey;
            }

            // Only white space may follow. Anything else throws a JsonException.
            _json.Read();
        }

        /// <summary>Returns the tensors in the order of the header. Checks that their bytes fill the rest of the file without gaps or overlap.</summary>
        public readonly OrderedDictionary<string, StoredTensor> Tensors(long start)
        {
            var end = 0L;
            foreach (var entry in _entries.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End))
            {
                if (entry.Begin != end)
                {
                    throw file.Refuse($"the bytes of tensor {Untrusted.Quote(entry.Name)} begin at {entry.Begin}, "
                        + $"expected {end}: they overlap or leave a gap");
                }

                end = entry.End;
            }

            if (end != file.Length - start)
                throw file.Refuse($"expected {end} bytes after the safetensors header, found {file.Length - start}");
            var tensors = new OrderedDictionary<string, StoredTensor>(_entries.Count);
            foreach (var entry in _entries)
            {
                var bytes = file.Memory(start + entry.Begin, (int)(entry.End - entry.Begin));
                tensors.Add(entry.Name, new StoredTensor(entry.Type, entry.Shape, bytes));
            }

            return tensors;
        }

        /// <summary>Verifies the checksum of names, types, shapes and metadata.</summary>
        public readonly void VerifyHeader()
        {
            if (_checksum is null)
            {
                if (_tensorChecksums is not null || FileKind.IsOurs(_metadata))
                    throw Damaged($"the safetensors header lacks {ChecksumKey}, its own checksum");
                return;
            }

            IEnumerable<KeyValuePair<string, string>> metadata = _metadata;
            if (_tensorChecksums is not null)
                metadata = metadata.Append(KeyValuePair.Create(TensorChecksumKey, _tensorChecksums));
            if (_checksum != Checksum(_entries.Select(entry => (entry.Name, entry.Type, (IReadOnlyList<long>)entry.Shape)), metadata))
            {
                throw file.Refuse("the safetensors header does not match its checksum",
                    $"the file is corrupt, or a program changed it and kept the entry {ChecksumKey}; download it again, or remove that entry and {TensorChecksumKey}");
            }
        }

        /// <summary>Verifies the checksum of every tensor's bytes.</summary>
        /// <param name="tensors">All tensors.</param>
        /// <param name="acceptsEarlier">Whether files of our earlier formats may lack these checksums.</param>
        public readonly void VerifyTensors(OrderedDictionary<string, StoredTensor> tensors, bool acceptsEarlier)
        {
            if (_tensorChecksums is null)
            {
                if (FileKind.Successor(_metadata) is { } successor)
                {
                    if (acceptsEarlier)
                        return;
                    throw file.Refuse($"it is {successor.Description} in the format '{_metadata[FileKind.Key]}' of an earlier mdf, whose tensors have no checksums",
                        $"convert it to the format '{successor.Format}'").With(Remedy.Convert);
                }

                if (FileKind.IsOurs(_metadata))
                    throw Damaged($"the safetensors header lacks {TensorChecksumKey}, the checksums of its tensors");
                return;
            }

            if (_tensorChecksums.Length != Math.Max(0, tensors.Count * (ChecksumLength + 1) - 1))
                throw Damaged($"expected {tensors.Count} checksums of tensors in {TensorChecksumKey}, found {_tensorChecksums.Length} characters");
            var start = 0;
            foreach (var (name, tensor) in tensors.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            {
                if (!_tensorChecksums.AsSpan(start, ChecksumLength).SequenceEqual(Convert.ToHexStringLower(SHA256.HashData(tensor.Bytes))))
                    throw Damaged($"the bytes of the tensor {Untrusted.Quote(name)} do not match their checksum");
                start += ChecksumLength + 1;
            }
        }

        private readonly InputException Damaged(string found) => file.Refuse(
            found, $"the file is corrupt, or a program changed its weights and kept the entries {ChecksumKey} and {TensorChecksumKey}; use another copy, or remove these entries");

        private void ReadMetadata()
        {
            Expect(JsonTokenType.StartObject, $"an object for {MetadataKey}");
            while (Next() == JsonTokenType.PropertyName)
            {
                var key = Text();
                Expect(JsonTokenType.String, $"text in {MetadataKey}");
                var value = Text();
                if (key switch { ChecksumKey => _checksum is not null, TensorChecksumKey => _tensorChecksums is not null, _ => _metadata.ContainsKey(key) })
                    throw file.Refuse($"the safetensors metadata has {Untrusted.Quote(key)} twice");
                if (key == ChecksumKey)
                    _checksum = value;
                else if (key == TensorChecksumKey)
                    _tensorChecksums = value;
                else
                    _metadata.Add(key, value);
            }
        }

        private Entry ReadEntry(string name)
        {
            var quoted = Untrusted.Quote(name);
            if (!_names.Add(name))
                throw file.Refuse($"the tensor {quoted} occurs twice");
            string? dtype = null;
            long[]? shape = null, offsets = null;
            Expect(JsonTokenType.StartObject, $"an object for tensor {quoted}");
            while (Next() == JsonTokenType.PropertyName)
            {
                var field = Text();
                if (field == "dtype" && dtype is null)
                {
                    Expect(JsonTokenType.String, $"the name of a type for tensor {quoted}");
                    dtype = Text();
                }
                else if (field == "shape" && shape is null)
                {
                    shape = ReadNumbers(quoted);
                }
                else if (field == "data_offsets" && offsets is null)
                {
                    offsets = ReadNumbers(quoted);
                }
                else
                {
                    throw file.Refuse($"expected dtype, shape and data_offsets once each for tensor {quoted}, "
                        + $"found {Untrusted.Quote(field)}");
                }
            }

            if (dtype is null || shape is null || offsets is not [var begin, var end])
                throw file.Refuse($"expected dtype, shape and two data_offsets for tensor {quoted}");
            var type = ElementTypes.FromSafetensorsName(dtype)
                ?? throw file.Refuse($"tensor {quoted} has the type {Untrusted.Quote(dtype)}", "expected one of "
                    + string.Join(", ", Enum.GetValues<ElementType>().Select(known => known.SafetensorsName())));
            if (begin > end || end > file.Length)
                throw file.Refuse($"tensor {quoted} claims bytes {begin} to {end} of a file of {file.Length}");
            if (end - begin > Array.MaxLength)
                throw file.Refuse($"tensor {quoted} takes {end - begin} bytes", $"expected at most {Array.MaxLength} for one tensor");
            if (StoredTensor.ByteLength(type, shape, file.Length) != end - begin)
            {
                throw file.Refuse($"tensor {quoted} is {StoredTensor.Describe(type, shape)}, "
                    + $"which does not take its {end - begin} bytes");
            }

            return new Entry(name, type, shape, begin, end);
        }

        private long[] ReadNumbers(string quoted)
        {
            Expect(JsonTokenType.StartArray, $"whole numbers in a list for tensor {quoted}");
            var numbers = new List<long>();
            while (Next() == JsonTokenType.Number)
            {
                if (!_json.TryGetInt64(out var number) || number < 0)
                    throw file.Refuse($"expected whole numbers from 0 to {long.MaxValue} for tensor {quoted}");
                if (numbers.Count == StoredTensor.MaxDimensions)
                    throw file.Refuse($"expected at most {StoredTensor.MaxDimensions} dimensions for tensor {quoted}");
                numbers.Add(number);
            }

            if (_json.TokenType != JsonTokenType.EndArray)
                throw file.Refuse($"expected only whole numbers in the lists of tensor {quoted}");
            file.Charge(16 * numbers.Capacity);
            return [.. numbers];
        }

        private JsonTokenType Next()
        {
            // A text that ends too early throws a JsonException.
            _json.Read();
            return _json.TokenType;
        }

        private void Expect(JsonTokenType type, string what)
        {
            if (Next() != type)
                throw file.Refuse($"the safetensors header has something else where {what} was expected");
        }

        private readonly string Text()
        {
            file.Charge(TextCost + 2L * _json.ValueSpan.Length);
            try
            {
                return _json.GetString()!;
            }
            catch (InvalidOperationException e)
            {
                // Half of a surrogate pair as an escape sequence: JSON allows it, Unicode does not.
                throw file.Refuse("the safetensors header has text that is not valid Unicode", inner: e);
            }
        }
    }
}
