"""Writes losses.json: values and gradients of losses from their definitions, by PyTorch's autograd in float64. GoldenFileTests compares ours with them.

    /usr/bin/python3 tests/Mdf.Tests/Losses/golden/losses.py > tests/Mdf.Tests/Losses/golden/losses.json

It shares no code with the library. The images are formulas, so that no file is needed.
"""
import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

REPOSITORY = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(REPOSITORY / "python" / "tests"))
import plain  # noqa: E402


def pair(height, width):
    """Two images and their restored versions, (2, 3, H, W), in [0, 1]."""
    n, c, y, x = torch.meshgrid(*(torch.arange(size, dtype=torch.float64) for size in (2, 3, height, width)), indexing="ij")
    reference = 0.5 + 0.3 * torch.sin(0.37 * x + 0.9 * c + n) * torch.cos(0.23 * y) + 0.2 * ((7 * x + 13 * y + 5 * c) % 17 / 16 - 0.5)
    restored = 0.9 * reference + 0.05 + 0.1 * ((3 * x + 5 * y + 11 * c + n) % 7 / 6 - 0.5)
    return restored.requires_grad_(), reference


def mdf(name, scales):
    path = plain.STACKS / f"{name}.safetensors"
    data = path.read_bytes()
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    numbers = lambda key: [float(number) for number in metadata[key].split(",")]
    stack = {key: value.double() for key, value in plain.read(path).items()}
    return lambda restored, reference: plain.losses(stack, restored, reference, scales, numbers("input_range"), numbers("layer_weights"))


def gaussian(size, sigma):
    taps = [math.exp(-((i - size // 2) ** 2) / (2 * sigma**2)) for i in range(size)]
    return torch.tensor(taps, dtype=torch.float64) / sum(taps)


def similarity(x, y):
    """SSIM's luminance and contrast-structure for every window inside the image: Wang et al. 2004, an 11×11 Gaussian with σ = 1.5, per channel."""
    taps = gaussian(11, 1.5)

    def blur(image):
        channels = image.shape[1]
        image = F.conv2d(image, taps.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
        return F.conv2d(image, taps.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)

    mean_x, mean_y = blur(x), blur(y)
    variance_x, variance_y, covariance = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2, blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return luminance, (2 * covariance + 0.03**2) / (variance_x + variance_y + 0.03**2)


def ssim(x, y):
    luminance, structure = similarity(x, y)
    return 1 - (luminance * structure).mean((1, 2, 3))


def ms_ssim(x, y):
    """Wang, Simoncelli and Bovik 2003: contrast-structure of five scales, luminance of the coarsest, with the paper's exponents, per channel."""
    product = 1
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        luminance, structure = similarity(x, y)
        value = luminance * structure if scale == 4 else structure
        product = product * value.mean((2, 3)).clamp_min(0) ** weight
        x, y = (F.avg_pool2d(image, 2, padding=(image.shape[2] % 2, image.shape[3] % 2)) for image in (x, y))
    return 1 - product.mean(1)


def main():
    cases = {f"mdf:{name}": (mdf(name, range(8)), 41, 57) for name in ("jpeg", "sisr", "denoise")}
    cases["mdf:jpeg?num_scales=3"] = mdf("jpeg", range(3)), 23, 30
    cases |= {"l1": (lambda x, y: (x - y).abs().mean((1, 2, 3)), 9, 8), "mse": (lambda x, y: ((x - y) ** 2).mean((1, 2, 3)), 9, 8)}
    cases |= {"ssim": (ssim, 24, 33), "ms-ssim": (ms_ssim, 180, 163)}
    entries = []
    for expression, (loss, height, width) in cases.items():
        restored, reference = pair(height, width)
        values = loss(restored, reference)
        values.mean().backward()
        gradient = restored.grad.flatten()
        places = [i * (len(gradient) - 1) // 12 for i in range(13)]
        entries.append({
            "loss": expression, "height": height, "width": width, "values": values.tolist(),
            "gradient_norm": gradient.norm().item(), "gradient": {str(i): gradient[i].item() for i in places},
        })
    print(json.dumps(entries, indent=1))


main()
