namespace Mdf.Imaging;

/// <summary>Limits the memory that an image file can make the reader allocate.</summary>
internal static class ImageLimits
{
    /// <summary>Throws if an image is too large to allocate.</summary>
    /// <exception cref="InvalidDataException">The image has more than <see cref="ImageFile.MaximumPixels"/> pixels, or none.</exception>
    public static void CheckSize(long width, long height)
    {
        if (width <= 0 || height <= 0 || width > ImageFile.MaximumPixels / height)
        {
            throw new InvalidDataException(
                $"expected 1 to {ImageFile.MaximumPixels} pixels, found {width}×{height}; scale or crop it first");
        }
    }
}
