"""Writes features.json: values and gradients of the losses that compare features of VGG-19, of VGG-16 with the pooling of DISTS, and of ResNet-18, by PyTorch's autograd in float64.
FeatureFileTests compares ours with them.

    /usr/bin/python3 tests/Mdf.Tests/Losses/Features/golden/features.py > tests/Mdf.Tests/Losses/Features/golden/features.json

It shares no code with the library. The weights and the images are formulas, so that no file is needed: of convolution j (from 0), w[i] = sin(0.37 i + j) sqrt(2 / fan-in) sqrt(2)
and b[k] = 0.01 cos(0.11 k + j), rounded to float32.
"""
import json
import math

import torch
import torch.nn.functional as F


def pair(height, width):
    """Two images and their restored versions, (2, 3, H, W), in [0, 1]: as in losses.py."""
    n, c, y, x = torch.meshgrid(*(torch.arange(size, dtype=torch.float64) for size in (2, 3, height, width)), indexing="ij")
    reference = 0.5 + 0.3 * torch.sin(0.37 * x + 0.9 * c + n) * torch.cos(0.23 * y) + 0.2 * ((7 * x + 13 * y + 5 * c) % 17 / 16 - 0.5)
    restored = 0.9 * reference + 0.05 + 0.1 * ((3 * x + 5 * y + 11 * c + n) % 7 / 6 - 0.5)
    return restored.requires_grad_(), reference


class Convolutions:
    """Hands out the convolutions of a network in their order, with weights by the formula."""

    def __init__(self):
        self.count = 0

    def __call__(self, x, outputs, size, **options):
        inputs, j = x.shape[1], self.count
        self.count += 1
        fan_in = inputs * size * size
        weight = torch.sin(0.37 * torch.arange(outputs * fan_in, dtype=torch.float64) + j) * math.sqrt(2 / fan_in) * math.sqrt(2)
        bias = 0.01 * torch.cos(0.11 * torch.arange(outputs, dtype=torch.float64) + j)
        return F.conv2d(x, weight.float().double().view(outputs, inputs, size, size), bias.float().double(), **options)


def standardize(x):
    channels = lambda *values: torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1)
    return (x - channels(0.485, 0.456, 0.406)) / channels(0.229, 0.224, 0.225)


def vgg(x, blocks, pool):
    """The features of VGG by name: convB_I before the ReLU, reluB_I after it."""
    convolve, features, x = Convolutions(), {}, standardize(x)
    for block, (count, outputs) in enumerate(zip(blocks, (64, 128, 256, 512, 512)), 1):
        if block > 1:
            x = pool(x)
        for i in range(1, count + 1):
            features[f"conv{block}_{i}"] = convolve(x, outputs, 3, padding=1)
            x = features[f"relu{block}_{i}"] = F.relu(features[f"conv{block}_{i}"])
    return features


def per_image(x):
    return x.flatten(1).mean(1)


def vgg19(layers, criterion, style=0.0):
    def loss(x, y):
        x, y = (vgg(image, (2, 2, 4, 4, 4), lambda z: F.max_pool2d(z, 2)) for image in (x, y))
        gram = lambda f: torch.einsum("nchw,ndhw->ncd", f, f) / f[0].numel()
        return sum(weight * (per_image(criterion(x[name] - y[name])) + style * per_image(criterion(gram(x[name]) - gram(y[name])))) for name, weight in layers.items())

    return loss


