namespace Mdf.Imaging;

/// <summary>Bounds what a file may make the reader allocate.</summary>
internal static class ImageLimits
{
    /// <summary>Refuses sizes that are not to be allocated.</summary>
    /// <exception cref="InvalidDataException">More than <see cref="ImageFile.MaximumPixels"/> pixels, or none.</exception>
    public static void CheckSize(long width, long height)
    {
        if (width <= 0 || height <= 0 || width > ImageFile.MaximumPixels / height)
        {
            throw new InvalidDataException(
                $"expected 1 to {ImageFile.MaximumPixels} pixels, found {width}×{height}; scale or crop it first");
        }
    }
}
