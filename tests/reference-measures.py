"""Computes PSNR and SSIM of pairs of images with scikit-image, or, without it, with the same formulas in NumPy.

Usage: reference-measures.py BORDER PAIRS.json
PAIRS.json is a list of [reference, image, height, width]; the files hold RGB, 8 bits a sample. Prints a list of {psnr, ssim, psnr_y, ssim_y}, and the source.
"""

import json
import sys

import numpy as np

try:
    from skimage.color import rgb2ycbcr
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    SOURCE = "scikit-image"
except ImportError:
    SOURCE = "numpy"

    def rgb2ycbcr(image):
        """skimage.color.rgb2ycbcr, its first channel: Y of BT.601 from 16 to 235."""
        y = (image.astype(np.float64) / 255) @ np.array([65.481, 128.553, 24.966]) + 16
        return y[..., None]

    def peak_signal_noise_ratio(true, test, data_range):
        """skimage.metrics.peak_signal_noise_ratio."""
        error = np.mean((true.astype(np.float64) - test.astype(np.float64)) ** 2, dtype=np.float64)
        return 10 * np.log10(data_range**2 / error)

    def gaussian(image, sigma=1.5, truncate=3.5):
        """scipy.ndimage.gaussian_filter over the first two axes; only where the whole window is inside the image."""
        radius = int(truncate * sigma + 0.5)
        weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        weights /= weights.sum()
        for axis in (0, 1):
            length = image.shape[axis] - 2 * radius
            image = sum(w * np.take(image, range(i, i + length), axis) for i, w in enumerate(weights))
        return image

    def structural_similarity(x, y, data_range, channel_axis=None, **_):
        """skimage.metrics.structural_similarity with gaussian_weights=True, sigma=1.5, use_sample_covariance=False."""
        x, y = x.astype(np.float64), y.astype(np.float64)
        c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        ux, uy = gaussian(x), gaussian(y)
        vx, vy, vxy = gaussian(x * x) - ux * ux, gaussian(y * y) - uy * uy, gaussian(x * y) - ux * uy
        return np.mean((2 * ux * uy + c1) * (2 * vxy + c2) / ((ux**2 + uy**2 + c1) * (vx + vy + c2)))


def read(path, height, width, border):
    image = np.fromfile(path, np.uint8).reshape(height, width, 3)
    return image[border : height - border, border : width - border]


def main():
    border = int(sys.argv[1])
    options = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    scores = []
    for reference, image, height, width in json.load(open(sys.argv[2])):
        x, y = read(reference, height, width, border), read(image, height, width, border)
        luma = [rgb2ycbcr(each)[..., 0] for each in (x, y)]
        scores.append({
            "psnr": peak_signal_noise_ratio(x, y, data_range=255),
            "ssim": structural_similarity(x, y, channel_axis=-1, **options),
            "psnr_y": peak_signal_noise_ratio(*luma, data_range=255),
            "ssim_y": structural_similarity(*luma, **options),
        })
    print(json.dumps({"source": SOURCE, "scores": scores}))


main()
