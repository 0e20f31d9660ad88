"""The MDF loss as its definition says, by autograd: convolution, batch norm and leaky ReLU one by one, both images through every discriminator.

The tests compare with it, and the benchmark measures against it: it is the authors' way of computing the loss.
"""
import json
from pathlib import Path
from typing import Dict, List, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

STACKS = Path(__file__).resolve().parents[2] / "models" / "stacks"


def read(path: Path) -> Dict[str, Tensor]:
    """The float32 tensors of a safetensors file, without any of the checks."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(bytearray(data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]), dtype=torch.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if entry["dtype"] == "F32"  # not the counts of batches
    }


def features(stack: Dict[str, Tensor], k: int, image: Tensor) -> List[Tensor]:
    found = []
    for block in ("head", "body.block1", "body.block2", "body.block3"):
        image = F.conv2d(image, stack[f"{k}.{block}.conv.weight"], stack[f"{k}.{block}.conv.bias"])
        statistics = [stack[f"{k}.{block}.norm.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        image = F.leaky_relu(F.batch_norm(image, *statistics), 0.2, inplace=True)
        if block in ("head", "body.block3"):
            found.append(image)
    return found + [F.conv2d(image, stack[f"{k}.tail.weight"], stack[f"{k}.tail.bias"])]


def losses(
    stack: Dict[str, Tensor],
    restored: Tensor,
    reference: Tensor,
    scales: Sequence[int] = range(8),
    input_range: Sequence[float] = (0, 1),
    layer_weights: Sequence[float] = (1, 1, 1),
) -> Tensor:
    """The loss of each image."""
    low, high = input_range
    restored, reference = (low + (high - low) * image for image in (restored, reference))
    total = torch.zeros(len(restored), dtype=restored.dtype)
    for k in scales:
        for weight, found, wanted in zip(layer_weights, features(stack, k, restored), features(stack, k, reference)):
            total = total + weight * (found - wanted).pow(2).mean((1, 2, 3))
    return total
