using System.Xml;

namespace Mdf.Reports.Site;

/// <summary>Checks drawings from elsewhere: a browser runs the scripts of an SVG file that is opened from a page.</summary>
internal static class SvgDrawing
{
    private static readonly HashSet<string> s_elements =
    [
        "svg", "g", "defs", "title", "desc", "clipPath", "mask", "pattern", "linearGradient", "radialGradient", "stop", "symbol", "use", "image",
        "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "textPath",
    ];

    private static readonly string[] s_images = ["data:image/png;", "data:image/jpeg;"];

    /// <summary>Whether a file is a drawing and nothing else: no scripts, no styles from elsewhere, no links.</summary>
    /// <param name="content">The bytes of the file.</param>
    public static bool IsSafe(byte[] content)
    {
        ArgumentNullException.ThrowIfNull(content);
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(content), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null });
            while (reader.Read())
            {
                if (reader.NodeType == XmlNodeType.ProcessingInstruction || (reader.NodeType == XmlNodeType.Element && !IsDrawing(reader)))
                    return false;
            }

            return true;
        }
        catch (XmlException)
        {
            return false;
        }
    }

    private static bool IsDrawing(XmlReader element)
    {
        if (!s_elements.Contains(element.LocalName))
            return false;
        for (var more = element.MoveToFirstAttribute(); more; more = element.MoveToNextAttribute())
        {
            if (element.LocalName.StartsWith("on", StringComparison.OrdinalIgnoreCase)
                || (element.LocalName.Equals("href", StringComparison.OrdinalIgnoreCase) && !element.Value.StartsWith('#') && !s_images.Any(start => element.Value.StartsWith(start, StringComparison.Ordinal))))
                return false;
        }

        element.MoveToElement();
        return true;
    }
}
