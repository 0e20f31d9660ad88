using System.Buffers.Binary;
using System.Runtime.InteropServices;
using CsCheck;
using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class LibstdcxxMarkerTests
{
    /// <summary>Weakens a copy; whatever happens, no more than the one allowed byte may differ from the original.</summary>
    /// <returns>The version's name and the place of the changed byte; nulls when nothing was changed.</returns>
    private static (string? Version, int? Changed) Weaken(byte[] original)
    {
        var elf = original.ToArray();
        string? version = null;
        try
        {
            version = LibstdcxxMarker.Weaken(elf);
        }
        finally
        {
            Assert.Equal(version is null ? 0 : 1, Changes().Count());
        }

        return (version, version is null ? null : Changes().Single());

        IEnumerable<int> Changes() => Enumerable.Range(0, elf.Length).Where(i => elf[i] != original[i]);
    }

    /// <summary>Damage may be noticed or not matter; anything else, such as another exception, fails the test.</summary>
    private static void WeakenDamaged(byte[] elf)
    {
        try
        {
            Weaken(elf);
        }
        catch (InvalidDataException)
        {
        }
    }

    private static void AssertUnchanged(ElfBuilder library) => Assert.Equal((null, null), Weaken(library.Build()));

    [Fact]
    public void The_markers_version_is_made_optional_and_nothing_else_changes()
    {
        var elf = new ElfBuilder().Build();
        var (version, changed) = Weaken(elf);
        Assert.Equal("GLIBCXX_3.4.32", version);
        // The flags are two bytes before the index, which is 3 in this one entry only.
        Assert.Equal(3, BinaryPrimitives.ReadUInt16LittleEndian(elf.AsSpan(changed!.Value + 2)));
        LibstdcxxMarker.Weaken(elf);
        Assert.Equal(2, elf[changed.Value]); // VER_FLG_WEAK
    }

    [Fact]
    public void The_hidden_bit_of_a_symbols_version_does_not_matter() => Assert.Equal(
        "GLIBCXX_3.4.32", Weaken(new ElfBuilder { Symbols = [new(ElfBuilder.Marker, 0x8003)], Relocated = [] }.Build()).Version);

    [Fact]
    public void A_need_that_is_weak_already_stays_as_it_is()
    {
        var elf = new ElfBuilder().Build();
        LibstdcxxMarker.Weaken(elf);
        Assert.Equal((null, null), Weaken(elf));
    }

    [Fact]
    public void A_library_without_the_marker_stays_as_it_is() =>
        AssertUnchanged(new ElfBuilder { Symbols = [new("_ZNSolsEi", 3), new(ElfBuilder.Marker + "x", 3)], Relocated = [] });

    [Theory]
    [InlineData(3)]
    [InlineData(0x8003)]
    public void A_version_that_another_symbol_needs_too_stays_as_it_is(ushort version)
    {
        AssertUnchanged(new ElfBuilder { Symbols = [new(ElfBuilder.Marker, 3), new("other", version)] });
        AssertUnchanged(new ElfBuilder { Symbols = [new("other", version), new(ElfBuilder.Marker, 3)], Relocated = [] });
    }

    [Fact]
    public void A_marker_that_the_library_uses_stays_as_it_is() => AssertUnchanged(new ElfBuilder { Relocated = [1, 2] });

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(9)]
    public void A_marker_without_a_needed_version_stays_as_it_is(ushort version) =>
        AssertUnchanged(new ElfBuilder { Symbols = [new(ElfBuilder.Marker, version)], Relocated = [] });

    [Fact]
    public void A_library_without_versions_stays_as_it_is()
    {
        var elf = new ElfBuilder().Build();
        BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(0x3c), 3); // as if the first three sections were all
        Assert.Equal((null, null), Weaken(elf));
    }

    [Fact]
    public void A_library_cut_off_at_any_length_is_refused()
    {
        var elf = new ElfBuilder().Build();
        for (var length = 0; length < elf.Length; length++)
            Assert.Throws<InvalidDataException>(() => Weaken(elf[..length]));
    }

    [Fact]
    public void Any_single_byte_may_be_wrong()
    {
        var elf = new ElfBuilder().Build();
        byte[] values = [0, 1, 2, 3, 4, 11, 0x7f, 0x80, 0xfe, 0xff];
        for (var i = 0; i < elf.Length; i++)
        {
            var right = elf[i];
            foreach (var wrong in values.Concat(Enumerable.Range(0, 8).Select(bit => (byte)(right ^ 1 << bit))))
            {
                elf[i] = wrong;
                WeakenDamaged(elf);
            }

            elf[i] = right;
        }
    }

    [Fact]
    public void Any_several_fields_may_be_wrong()
    {
        var elf = new ElfBuilder().Build();
        uint[] edges = [0, 1, 16, 0x7fffffff, 0x80000000, 0xfffffff0, uint.MaxValue];
        var field = Gen.Select(
            Gen.Int[0, elf.Length - 4],
            Gen.Select(Gen.UInt, Gen.Int[0, 2 * edges.Length - 1], (any, i) => i < edges.Length ? edges[i] : any));

        field.Array[1, 6].Sample(fields =>
        {
            var damaged = elf.ToArray();
            foreach (var (at, value) in fields)
                BinaryPrimitives.WriteUInt32LittleEndian(damaged.AsSpan(at), value);
            WeakenDamaged(damaged);
        }, iter: 5000);
    }

    [Fact]
    public void Anything_else_than_a_64_bit_little_endian_elf_is_refused()
    {
        var elf = new ElfBuilder().Build();
        elf[4] = 1; // 32 bit
        Assert.Throws<InvalidDataException>(() => Weaken(elf));
        (elf[4], elf[5]) = (2, 2); // big-endian
        Assert.Throws<InvalidDataException>(() => Weaken(elf));
        Gen.Byte.Array[0, 300].Sample(bytes => Assert.Throws<InvalidDataException>(() => Weaken(bytes)), iter: 200);
    }

    [Fact]
    public void Needs_that_share_their_versions_are_not_walked_once_each()
    {
        // 30,000 entries that all point to one chain of 30,000 versions: a file of a megabyte, 900 million steps.
        const int count = 30_000;
        var bytes = new byte[2 * count * 16];
        for (var i = 0; i < count; i++)
        {
            var need = bytes.AsSpan(16 * i);
            BinaryPrimitives.WriteUInt16LittleEndian(need[2..], ushort.MaxValue);
            BinaryPrimitives.WriteUInt32LittleEndian(need[8..], (uint)(16 * (count - i)));
            BinaryPrimitives.WriteUInt32LittleEndian(need[12..], 16);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(16 * (count + i) + 12), i == count - 1 ? 0u : 16);
        }

        var error = Assert.Throws<InvalidDataException>(
            () => LibstdcxxMarker.Weaken(new ElfBuilder { RawNeeds = (bytes, uint.MaxValue) }.Build()));
        Assert.Equal("version entries overlap", error.Message);
    }

    [Fact]
    public void An_entry_that_points_to_itself_ends_the_walk()
    {
        // A link of 0 is the end by definition; the count claims four thousand million more.
        var bytes = new byte[32];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2), ushort.MaxValue);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), 16);
        AssertUnchanged(new ElfBuilder { RawNeeds = (bytes, uint.MaxValue) });
    }

    [Fact]
    public void Links_that_would_wrap_around_are_refused()
    {
        var bytes = new byte[32];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), 0xfffffff0); // -16 in 32 bits
        Assert.Throws<InvalidDataException>(() => Weaken(new ElfBuilder { RawNeeds = (bytes, 2) }.Build()));
    }

    [Fact]
    public void The_library_that_torchsharp_brings_has_the_false_need()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only Linux's library has one");
        var path = Path.Combine(AppContext.BaseDirectory, "runtimes",
            $"linux-{RuntimeInformation.ProcessArchitecture}".ToLowerInvariant(), "native", "libLibTorchSharp.so");
        // As readelf --version-info shows it.
        Assert.Equal("GLIBCXX_3.4.32", Weaken(File.ReadAllBytes(path)).Version);
    }
}
