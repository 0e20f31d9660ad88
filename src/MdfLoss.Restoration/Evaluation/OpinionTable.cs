using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>An image, and the opinion of people about it.</summary>
/// <param name="Pair">The image and its reference. The files exist only if the images are to be measured.</param>
/// <param name="Opinion">The mean opinion score of people.</param>
/// <param name="Score">The value of a measure that another program computed; null if the table has none.</param>
internal sealed record JudgedImage(ImagePair Pair, double Opinion, double? Score);

/// <summary>Reads a table of opinions: a CSV file with the columns <c>reference</c>, <c>image</c> and <c>score</c>, and optionally <c>human</c>.</summary>
/// <remarks>Without a column <c>human</c>, <c>score</c> is the score of people. With it, <c>human</c> is the score of people, and <c>score</c> is a measure of another program.</remarks>
internal static class OpinionTable
{
    /// <summary>The smallest number of images: the logistic function has five parameters.</summary>
    public const int Fewest = 10;

    private const string Human = "human";
    private const string Score = "score";

    /// <summary>Reads the table.</summary>
    /// <param name="path">The CSV file. Its paths are relative to its folder.</param>
    /// <param name="measured">Whether the images will be measured, so they must exist.</param>
    /// <exception cref="InputException">The file cannot be used; the message has the line.</exception>
    public static IReadOnlyList<JudgedImage> Read(string path, bool measured)
    {
        var table = CsvTable.Read(path, "reference", "image", Score);
        var hasScore = table.Columns.Contains(Human);
        if (!hasScore && !measured)
            throw new InputException($"'{path}': expected measures to compare with the column '{Score}', or a column '{Human}' with the scores of people, found neither").With(Remedy.NameMeasure);
        var people = hasScore ? Human : Score;
        var images = table.Rows.Select(ReadImage).ToArray();
        if (images.Length < Fewest)
            throw new InputException($"'{path}': expected at least {Fewest} images, found {images.Length}");
        if (images.GroupBy(image => image.Pair).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"'{path}': expected each image once, found '{twice.Key.Image}' {twice.Count()} times; give the mean of its scores");
        RequireDifferent(images.Select(image => image.Opinion), people);
        if (hasScore)
            RequireDifferent(images.Select(image => image.Score!.Value), Score);
        return images;

        JudgedImage ReadImage(CsvRow row) => new(
            measured ? new ImagePair(row.ExistingFile("image"), row.ExistingFile("reference")) : new ImagePair(row["image"], row["reference"]),
            row.Number(people), hasScore ? row.Number(Score) : null);

        void RequireDifferent(IEnumerable<double> values, string column)
        {
            if (values.Distinct().Take(2).Count() < 2)
                throw new InputException($"'{path}': expected different numbers in the column '{column}', found {values.First():R} in every row; no correlation is defined");
        }
    }
}
