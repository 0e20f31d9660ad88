namespace Mdf.Runtime;

/// <summary>Finds the known name that a mistyped word probably means, for a message.</summary>
internal static class NearestName
{
    // One mistake is allowed for every three letters of the name: "esdr" means edsr, but not every word of four letters does.
    private const int LettersPerMistake = 3;
    private const int MostMistakes = 3;

    /// <summary>Finds the known name with the smallest number of mistakes: letters that are inserted, omitted, changed or swapped with their neighbour.</summary>
    /// <param name="word">The word that the user wrote. Upper and lower case are equal.</param>
    /// <param name="known">The known names.</param>
    /// <returns>The nearest name, or the first of several; null if no name is near enough to be a typing mistake.</returns>
    public static string? Find(string word, IEnumerable<string> known)
    {
        ArgumentNullException.ThrowIfNull(word);
        ArgumentNullException.ThrowIfNull(known);
        return known
            .Select(name => (Name: name, Mistakes: Mistakes(word, name)))
            .Where(candidate => candidate.Mistakes <= Math.Clamp(candidate.Name.Length / LettersPerMistake, 1, MostMistakes))
            .OrderBy(candidate => candidate.Mistakes)
            .Select(candidate => candidate.Name)
            .FirstOrDefault();
    }

    /// <summary>The optimal string alignment distance: the Levenshtein distance, in which a swap of two neighbours also counts as one mistake.</summary>
    private static int Mistakes(string word, string name)
    {
        if (Math.Abs(word.Length - name.Length) > MostMistakes)
            return int.MaxValue; // the word may be of any length

        var distance = new int[word.Length + 1, name.Length + 1];
        for (var i = 0; i <= word.Length; i++)
        {
            for (var j = 0; j <= name.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    distance[i, j] = i + j;
                    continue;
                }

                var changed = Same(i, j) ? 0 : 1;
                var least = Math.Min(Math.Min(distance[i - 1, j], distance[i, j - 1]) + 1, distance[i - 1, j - 1] + changed);
                if (i > 1 && j > 1 && Same(i, j - 1) && Same(i - 1, j))
                    least = Math.Min(least, distance[i - 2, j - 2] + 1);
                distance[i, j] = least;
            }
        }

        return distance[word.Length, name.Length];

        bool Same(int i, int j) => char.ToLowerInvariant(word[i - 1]) == char.ToLowerInvariant(name[j - 1]);
    }
}
