using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

/// <summary>
/// Randomly damaged files: each is refused in one line, or is read with the names, shapes and types that it had, and reading
/// never takes more memory than the file's size and 64 MB.
/// </summary>
/// <remarks>
/// Whether damage can be seen depends on what a format says twice. Zip files have checksums, of the tensors too; our safetensors files
/// carry one of their header; in the older PyTorch format whole modules repeat every name and shape. Elsewhere a changed letter of a
/// name is just another name, for any reader, and in the older PyTorch format a smaller shape is a saved slice. There the tests hold
/// everything else to be unchanged, report how many files were of that kind, and bound them: of 1,000 copies 13 of a safetensors file
/// without checksum, 4 of a plain dictionary, 2 of a state dictionary and 1 of LPIPS have another name, and none another shape.
/// </remarks>
public sealed class DamageTests(ITestOutputHelper output) : IDisposable
{
    private const int Copies = 1000;
    private const long Allowance = 64L << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Damaged_zip_checkpoints_are_refused_or_read_unchanged() =>
        AssertNothingElseIsRead(Checkpoints.Zip(Checkpoints.StateDictionary(listsModules: false)), hasChecksums: true);

    [Fact]
    public void Damaged_zip_checkpoints_of_ours_are_refused_or_read_unchanged()
    {
        PyTorchFormat.Write(_folder.File("whole.pt"), Checkpoints.Tensors());
        AssertNothingElseIsRead(File.ReadAllBytes(_folder.File("whole.pt")), hasChecksums: true);
    }

    [Fact]
    public void Damaged_safetensors_files_of_ours_are_refused_or_read_unchanged()
    {
        SafetensorsFormat.Write(_folder.File("whole"), Checkpoints.Tensors(), new Dictionary<string, string> { ["input_range"] = "-1,1" });
        AssertNothingElseIsRead(File.ReadAllBytes(_folder.File("whole")));
    }

    [Fact]
    public void Damaged_older_checkpoints_of_whole_modules_are_refused_or_read_unchanged() =>
        AssertNothingElseIsRead(Checkpoints.Legacy(Checkpoints.Discriminators(2, width: 2)));

    [Fact]
    public void Damaged_older_state_dictionaries_are_refused_or_read_with_at_most_another_name_or_a_slice() =>
        AssertLittleElseIsRead(Checkpoints.Legacy(Checkpoints.StateDictionary(listsModules: true)), mostReshaped: Copies / 20);

    [Fact]
    public void Damaged_older_plain_dictionaries_are_refused_or_read_with_at_most_another_name_or_a_slice() =>
        AssertLittleElseIsRead(Checkpoints.Legacy(Checkpoints.StateDictionary(listsModules: false)), mostReshaped: Copies / 20);

    [Fact]
    public void Damaged_safetensors_files_without_checksum_are_refused_or_read_with_at_most_another_name() =>
        AssertLittleElseIsRead(Checkpoints.Safetensors(
            """{"head.weight":{"dtype":"F32","shape":[4,3,3,3],"data_offsets":[0,432]},"head.bias":{"dtype":"F32","shape":[4],"data_offsets":[432,448]},"tail.weight":{"dtype":"F16","shape":[1,4,3,3],"data_offsets":[448,520]}}""", 520), mostReshaped: 0);

    [Fact]
    public void The_authors_stack_with_its_pickle_damaged_is_refused_or_read_unchanged()
    {
        var whole = File.ReadAllBytes(Shared.Path("reference", "upstream", "Ds_SISR.pth"));
        const int structure = 76_357; // up to the first storage
        AssertNothingElseIsRead(whole, range: structure, copies: 100);
    }

    [Fact]
    public void Damaged_linear_layers_of_LPIPS_are_refused_or_read_with_at_most_another_name_or_a_slice() =>
        AssertLittleElseIsRead(File.ReadAllBytes(Shared.Path("reference", "upstream", "lpips_v0.1", "alex.pth")), mostReshaped: Copies / 20);

    private void AssertNothingElseIsRead(byte[] whole, bool hasChecksums = false, int? range = null, int copies = Copies)
    {
        var (_, renamed, reshaped, _) = ReadDamaged(whole, hasChecksums, range ?? whole.Length, copies);
        Assert.Equal((0, 0), (renamed, reshaped));
    }

    private void AssertLittleElseIsRead(byte[] whole, int mostReshaped)
    {
        var (refused, renamed, reshaped, unchanged) = ReadDamaged(whole, hasChecksums: false, whole.Length, Copies);
        output.WriteLine($"{Copies} damaged copies: {refused} refused, {unchanged} read unchanged, {renamed} read with another name and "
            + $"{reshaped} with another shape, which the format cannot show");
        // A twentieth would mean that the readers' other checks are gone; the seed is fixed, so this cannot flicker.
        Assert.InRange(renamed, 0, Copies / 20);
        Assert.InRange(reshaped, 0, mostReshaped);
    }

    private (int Refused, int Renamed, int Reshaped, int Unchanged) ReadDamaged(byte[] whole, bool hasChecksums, int range, int copies)
    {
        using var original = _folder.Open(whole);
        var expected = original.Tensors;
        var (refused, renamed, reshaped, unchanged) = (0, 0, 0, 0);
        for (var seed = 0; seed < copies; seed++)
        {
            var path = _folder.File("damaged.safetensors", Damage.Apply(whole, range, seed));
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using var file = TensorFile.Open(path);
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, new FileInfo(path).Length + Allowance);
                foreach (var tensor in file.Tensors.Values)
                    Assert.Equal(tensor.Count * tensor.Type.Size(), tensor.Bytes.ToArray().Length);
                if (hasChecksums)
                    TensorFileTests.AssertSame(expected, file.Tensors);
                Assert.Equal(expected.Values.Select(tensor => tensor.Type), file.Tensors.Values.Select(tensor => tensor.Type));
                if (!expected.Values.Select(tensor => tensor.ToString()).SequenceEqual(file.Tensors.Values.Select(tensor => tensor.ToString())))
                    reshaped++;
                else if (!expected.Keys.SequenceEqual(file.Tensors.Keys))
                    renamed++;
                else
                    unchanged++;
            }
            catch (InputException e)
            {
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, new FileInfo(path).Length + Allowance);
                TemporaryFolder.AssertOneLine(e, path);
                refused++;
            }
        }

        Assert.Equal(copies, refused + renamed + reshaped + unchanged);
        Assert.True(refused > 0);
        return (refused, renamed, reshaped, unchanged);
    }
}
