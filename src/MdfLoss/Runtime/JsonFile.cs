using System.Text.Json;

namespace Mdf.Runtime;

/// <summary>Reads files of JSON that this program has written, without trusting them.</summary>
internal static class JsonFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="longest">The largest length in bytes.</param>
    /// <param name="options">The options of the serializer.</param>
    /// <param name="isUsable">Whether the object has everything that its type cannot require.</param>
    /// <param name="mistake">The message for a file that is something else, such as <c>expected the record of a cell, found something else</c>.</param>
    /// <exception cref="InputException">It is something else, or cannot be read.</exception>
    public static T Read<T>(string path, long longest, JsonSerializerOptions options, Func<T, bool> isUsable, string mistake)
        where T : class
    {
        try
        {
            return new FileInfo(path).Length <= longest && JsonSerializer.Deserialize<T>(File.ReadAllText(path), options) is { } content && isUsable(content)
                ? content
                : throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new InputException($"'{path}': {mistake}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"cannot read '{path}': {e.Message}", e);
        }
    }
}
