using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace Mdf.Reports.Site;

/// <summary>Finished HTML. It is written with interpolated strings, <c>Html.Of($"&lt;td&gt;{text}&lt;/td&gt;")</c>: every hole is encoded, except other finished HTML.</summary>
internal readonly record struct Html
{
    private readonly string? _text;

    private Html(string text) => _text = text;

    /// <summary>Nothing.</summary>
    public static Html Empty => default;

    /// <summary>Whether there is nothing.</summary>
    public bool IsEmpty => string.IsNullOrEmpty(_text);

    /// <summary>Writes HTML.</summary>
    /// <param name="text">An interpolated string. Its fixed parts are HTML, and its holes are text.</param>
    public static Html Of(Interpolation text) => new(text.Finish());

    /// <summary>Takes finished HTML that this program has written itself, such as the SVG of a plot.</summary>
    /// <param name="text">The HTML.</param>
    public static Html Finished(string text) => new(text);

    /// <summary>Joins parts, each on a line of its own. Empty parts are left out.</summary>
    /// <param name="parts">The parts.</param>
    public static Html Lines(IEnumerable<Html> parts) => new(string.Join('\n', parts.Where(part => !part.IsEmpty).Select(part => part._text)));

    /// <summary>Joins parts without anything between them.</summary>
    /// <param name="parts">The parts.</param>
    public static Html Join(IEnumerable<Html> parts) => new(string.Concat(parts.Select(part => part._text)));

    /// <summary>Joins parts with a comma and a space between them.</summary>
    /// <param name="parts">The parts.</param>
    public static Html Listed(IEnumerable<Html> parts) => new(string.Join(", ", parts.Select(part => part._text)));

    /// <inheritdoc/>
    public override string ToString() => _text ?? "";

    /// <summary>Collects an interpolated string, and encodes its holes.</summary>
    [InterpolatedStringHandler]
    internal readonly ref struct Interpolation
    {
        private readonly StringBuilder _text;

        /// <summary>Starts; called by the compiler.</summary>
        public Interpolation(int literalLength, int formattedCount) => _text = new StringBuilder(literalLength + 16 * formattedCount);

        /// <summary>Adds a fixed part.</summary>
        public void AppendLiteral(string value) => _text.Append(value);

        /// <summary>Adds finished HTML.</summary>
        public void AppendFormatted(Html value) => _text.Append(value._text);

        /// <summary>Adds a text. Characters that HTML does not allow become the replacement character. No-break spaces stay as they are, because a large page has many.</summary>
        public void AppendFormatted(string? value) =>
            _text.Append(WebUtility.HtmlEncode(Allowed(value ?? "")).Replace("'", "&#39;", StringComparison.Ordinal).Replace("&#160;", "\u00A0", StringComparison.Ordinal));

        /// <summary>Adds a whole number.</summary>
        public void AppendFormatted(int value) => _text.Append(CultureInfo.InvariantCulture, $"{value}");

        /// <summary>Adds a number with all digits.</summary>
        public void AppendFormatted(double value) => _text.Append(CultureInfo.InvariantCulture, $"{value:R}");

        /// <summary>Returns the HTML.</summary>
        public string Finish() => _text.ToString();

        private static string Allowed(string text)
        {
            var allowed = text.ToCharArray();
            for (var i = 0; i < allowed.Length; i++)
            {
                if (char.IsHighSurrogate(allowed[i]) && i + 1 < allowed.Length && char.IsLowSurrogate(allowed[i + 1]))
                    i++;
                else if (char.IsSurrogate(allowed[i]) || char.IsControl(allowed[i]) && allowed[i] is not ('\n' or '\t'))
                    allowed[i] = '\uFFFD';
            }

            return new string(allowed);
        }
    }
}
