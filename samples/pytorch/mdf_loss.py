"""The MDF loss of two images in PyTorch, with a discriminator stack that `mdf convert` wrote as .pt (see README.md)."""
import sys
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

def block(x, w, name):  # 3x3 convolution without padding, batch norm with its running statistics, leaky ReLU
    x = F.conv2d(x, w[name + ".conv.weight"], w[name + ".conv.bias"])
    statistics = [w[f"{name}.norm.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return F.leaky_relu(F.batch_norm(x, *statistics), 0.2)

def features(x, w, k):  # the three layers that the loss compares: after the head, after the body, the final map
    head = body = block(x, w, f"{k}.head")
    for i in (1, 2, 3):
        body = block(body, w, f"{k}.body.block{i}")
    return head, body, F.conv2d(body, w[f"{k}.tail.weight"], w[f"{k}.tail.bias"])

def mdf_loss(restored, reference, w, scales=8):  # images (N, 3, H, W) in [0, 1]; w: the stack, name -> tensor
    scales = min(scales, sum(name.endswith(".tail.bias") for name in w))
    low, high = w.get("input_range", torch.tensor([0.0, 1.0]))
    restored, reference = (image * (high - low) + low for image in (restored, reference))
    weights = w.get("layer_weights", torch.ones(3))
    return sum(weight * F.mse_loss(a, b) for k in range(scales) for weight, a, b in zip(weights, features(restored, w, k), features(reference, w, k)))

if __name__ == "__main__":
    stack = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
    images = [np.asarray(Image.open(path).convert("RGB"), np.float32) / 255 for path in sys.argv[2:4]]
    restored, reference = (torch.from_numpy(image).permute(2, 0, 1)[None] for image in images)
    with torch.no_grad():
        print(f"{mdf_loss(restored, reference, stack).item():.9g}")
