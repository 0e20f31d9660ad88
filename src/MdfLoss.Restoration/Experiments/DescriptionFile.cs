using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Runtime;

namespace Mdf.Experiments;

/// <summary>The files that describe results for a report. A report trusts none of them.</summary>
internal static class DescriptionFile
{
    private const int Longest = 1 << 24;

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectNullableAnnotations = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Writes a description.</summary>
    /// <param name="path">The file.</param>
    /// <param name="description">The description.</param>
    public static void Write<T>(string path, T description) => AtomicFile.Write(path, JsonSerializer.Serialize(description, s_json) + "\n");

    /// <summary>Reads a description.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isUsable">Whether it has everything that its type cannot require.</param>
    /// <param name="mistake">The message for a file that is something else.</param>
    /// <exception cref="InputException">It is missing, or is something else.</exception>
    public static T Read<T>(string path, Func<T, bool> isUsable, string mistake)
        where T : class => JsonFile.Read(path, Longest, s_json, isUsable, mistake);
}
