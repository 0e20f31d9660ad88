using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>The scores of one restorer for one image.</summary>
/// <param name="Name">The image's name.</param>
/// <param name="Scores">The values of the measures by their names; null if the image has none, for example because it is too small.</param>
internal sealed record ImageScores(string Name, IReadOnlyDictionary<string, double?> Scores);

/// <summary>The scores of one restorer for a set of images.</summary>
/// <param name="Name">The name of the set.</param>
/// <param name="Protocol">The rules of the measurement (<see cref="BenchmarkImages.Protocol"/>). Only scores by the same rules can be compared.</param>
/// <param name="Images">The images, in order.</param>
internal sealed record SetScores(string Name, string Protocol, IReadOnlyList<ImageScores> Images);

/// <summary>The scores of a network between two networks.</summary>
/// <param name="Position">The position, between 0 (the first network) and 1.</param>
/// <param name="Sets">The scores.</param>
internal sealed record BetweenScores(double Position, IReadOnlyList<SetScores> Sets);

/// <summary>The scores of a network, or of another restorer, as the file <c>scores.json</c> has them. It contains no times, so that equal networks give equal bytes.</summary>
/// <param name="Name">The name in tables: that of the loss, or of the restorer.</param>
/// <param name="Seed">The seed of the training; null for a restorer that was not trained here.</param>
/// <param name="Loss">The loss expression of the training; null for a restorer that was not trained here.</param>
/// <param name="Key">The SHA-256 of the files of the network, or of the results.</param>
/// <param name="Settings">The SHA-256 of the measures and the test images.</param>
/// <param name="Sets">The scores for the test sets.</param>
/// <param name="Between">The scores of the networks between that of the baseline and this one; empty if there are none.</param>
/// <param name="PicturesSettings">The SHA-256 of the measures and the pictures that are shown.</param>
/// <param name="Pictures">The scores for these pictures; null if there are none.</param>
internal sealed record NetworkScores(
    string Name, long? Seed, string? Loss, string Key, string Settings, IReadOnlyList<SetScores> Sets, IReadOnlyList<BetweenScores> Between, string PicturesSettings, SetScores? Pictures)
{
    private const int LongestFile = 1 << 28;

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        IndentSize = 1,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Writes the file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">The disk failed or is full.</exception>
    public void Write(string path) => AtomicFile.Write(path, JsonSerializer.Serialize(this, s_json) + "\n");

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The scores; null if there is no such file.</returns>
    /// <exception cref="InputException">It is something else, or cannot be read.</exception>
    public static NetworkScores? Read(string path) => File.Exists(path)
        ? JsonFile.Read<NetworkScores>(path, LongestFile, s_json, scores => scores.IsWhole(), "expected the scores of a network, found something else: delete the file, and the network is measured again")
        : null;

    // The serializer checks the elements of lists only for the types of their properties.
    private bool IsWhole() => Sets.Concat(Pictures is null ? [] : [Pictures]).Concat(Between.SelectMany(between => between?.Sets ?? [null!]))
        .All(set => set is not null && set.Images.All(image => image?.Scores is not null) && set.Images.DistinctBy(image => image.Name).Count() == set.Images.Count);
}
