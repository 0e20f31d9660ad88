using System.Security.Cryptography;
using System.Text;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

/// <summary>Downloads from a server on loopback: whole, truncated, changed, slow and missing files, and a web page instead of one.</summary>
public sealed class PretrainedDownloadTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly PretrainedStore _store;
    private readonly byte[] _file;
    private readonly string _digits;

    public PretrainedDownloadTests()
    {
        var bytes = new byte[4 * 60_000];
        PyTorchFormat.Write(_folder.File("weights.pth"), new Dictionary<string, StoredTensor> { ["w"] = new(ElementType.Float32, [60_000], bytes) });
        _file = File.ReadAllBytes(_folder.File("weights.pth"));
        _digits = Convert.ToHexStringLower(SHA256.HashData(_file))[..8];
        _store = new PretrainedStore(_folder.File("store"));
    }

    public void Dispose() => _folder.Dispose();

    private string Target => Path.Combine(_store.Folder, $"tiny-{_digits}.pth");

    private string Partial => $"{Target}.part";

    [Fact]
    public async Task A_file_is_downloaded_once_and_verified()
    {
        using var server = new LoopbackServer(LoopbackServer.Whole(_file, piece: 10_000));
        var reports = new List<ProgressUpdate>();
        Assert.True(await Fetch(server, progress: new Reports(reports)));
        Assert.Equal(_file, File.ReadAllBytes(Target));
        Assert.Equal([Path.GetFileName(Target)], Directory.GetFiles(_store.Folder).Select(Path.GetFileName));
        Assert.Equal((0, 1, 1), (reports[0].Step, reports[^1].Step, reports[^1].Total));
        Assert.False(await Fetch(server));
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_truncated_download_is_kept_and_resumed()
    {
        var isTruncated = true;
        var whole = LoopbackServer.Whole(_file);
        using var server = new LoopbackServer(start => isTruncated ? new("200 OK", _file[..100_000]) { DeclaredLength = _file.Length } : whole(start));
        var error = await Assert.ThrowsAsync<IOException>(() => Fetch(server));
        Assert.Equal($"the connection to 127.0.0.1 ended after 100000 bytes of {_file.Length}: repeat it, and the download resumes there", error.Message);
        Assert.Equal(_file[..100_000], File.ReadAllBytes(Partial));
        Assert.False(File.Exists(Target));
        isTruncated = false;
        Assert.True(await Fetch(server));
        Assert.Equal([null, 100_000], server.Requests);
        Assert.Equal(_file, File.ReadAllBytes(Target));
        Assert.False(File.Exists(Partial));
    }

    [Fact]
    public async Task A_server_that_cannot_resume_sends_the_whole_file_again()
    {
        using var server = new LoopbackServer(_ => new("200 OK", _file));
        Directory.CreateDirectory(_store.Folder);
        File.WriteAllBytes(Partial, _file[..5_000]);
        Assert.True(await Fetch(server));
        Assert.Equal(_file, File.ReadAllBytes(Target));
    }

    [Fact]
    public async Task A_part_that_is_too_long_is_thrown_away()
    {
        using var server = new LoopbackServer(LoopbackServer.Whole(_file));
        Directory.CreateDirectory(_store.Folder);
        File.WriteAllBytes(Partial, new byte[_file.Length + 5]);
        Assert.True(await Fetch(server));
        Assert.Equal([_file.Length + 5, null], server.Requests);
        Assert.Equal(_file, File.ReadAllBytes(Target));
    }

    [Fact]
    public async Task A_part_of_another_file_is_refused_and_thrown_away()
    {
        using var server = new LoopbackServer(LoopbackServer.Whole(_file));
        Directory.CreateDirectory(_store.Folder);
        File.WriteAllBytes(Partial, new byte[5_000]);
        await Assert.ThrowsAsync<InputException>(() => Fetch(server));
        Assert.Empty(Directory.GetFiles(_store.Folder));
        Assert.True(await Fetch(server));
    }

    [Fact]
    public async Task A_changed_file_is_refused()
    {
        var changed = _file.ToArray();
        changed[^1_000] ^= 1; // in the directory of the zip file, or in a number: the hash sees both
        using var server = new LoopbackServer(LoopbackServer.Whole(changed));
        Assert.Contains($"{server.Address} did not send the published weights 'tiny': ", (await Assert.ThrowsAsync<InputException>(() => Fetch(server))).Message);
        PyTorchFormat.Write(_folder.File("other.pth"), new Dictionary<string, StoredTensor> { ["w"] = new(ElementType.Float32, [60_000], Enumerable.Repeat((byte)1, 240_000).ToArray()) });
        using var other = new LoopbackServer(LoopbackServer.Whole(File.ReadAllBytes(_folder.File("other.pth"))));
        Assert.Contains($"expected a file whose SHA-256 begins with {_digits}, found ", (await Assert.ThrowsAsync<InputException>(() => Fetch(other))).Message);
        Assert.Empty(Directory.GetFiles(_store.Folder));
    }

    [Fact]
    public async Task A_file_of_other_tensors_is_refused_even_if_its_hash_is_right()
    {
        using var server = new LoopbackServer(LoopbackServer.Whole(_file));
        var error = await Assert.ThrowsAsync<InputException>(() => Fetch(server, shape: [60, 1000]));
        Assert.Contains("expected 'w' of F32 [60, 1000], found F32 [60000]", error.Message);
        Assert.Empty(Directory.GetFiles(_store.Folder));
    }

    [Fact]
    public async Task A_server_that_sends_small_pieces_is_waited_for()
    {
        using var server = new LoopbackServer(LoopbackServer.Whole(_file, piece: 997));
        Assert.True(await Fetch(server));
    }

    [Fact]
    public async Task A_server_that_stops_is_left_and_the_part_is_kept()
    {
        using var server = new LoopbackServer(_ => new("200 OK", _file[..70_000]) { DeclaredLength = _file.Length, Stalls = true });
        var error = await Assert.ThrowsAsync<IOException>(() => Fetch(server, patience: TimeSpan.FromMilliseconds(300)));
        Assert.Equal("127.0.0.1 sent nothing for 0.3 seconds: repeat it, and the download resumes where it stopped", error.Message);
        Assert.Equal(70_000, new FileInfo(Partial).Length);
    }

    [Fact]
    public async Task An_interrupted_download_is_cancelled()
    {
        using var server = new LoopbackServer(_ => new("200 OK", _file[..70_000]) { DeclaredLength = _file.Length, Stalls = true });
        using var source = new CancellationTokenSource();
        var work = new PretrainedDownload(_store).FetchAsync(Tiny(server), null, source.Token);
        Patience.Until(() => File.Exists(Partial), "the download has begun");
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => work);
    }

    [Theory]
    [InlineData("404 Not Found", "the server answered 404 Not Found")]
    [InlineData("500 Internal Server Error", "the server answered 500 Internal Server Error")]
    public async Task A_missing_file_is_said(string status, string expected)
    {
        using var server = new LoopbackServer(_ => new(status, "gone"u8.ToArray()));
        Assert.Contains(expected, (await Assert.ThrowsAsync<IOException>(() => Fetch(server))).Message);
        Assert.Empty(Directory.GetFiles(_store.Folder));
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_said()
    {
        var server = new LoopbackServer(LoopbackServer.Whole(_file));
        server.Dispose();
        var error = await Assert.ThrowsAsync<IOException>(() => Fetch(server));
        Assert.Contains($"cannot download {server.Address}: ", error.Message);
        Assert.Contains("HTTPS_PROXY", error.Message);
    }

    [Fact]
    public async Task A_web_page_instead_of_the_weights_is_refused()
    {
        var page = Encoding.ASCII.GetBytes("<!DOCTYPE html><title>Log in</title>");
        using var server = new LoopbackServer(_ => new("200 OK", page) { Headers = ["Content-Type: text/html; charset=utf-8"] });
        Assert.Contains("sent a web page, not the weights 'tiny'", (await Assert.ThrowsAsync<InputException>(() => Fetch(server))).Message);
        using var silent = new LoopbackServer(_ => new("200 OK", page));
        Assert.Contains("found text; if you downloaded it, it is probably an error page", (await Assert.ThrowsAsync<InputException>(() => Fetch(silent))).Message);
        Assert.Empty(Directory.GetFiles(_store.Folder));
    }

    [Fact]
    public async Task A_file_without_end_is_refused()
    {
        using var declared = new LoopbackServer(_ => new("200 OK", _file) { DeclaredLength = 1L << 40 });
        Assert.Contains("sends more than the 1000000 bytes", (await Assert.ThrowsAsync<InputException>(() => Fetch(declared))).Message);
        using var undeclared = new LoopbackServer(_ => new("200 OK", new byte[2_000_000]) { Headers = ["Transfer-Encoding: identity"] });
        Assert.Contains("sends more than the 1000000 bytes", (await Assert.ThrowsAsync<InputException>(() => Fetch(undeclared))).Message);
    }

    private Task<bool> Fetch(LoopbackServer server, long[]? shape = null, TimeSpan? patience = null, IProgress<ProgressUpdate>? progress = null) =>
        new PretrainedDownload(_store, patience).FetchAsync(Tiny(server, shape), progress, TestContext.Current.CancellationToken);

    private PretrainedFile Tiny(LoopbackServer server, long[]? shape = null) => new("tiny", "a test", [new("w", shape ?? [60_000])])
    {
        FileName = Path.GetFileName(Target),
        Digits = _digits,
        Address = server.Address,
        MostBytes = 1_000_000,
    };

    private sealed class Reports(List<ProgressUpdate> list) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value) => list.Add(value);
    }
}
