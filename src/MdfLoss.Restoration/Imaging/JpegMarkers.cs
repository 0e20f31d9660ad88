namespace Mdf.Imaging;

/// <summary>Finds the markers of a JPEG file (ITU-T T.81, annex B).</summary>
internal static class JpegMarkers
{
    /// <summary>Finds the next marker.</summary>
    /// <param name="file">The file, or its part up to where to look.</param>
    /// <param name="from">Where to look first.</param>
    /// <param name="isInScan">Whether to skip restart markers.</param>
    /// <returns>Where it starts; null where there is none.</returns>
    public static int? Find(ReadOnlySpan<byte> file, int from, bool isInScan)
    {
        for (var at = from; at < file.Length; at++)
        {
            var step = file[at..].IndexOf((byte)0xff);
            at += step;
            if (step < 0 || at + 1 >= file.Length)
                return null;
            // A byte of 0 tells that 0xff was data, another 0xff fills.
            if (file[at + 1] is not (0 or 0xff) && !(isInScan && IsRestart(file[at + 1])))
                return at;
        }

        return null;
    }

    /// <summary>Whether a marker's code is that of a restart marker, RST0 to RST7.</summary>
    /// <param name="code">The byte after 0xff.</param>
    public static bool IsRestart(byte code) => code is >= 0xd0 and <= 0xd7;
}
