using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mdf.Tests.Weights;

/// <summary>An answer of <see cref="LoopbackServer"/>.</summary>
/// <param name="Status">The status line after the version, such as <c>200 OK</c>.</param>
/// <param name="Body">The bytes to send.</param>
internal sealed record LoopbackAnswer(string Status, byte[] Body)
{
    /// <summary>Headers in addition to the length.</summary>
    public string[] Headers { get; init; } = [];

    /// <summary>The length that the answer declares; the length of the body when null.</summary>
    public long? DeclaredLength { get; init; }

    /// <summary>The number of bytes of a packet.</summary>
    public int Piece { get; init; } = int.MaxValue;

    /// <summary>Whether the connection stays open after the body, without another byte.</summary>
    public bool Stalls { get; init; }
}

/// <summary>A web server on loopback for one file. It counts the requests, and can send less than it declares.</summary>
internal sealed class LoopbackServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<TcpClient> _stalled = [];
    private readonly Func<long?, LoopbackAnswer> _answer;

    /// <param name="answer">Creates the answer. Its argument is the first byte that the client asks for; null for the whole file.</param>
    public LoopbackServer(Func<long?, LoopbackAnswer> answer)
    {
        _answer = answer;
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/weights.pth");
        new Thread(Serve) { IsBackground = true }.Start();
    }

    public Uri Address { get; }

    /// <summary>The first byte of each request so far.</summary>
    public List<long?> Requests { get; } = [];

    /// <summary>Answers with a file, and with the rest of it if a client asks for that.</summary>
    public static Func<long?, LoopbackAnswer> Whole(byte[] file, int piece = int.MaxValue) => start => start is { } from
        ? from < file.Length
            ? new("206 Partial Content", file[(int)from..]) { Piece = piece, Headers = [$"Content-Range: bytes {from}-{file.Length - 1}/{file.Length}"] }
            : new("416 Range Not Satisfiable", [])
        : new("200 OK", file) { Piece = piece };

    public void Dispose()
    {
        _listener.Stop();
        lock (_stalled)
            _stalled.ForEach(client => client.Dispose());
    }

    private void Serve()
    {
        try
        {
            while (true)
            {
                var client = _listener.AcceptTcpClient();
                try
                {
                    if (!Answer(client))
                        client.Dispose();
                }
                catch (IOException)
                {
                    client.Dispose(); // the client has left
                }
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // The test has ended, perhaps before this thread has begun to listen.
        }
    }

    /// <returns>Whether the connection stays open.</returns>
    private bool Answer(TcpClient client)
    {
        var stream = client.GetStream();
        var reader = new StreamReader(stream, Encoding.ASCII);
        long? start = null;
        for (string? line; (line = reader.ReadLine()) is { Length: > 0 };)
        {
            if (line.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase))
                start = long.Parse(line["Range: bytes=".Length..^1], CultureInfo.InvariantCulture);
        }

        Requests.Add(start);
        var answer = _answer(start);
        var head = string.Join("\r\n", [$"HTTP/1.1 {answer.Status}", $"Content-Length: {answer.DeclaredLength ?? answer.Body.Length}", "Connection: close", .. answer.Headers, "", ""]);
        stream.Write(Encoding.ASCII.GetBytes(head));
        for (var sent = 0; sent < answer.Body.Length; sent += Math.Min(answer.Piece, answer.Body.Length - sent))
        {
            stream.Write(answer.Body.AsSpan(sent, Math.Min(answer.Piece, answer.Body.Length - sent)));
            stream.Flush();
        }

        if (answer.Stalls)
        {
            lock (_stalled)
                _stalled.Add(client);
        }

        return answer.Stalls;
    }
}
