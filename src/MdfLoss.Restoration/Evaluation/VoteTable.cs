using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>Two versions of one image, and the number of people who preferred each.</summary>
/// <param name="A">The first version and the reference.</param>
/// <param name="B">The second version and the same reference.</param>
/// <param name="VotesA">The number of votes for the first version.</param>
/// <param name="VotesB">The number of votes for the second version.</param>
internal sealed record VotedPair(ImagePair A, ImagePair B, int VotesA, int VotesB)
{
    /// <summary>Whether one of the two versions is the reference itself.</summary>
    public bool ContainsReference => A.Image == A.Reference || B.Image == B.Reference;
}

/// <summary>Reads a table of votes: a CSV file with the columns <c>reference</c>, <c>a</c>, <c>b</c>, <c>votes_a</c> and <c>votes_b</c>.</summary>
internal static class VoteTable
{
    /// <summary>Reads the table, and checks that every image exists.</summary>
    /// <param name="path">The CSV file. Its paths are relative to its folder.</param>
    /// <param name="withoutReference">Whether to leave out the pairs that contain the reference.</param>
    /// <returns>At least one pair.</returns>
    /// <exception cref="InputException">The file cannot be used; the message has the line.</exception>
    public static IReadOnlyList<VotedPair> Read(string path, bool withoutReference)
    {
        var pairs = CsvTable.Read(path, "reference", "a", "b", "votes_a", "votes_b").Rows.Select(ReadPair).ToArray();
        VotedPair[] kept = [.. pairs.Where(pair => !withoutReference || !pair.ContainsReference)];
        return kept.Length > 0 ? kept : throw new InputException($"'{path}': each of the {pairs.Length} pairs contains its reference; no pair is left");
    }

    private static VotedPair ReadPair(CsvRow row)
    {
        var (reference, a, b) = (row.ExistingFile("reference"), row.ExistingFile("a"), row.ExistingFile("b"));
        var (votesA, votesB) = (row.Count("votes_a"), row.Count("votes_b"));
        if (a == b)
            throw row.Refuse($"expected two different images, found {Untrusted.Quote(row["a"])} twice");
        if (votesA == 0 && votesB == 0)
            throw row.Refuse("expected at least one vote, found none; remove the row");
        return new VotedPair(new ImagePair(a, reference), new ImagePair(b, reference), votesA, votesB);
    }
}
