using System.Net;
using System.Net.Http.Headers;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Downloads published files into a store.</summary>
/// <param name="store">The store.</param>
/// <param name="patience">The longest time without a byte. Default: a minute.</param>
/// <remarks>
/// The proxy is that of the system, or of the variables <c>HTTPS_PROXY</c> and <c>HTTP_PROXY</c>. An incomplete download has the extension <c>.part</c>, and the next download
/// asks for the rest. A file gets its name only after its hash and its tensors are verified, so nothing from a server is trusted.
/// </remarks>
internal sealed class PretrainedDownload(PretrainedStore store, TimeSpan? patience = null)
{
    private const int BlockSize = 1 << 16;
    private const double Megabyte = 1 << 20;

    private readonly TimeSpan _patience = patience ?? TimeSpan.FromMinutes(1);

    /// <summary>Downloads a file, if the published one is not there.</summary>
    /// <param name="file">The file.</param>
    /// <param name="progress">Takes the reports, in megabytes. Null: nothing is reported.</param>
    /// <param name="cancellationToken">Stops the download; what came so far stays.</param>
    /// <returns>Whether it was downloaded.</returns>
    /// <exception cref="InputException">It has no address, or the server sent another file.</exception>
    /// <exception cref="IOException">The server cannot be reached, has no such file, or the connection ended.</exception>
    public async Task<bool> FetchAsync(PretrainedFile file, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        if (file.Address is not { } address)
            throw new InputException($"the weights '{file.Name}' cannot be downloaded: they are {file.Source}; get the file and add it").With(Remedy.AddWeights, file.Name);
        if (store.HasPublished(file))
            return false;
        var partial = AtomicFile.Prepare(Path.Combine(store.Folder, $"{file.FileName}.part"));
        try
        {
            await DownloadAsync(file, address, partial, progress, cancellationToken).ConfigureAwait(false);
        }
        catch (HttpRequestException e)
        {
            throw new IOException($"cannot download {address}: {e.Message}; check the network and the variable HTTPS_PROXY, or add the file if you have it", e).With(Remedy.AddWeights);
        }

        try
        {
            store.Accept(file, partial);
        }
        catch (InputException e)
        {
            File.Delete(partial);
            throw new InputException(
                $"{address} did not send the published weights '{file.Name}': {e.Message.Replace(partial, "the download", StringComparison.Ordinal)}; try again later, or add the file if you have it", e)
                .With(Remedy.AddWeights);
        }

        return true;
    }

    private async Task DownloadAsync(PretrainedFile file, Uri address, string partial, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        using var response = await RequestAsync(client, address, partial, cancellationToken).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            throw new IOException($"cannot download {address}: the server answered {(int)response.StatusCode} {response.ReasonPhrase}; try again later, or add the file if you have it")
                .With(Remedy.AddWeights);
        }

        if (response.Content.Headers.ContentType?.MediaType is "text/html")
            throw new InputException($"{address} sent a web page, not the weights '{file.Name}': log in to the network if it asks for it, or add the file if you have it").With(Remedy.AddWeights);
        var done = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From is { } from && from == LengthOf(partial) ? from : 0;
        var total = done + response.Content.Headers.ContentLength;
        RequireAtMost(total ?? 0, file, address);
        using var output = Open(partial, done > 0);
        using var input = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        var meter = new ProgressMeter(progress, $"{file.Name} (MB)", InMegabytes(total ?? file.MostBytes), InMegabytes(done));
        var buffer = new byte[BlockSize];
        try
        {
            for (int count; (count = await WithPatienceAsync(token => input.ReadAsync(buffer, token).AsTask(), address, cancellationToken).ConfigureAwait(false)) > 0;)
            {
                var before = InMegabytes(done);
                await output.WriteAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
                done += count;
                RequireAtMost(done, file, address);
                if (InMegabytes(done) is var now && now > before && now <= InMegabytes(total ?? file.MostBytes))
                    meter.Report(now);
            }

            output.Flush(flushToDisk: true);
        }
        catch (HttpIOException e)
        {
            throw new IOException($"the connection to {address.Host} ended after {done} bytes{(total is { } all ? $" of {all}" : "")}: repeat it, and the download resumes there", e)
                .With(Remedy.FetchWeights, file.Name);
        }
    }

    private async Task<HttpResponseMessage> RequestAsync(HttpClient client, Uri address, string partial, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue("mdf", null));
            var done = LengthOf(partial);
            if (done > 0)
                request.Headers.Range = new RangeHeaderValue(done, null);
            var response = await WithPatienceAsync(token => client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token), address, cancellationToken).ConfigureAwait(false);
            if (done == 0 || response.StatusCode != HttpStatusCode.RequestedRangeNotSatisfiable)
                return response;
            // The file on the server is not longer than the part: the part is of another file.
            response.Dispose();
            File.Delete(partial);
        }
    }

    private async Task<T> WithPatienceAsync<T>(Func<CancellationToken, Task<T>> work, Uri address, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_patience);
        try
        {
            return await work(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"{address.Host} sent nothing for {_patience.TotalSeconds:0.#} seconds: repeat it, and the download resumes where it stopped", e);
        }
    }

    private static FileStream Open(string partial, bool resumes)
    {
        try
        {
            return new FileStream(partial, resumes ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new InputException($"cannot write '{partial}': {e.Message}", e);
        }
    }

    private static void RequireAtMost(long bytes, PretrainedFile file, Uri address)
    {
        if (bytes > file.MostBytes)
            throw new InputException($"{address} sends more than the {file.MostBytes} bytes that the weights '{file.Name}' can have: it is another file");
    }

    private static long LengthOf(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    private static long InMegabytes(long bytes) => (long)Math.Ceiling(bytes / Megabyte);
}