def hann_pool(x):
    """The root of the blurred square: Ding et al. 2020, after Henaff and Simoncelli 2016."""
    taps = torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64)
    window = torch.outer(taps, taps).expand(x.shape[1], 1, 3, 3)
    return (F.conv2d(x**2, window, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


def dists(x, y):
    maps = [[image] + [features[f"relu{i}"] for i in ("1_2", "2_2", "3_3", "4_3", "5_3")] for image in (x, y) for features in [vgg(image, (2, 2, 3, 3, 3), hann_pool)]]
    k = torch.arange(1475, dtype=torch.float64)
    alpha, beta = (0.1 + 0.05 * torch.sin(k)).float().double(), (0.1 + 0.05 * torch.cos(k)).float().double()
    total, score, start = alpha.sum() + beta.sum(), 1.0, 0
    for a, b in zip(*maps):
        mean_a, mean_b = a.mean((2, 3)), b.mean((2, 3))
        variance_a, variance_b = a.var((2, 3), unbiased=False), b.var((2, 3), unbiased=False)
        covariance = (a * b).mean((2, 3)) - mean_a * mean_b
        texture = (2 * mean_a * mean_b + 1e-6) / (mean_a**2 + mean_b**2 + 1e-6)
        structure = (2 * covariance + 1e-6) / (variance_a + variance_b + 1e-6)
        part = slice(start, start + a.shape[1])
        score = score - (alpha[part] * texture + beta[part] * structure).sum(1) / total
        start += a.shape[1]
    return score


def resnet18(x):
    """The features of CNTK's ResNet-18 after each stage. The order of the convolutions is that of its file: of a block that changes the size, the shortcut is the first."""
    convolve = Convolutions()

    def same(x, size, step):
        """Zeros around x for ceil(side / step) outputs: one more at the top and the left where their number is odd."""
        around = []
        for side in (x.shape[3], x.shape[2]):
            zeros = max(0, (math.ceil(side / step) - 1) * step + size - side)
            around += [(zeros + 1) // 2, zeros // 2]
        return F.pad(x, around)

    def convolution(x, outputs, size, step):
        return convolve(same(x, size, step), outputs, size, stride=step)

    x = x.flip(1) * 255 - torch.tensor([103.06, 115.90, 123.15], dtype=torch.float64).view(1, 3, 1, 1)
    features = [F.relu(convolution(x, 64, 7, 2))]
    x = F.max_pool2d(same(features[0], 3, 2), 3, 2)
    for outputs, blocks in ((64, 2), (128, 2), (256, 2), (512, 3)):
        for block in range(blocks):
            step = 2 if block == 0 and outputs > 64 else 1
            shortcut = convolution(x, outputs, 1, step) if step == 2 else x
            x = F.relu(convolution(F.relu(convolution(x, outputs, 3, step)), outputs, 3, 1) + shortcut)
        features.append(x)
    return features


def resnet18_relative(x, y):
    return sum(per_image((a - b) ** 2) / (per_image(b**2) + 1e-10) for a, b in zip(resnet18(x), resnet18(y))) / 5


def resnet18_unit(x, y):
    unit = lambda f: f / ((f**2).sum(1, keepdim=True) + 1e-10).sqrt()
    return sum(per_image(((unit(a) - unit(b)) ** 2).sum(1)) for a, b in zip(resnet18(x), resnet18(y)))


def main():
    charbonnier = lambda d: (d**2 + 1e-6).sqrt() - 1e-3
    esrgan = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1, "conv4_4": 1, "conv5_4": 1}
    cases = {
        "vgg19": vgg19(esrgan, torch.abs),
        "vgg19?layers=relu2_2:0.5,conv3_1:2&criterion=l2&style=3": vgg19({"relu2_2": 0.5, "conv3_1": 2}, torch.square, 3),
        "vgg19?layers=relu1_1&criterion=charbonnier&style=0.5": vgg19({"relu1_1": 1}, charbonnier, 0.5),
        "dists": dists,
        "resnet18": resnet18_relative,
        "resnet18?normalize=unit": resnet18_unit,
    }
    entries = []
    for expression, loss in cases.items():
        restored, reference = pair(41, 54)
        values = loss(restored, reference)
        values.mean().backward()
        gradient = restored.grad.flatten()
        places = [i * (len(gradient) - 1) // 12 for i in range(13)]
        entries.append({
            "loss": expression, "height": 41, "width": 54, "values": values.tolist(),
            "gradient_norm": gradient.norm().item(), "gradient": {str(i): gradient[i].item() for i in places},
        })
    print(json.dumps(entries, indent=1))


main()
