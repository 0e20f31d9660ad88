"""The MDF loss: the distance of two images in the features of multi-scale discriminators that were trained for one artefact.

Mustafa, Mikhailiuk, Iliescu, Babbar and Mantiuk, "Training a Task-Specific Image Reconstruction Loss" (WACV 2022).

The discriminators are frozen, so value and gradient are computed together, scale by scale, without a graph: batch norm is folded into the
convolutions, and what a scale keeps is freed before the next one begins.
"""
from __future__ import annotations

import hashlib
import io
import json
import math
import os
import pickle
import sys
import zipfile
from collections import OrderedDict
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["MDFLoss", "MDFPerceptualLoss", "SHIPPED", "StackError", "register"]
__version__ = "0.1.0"

_HERE = Path(__file__).resolve().parent
# Run from a checkout, the package uses the stacks of the repository.
_STACKS = _HERE / "stacks" if (_HERE / "stacks").is_dir() else _HERE.parents[1] / "models" / "stacks"

SHIPPED: Tuple[str, ...] = tuple(sorted(file.stem for file in _STACKS.glob("*.safetensors")))
"""The names of the stacks that come with the package."""

MINIMUM_SIZE = 11  # five 3x3 convolutions without padding
SLOPE = 0.2  # of leaky ReLU: SinGAN's, as the authors' and our stacks were trained with it
EPSILON = 1e-5  # of batch norm: PyTorch's default
MARGINS = (4, 3, 2, 1, 0)  # how many pixels of each border a layer has more than the last one

# How many pixels are worked on together. On processors maps of this size stay near the last cache; accelerators want to be filled.
PROCESSOR_PIXELS = 2**15
ACCELERATOR_PIXELS = 2**20
FEWEST_ROWS = 32  # of a strip, which computes ten more rows than it owns


class StackError(ValueError):
    """A file is not a discriminator stack, or is damaged."""


# ---------------------------------------------------------------------------------------------------------------------- the loss


class MDFLoss(nn.Module):
    """The MDF loss of a restored image and its reference.

    For each image it is the sum over scales k and layers l of w_l * mean((D_k^l(restored) - D_k^l(reference))^2). The layers are the
    features after the head, those after the body, and the final map of the discriminator D_k. Every D_k sees both images at full size.

    Args:
        stack: A stack of the package ("jpeg", "sisr", "denoise"), or a file: `.safetensors` as mdf writes it, `.pt` as `mdf convert` does,
            or the authors' `.pth`. Nothing in a file is executed.
        loss_weight: What the loss is multiplied by.
        reduction: "mean" is the mean of the images' losses, the value that the mdf program prints; "sum" is their sum; "none" gives the
            losses themselves, shape (N). The loss of one image is a mean over its features in all three.
        num_scales: How many scales to use. Default: eight, or all where the stack has fewer.
        ascending: Whether scales are counted from the coarsest, or from the last one of the file downwards.
        input_range: (low, high), to which images in [0, 1] are converted for the discriminators. Default: what the file says; (0, 1) for
            the authors' files, which say nothing.
        layer_weights: (head, body, final map), the weights w_l. Default: what the file says; (1, 1, 1) for the authors' files.
        dtype: The type to compute in, whatever the images' type and autocast are: float32, float64 or bfloat16. In bfloat16 the first
            convolution and all sums are in float32, and of the restored image only its difference to the reference passes through the
            layers, so that similar images are told apart; the gradient is off by some 2 %. It pays on processors with avx512_bf16 or AMX.
        check_range: Whether to refuse a reference whose values are not in [0, 1] (a tenth beyond is allowed). On accelerators only the
            first one is looked at, since the look waits for the device.
        persistent: Whether `state_dict` holds the weights. Default: no, so that a checkpoint of a training that uses the loss stays as
            small as it was, and loads where the loss is another one. The stack's file holds them already.

    Shapes: restored and reference (N, 3, H, W), H and W at least 11, floating point of any type, on the loss's device. The reference is
    in [0, 1]; the restored image may leave that range. The value is float32, or float64 where an image or `dtype` is float64.

    Gradients reach the restored image only, once: a reference that requires a gradient and second derivatives raise an error.
    """

    def __init__(
        self,
        stack: Union[str, "os.PathLike[str]"] = "jpeg",
        loss_weight: float = 1.0,
        reduction: str = "mean",
        *,
        num_scales: Optional[int] = None,
        ascending: bool = True,
        input_range: Optional[Sequence[float]] = None,
        layer_weights: Optional[Sequence[float]] = None,
        dtype: torch.dtype = torch.float32,
        check_range: bool = True,
        persistent: bool = False,
    ) -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"expected reduction 'mean', 'sum' or 'none', found {reduction!r}")
        if dtype not in (torch.float32, torch.float64, torch.bfloat16):
            raise ValueError(f"expected dtype float32, float64 or bfloat16, found {dtype}")
        if not math.isfinite(loss_weight):
            raise ValueError(f"expected a finite loss_weight, found {loss_weight}")
        self.stack = os.fspath(stack)
        self.loss_weight = float(loss_weight)
        self.reduction = reduction
        self.dtype = dtype
        self.check_range = check_range
        self._looked_at_range = False

        file = _read_stack(self.stack)
        self.input_range = _input_range(file.input_range if input_range is None else input_range, "input_range")
        self.layer_weights = _layer_weights(file.layer_weights if layer_weights is None else layer_weights, "layer_weights")
        count = len(file.scales)
        self.num_scales = min(8, count) if num_scales is None else num_scales  # upstream's default
        if not 1 <= self.num_scales <= count:
            raise ValueError(f"expected num_scales from 1 to {count} (the scales in this stack), found {num_scales}")
        chosen = file.scales[: self.num_scales] if ascending else file.scales[::-1][: self.num_scales]
        stored = torch.float64 if dtype == torch.float64 else torch.float32
        for k, scale in enumerate(chosen):
            for layer, (weight, bias) in enumerate(scale):
                self.register_buffer(f"weight_{k}_{layer}", weight.to(stored), persistent=persistent)
                self.register_buffer(f"bias_{k}_{layer}", bias.to(stored), persistent=persistent)

    def forward(self, restored: Tensor, reference: Tensor, weight: Optional[Tensor] = None) -> Tensor:
        """The loss of a batch.

        Args:
            restored: Shape (N, 3, H, W).
            reference: The same shape, in [0, 1].
            weight: None. It is here because BasicSR's losses have it; the features of this loss belong to no single pixel.

        Returns:
            A scalar, or shape (N) where the reduction is "none".
        """
        if weight is not None:
            raise ValueError("the MDF loss has no weight for each pixel: expected weight=None")
        self._check(restored, reference)
        with_gradient = restored.requires_grad and torch.is_grad_enabled()
        values = _Distance.apply(restored, reference, self, with_gradient)
        if self.reduction != "none":
            values = values.mean() if self.reduction == "mean" else values.sum()
        return values if self.loss_weight == 1 else self.loss_weight * values

    def extra_repr(self) -> str:
        return (f"stack={self.stack!r}, loss_weight={self.loss_weight:g}, reduction={self.reduction!r}, num_scales={self.num_scales}, "
                f"input_range=({self.input_range[0]:g}, {self.input_range[1]:g}), "
                f"layer_weights=({', '.join(f'{weight:g}' for weight in self.layer_weights)}), dtype={self.dtype}")

    def _apply(self, fn: Callable[[Tensor], Tensor], *args: Any, **kwargs: Any) -> MDFLoss:
        # .to(device) moves the weights; .half(), .double() and .to(dtype) leave their type alone, since `dtype` says what to compute in.
        def moved(tensor: Tensor) -> Tensor:
            result = fn(tensor)
            return result if result.dtype == tensor.dtype else tensor.to(result.device)

        return super()._apply(moved, *args, **kwargs)

    def _check(self, restored: Tensor, reference: Tensor) -> None:
        for name, image in (("restored", restored), ("reference", reference)):
            if image.dim() != 4 or image.shape[0] < 1 or image.shape[1] != 3:
                raise ValueError(f"expected a {name} image of shape (N, 3, H, W), found {tuple(image.shape)}")
            if not image.is_floating_point():
                raise TypeError(f"expected a {name} image of floating-point values in [0, 1], found {image.dtype}: convert it and divide it by its maximum")
            if min(image.shape[2:]) < MINIMUM_SIZE:
                raise ValueError(f"expected images of at least {MINIMUM_SIZE}x{MINIMUM_SIZE} pixels, found a {name} image of {image.shape[3]}x{image.shape[2]}")
        if restored.shape != reference.shape:
            raise ValueError(f"expected images of one shape, found {tuple(restored.shape)} (restored) and {tuple(reference.shape)} (reference)")
        own = self.weight_0_0.device
        if restored.device != reference.device or restored.device != own:
            raise ValueError(f"expected loss and images on one device, found {own} (loss), {restored.device} (restored) and {reference.device} (reference): "
                             "call .to(device)")
        if reference.requires_grad and torch.is_grad_enabled():
            raise ValueError("the reference requires a gradient, and the MDF loss has one for the restored image only: detach the reference, or exchange the two")
        if self.check_range and (own.type == "cpu" or not self._looked_at_range):
            low, high = (float(end) for end in torch.aminmax(reference.detach().float()))
            if not (low >= -0.1 and high <= 1.1):
                raise ValueError(f"expected a reference in [0, 1], found values from {low:.4g} to {high:.4g}: convert both images (check_range=False allows it)")
            self._looked_at_range = True

    def _scale(self, k: int, layout: torch.memory_format) -> List[Tuple[Tensor, Tensor]]:
        """Weights and biases of the five convolutions of a scale."""
        layers = []
        for layer in range(5):
            weight, bias = getattr(self, f"weight_{k}_{layer}"), getattr(self, f"bias_{k}_{layer}")
            if self.dtype == torch.bfloat16 and layer > 0:
                weight, bias = weight.bfloat16(), bias.bfloat16()
            layers.append((weight.contiguous(memory_format=layout), bias))
        return layers

    def _compare(self, restored: Tensor, reference: Tensor, with_gradient: bool) -> Tuple[Tensor, Optional[Tensor]]:
        """The loss of each image, shape (N), and its gradient, shape (N, 3, H, W)."""
        count, _, height, width = restored.shape
        on_processor = restored.device.type == "cpu"
        # The order in which oneDNN convolves fastest, and cuDNN in bfloat16.
        layout = torch.channels_last if on_processor or self.dtype == torch.bfloat16 else torch.contiguous_format
        compare = _carry_difference if self.dtype == torch.bfloat16 else _subtract
        working = torch.float64 if self.dtype == torch.float64 else torch.float32
        low, high = self.input_range
        counted = {layer: counts for layer, counts in zip((0, 3, 4), self.layer_weights) if counts}
        scales = [self._scale(k, layout)[: max(counted) + 1] for k in range(self.num_scales)]
        values = torch.zeros(count, dtype=working, device=restored.device)
        gradient = torch.zeros(restored.shape, dtype=working, device=restored.device) if with_gradient else None
        for part in _parts(count, height, width, PROCESSOR_PIXELS if on_processor else ACCELERATOR_PIXELS):
            found, wanted = ((image[part.images, :, part.rows].to(working) * (high - low) + low).contiguous(memory_format=layout) for image in (restored, reference))
            for layers in scales:
                differences, activations = compare(layers, counted, found, wanted, with_gradient)
                for layer, counts in counted.items():
                    difference = differences[layer]
                    _keep_owned(difference, part, layer)
                    factor = counts / (difference.shape[1] * (height - 2 * (layer + 1)) * (width - 2 * (layer + 1)))
                    values[part.images] += factor * difference.to(working).square().sum((1, 2, 3))
                    difference.mul_(2 * factor)
                if gradient is not None:
                    gradient[part.images, :, part.rows] += _lead_back(layers, differences, activations, found)
                del difference, differences, activations  # before the next scale's
        if gradient is not None:
            gradient *= high - low
        return values, gradient


class MDFPerceptualLoss(MDFLoss):
    """The MDF loss for BasicSR's `perceptual_opt`, which expects two values: the loss, and None for the style loss that it has not."""

    def forward(self, restored: Tensor, reference: Tensor, weight: Optional[Tensor] = None) -> Tuple[Tensor, None]:  # type: ignore[override]
        return super().forward(restored, reference, weight), None


def register(registry: Any) -> None:
    """Makes the losses known to BasicSR by their names. Importing this module after `basicsr` does so by itself.

    Args:
        registry: BasicSR's `LOSS_REGISTRY`, or one with its interface.
    """
    for kind in (MDFLoss, MDFPerceptualLoss):
        if kind.__name__ not in registry:
            registry.register(kind)


# --------------------------------------------------------------------------------------------------- value and gradient, no graph


class _Distance(torch.autograd.Function):
    """Puts values into the graph whose gradient is known already."""

    @staticmethod
    def forward(ctx: Any, restored: Tensor, reference: Tensor, loss: MDFLoss, with_gradient: bool) -> Tensor:
        with _without_autocast(restored.device.type):
            values, gradient = loss._compare(restored, reference, with_gradient)
        if gradient is not None:
            ctx.save_for_backward(gradient)
        ctx.type = restored.dtype
        return values.double() if torch.float64 in (restored.dtype, reference.dtype) else values

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tuple[Optional[Tensor], ...]:
        (gradient,) = ctx.saved_tensors
        with torch.no_grad():
            # Multiplied first: with a loss that is scaled up for float16, the product fits where the gradient alone would be 0.
            result = (upstream.to(gradient.dtype).view(-1, 1, 1, 1) * gradient).to(ctx.type)
        if torch.is_grad_enabled():
            result = _Once.apply(result.requires_grad_())
        return result, None, None, None


class _Once(torch.autograd.Function):
    """The identity, which cannot be differentiated: a gradient without a graph must not pass for a constant."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        raise RuntimeError("the MDF loss has no second derivatives: its gradient is computed without a graph")


def _without_autocast(device: str) -> Any:
    try:
        return torch.autocast(device, enabled=False)
    except RuntimeError:  # a device that has no autocast
        return nullcontext()


class _Part(NamedTuple):
    """Some rows of some images. It owns the rows of the final map from first to last; its input has ten more."""

    images: slice
    rows: slice
    is_first: bool
    is_last: bool


def _parts(count: int, height: int, width: int, pixels: int) -> Iterator[_Part]:
    together = max(1, pixels // (height * width))
    owned = height - 10
    strips = math.ceil(owned / max(FEWEST_ROWS, pixels // width - 10))
    step = math.ceil(owned / strips)
    for image in range(0, count, together):
        for top in range(0, owned, step):
            bottom = min(top + step, owned)
            yield _Part(slice(image, min(image + together, count)), slice(top, bottom + 10), top == 0, bottom == owned)


def _keep_owned(difference: Tensor, part: _Part, layer: int) -> None:
    """Sets the rows of a map to zero that count in the strip above or below."""
    margin = MARGINS[layer]
    if margin and not part.is_first:
        difference[:, :, :margin] = 0
    if margin and not part.is_last:
        difference[:, :, -margin:] = 0


_Layers = List[Tuple[Tensor, Tensor]]


def _subtract(layers: _Layers, counted: Dict[int, float], restored: Tensor, reference: Tensor, with_gradient: bool) -> Tuple[List[Any], List[Any]]:
    """Compares the features of both images: differences of the layers that count, and the restored image's activations."""
    differences: List[Any] = [None] * 5
    activations: List[Any] = [None] * 4
    for layer, (weight, bias) in enumerate(layers):
        reference = F.conv2d(reference, weight, bias)
        if layer < 4:
            F.leaky_relu_(reference, SLOPE)
        if layer in counted:
            differences[layer] = reference
    del reference
    for layer, (weight, bias) in enumerate(layers):
        restored = F.conv2d(restored, weight, bias)
        if layer < 4:
            F.leaky_relu_(restored, SLOPE)
            activations[layer] = restored if with_gradient else None
        if layer in counted:
            torch.sub(restored, differences[layer], out=differences[layer])
    return differences, activations


def _carry_difference(layers: _Layers, counted: Dict[int, float], restored: Tensor, reference: Tensor, with_gradient: bool) -> Tuple[List[Any], List[Any]]:
    """Compares by carrying the difference of the images through the layers, for a type in which two rounded maps leave little but rounding."""
    differences: List[Any] = [None] * 5
    activations: List[Any] = [None] * 4
    difference = restored - reference
    for layer, (weight, bias) in enumerate(layers):
        difference = F.conv2d(difference, weight).bfloat16()
        if layer < 4:
            reference = F.leaky_relu_(F.conv2d(reference, weight, bias), SLOPE).bfloat16()
            # leaky(z + d) - leaky(z) = s d + (1 - s) (relu(z + d) - relu(z)), and the bracket is max(d + min(z, 0), -max(z, 0)).
            # The reference is behind leaky ReLU already: z is a / s where a is negative.
            risen = torch.maximum(torch.add(difference, reference.clamp(max=0), alpha=1 / SLOPE), reference.clamp(min=0).neg_())
            difference = difference.mul_(SLOPE).add_(risen, alpha=1 - SLOPE)
            activations[layer] = reference + difference if with_gradient else None
        if layer in counted:
            differences[layer] = difference if layer < 4 else difference.float()
    return differences, activations


def _lead_back(layers: _Layers, differences: List[Any], activations: List[Any], image: Tensor) -> Tensor:
    """The gradient of the restored image from those of the layers; uses up both lists."""
    gradient: Any = None  # the last of the layers is one that counts
    for layer in reversed(range(len(layers))):
        own = differences[layer]
        differences[layer] = None
        if own is not None:
            gradient = own if gradient is None else gradient.add_(own)
        if layer < 4:
            torch.ops.aten.leaky_relu_backward(gradient, activations[layer], SLOPE, True, grad_input=gradient)
            activations[layer] = None
        weight = layers[layer][0]
        gradient = _through_convolution(gradient.to(weight.dtype), activations[layer - 1] if layer else image, weight)
    return gradient


def _through_convolution(gradient: Tensor, inputs: Tensor, weight: Tensor) -> Tensor:
    """The gradient of a convolution's input, of which only shape and order matter."""
    return torch.ops.aten.convolution_backward(gradient, inputs, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, False, False])[0]


# --------------------------------------------------------------------------------------------------------------- stacks and files


class _Stack(NamedTuple):
    scales: List[List[Tuple[Tensor, Tensor]]]  # the five convolutions of each, batch norm folded in, float64
    input_range: Sequence[float]
    layer_weights: Sequence[float]


MOST_SCALES = 32  # a start of 25 pixels times 0.75^-30 is 140,000 pixels
LARGEST_WIDTH = 512
LARGEST_FILE = 2**30  # a stack of eight scales has 2.3 MB
LARGEST_HEADER = 100_000_000  # the bound of safetensors' own reader
STACK_FORMAT = "mdf-stack-2"
HEADER_CHECKSUM = "mdf.header_sha256"
TENSOR_CHECKSUMS = "mdf.tensor_sha256"
INPUT_RANGE = "input_range"
LAYER_WEIGHTS = "layer_weights"


def _read_stack(stack: str) -> _Stack:
    path = _STACKS / f"{stack}.safetensors" if stack in SHIPPED else Path(stack)
    if not path.is_file():
        raise FileNotFoundError(f"no stack {stack!r}: expected a file, or one of {', '.join(SHIPPED)}")
    if path.stat().st_size > LARGEST_FILE:
        raise StackError(f"'{path}' has {path.stat().st_size} bytes: expected a discriminator stack, which has at most {LARGEST_FILE}")
    data = path.read_bytes()
    try:
        tensors, metadata = _read_safetensors(data) if data[8:9] == b"{" else (_read_pytorch(data), {})
        found = metadata.get("format", "")
        if found.startswith("mdf-") and found != STACK_FORMAT:
            raise StackError("it is of an earlier mdf: 'mdf convert OLD.safetensors NEW.safetensors' adds the checksums" if found == "mdf-stack-1"
                             else f"expected a discriminator stack of the format '{STACK_FORMAT}', found {found[:40]!r}")
        input_range = _of_file(INPUT_RANGE, metadata, tensors)
        layer_weights = _of_file(LAYER_WEIGHTS, metadata, tensors)
        return _Stack(
            _fold_scales(tensors),
            (0.0, 1.0) if input_range is None else _input_range(input_range, INPUT_RANGE),  # what upstream feeds its stacks
            (1.0, 1.0, 1.0) if layer_weights is None else _layer_weights(layer_weights, LAYER_WEIGHTS),  # upstream's
        )
    except ValueError as error:
        raise StackError(f"cannot use '{path}' as a discriminator stack: {error}") from error


def _of_file(key: str, metadata: Dict[str, str], tensors: Dict[str, Tensor]) -> Optional[List[float]]:
    """The numbers that a file has under a name, in its metadata, or as a tensor where it was converted to PyTorch's format."""
    stored = tensors.pop(key, None)
    if key in metadata:
        try:
            return [float(part) for part in metadata[key].split(",")]
        except ValueError:
            raise StackError(f"its {key} is {metadata[key][:40]!r}") from None
    if stored is None:
        return None
    if stored.dim() != 1 or stored.numel() > 3:
        raise StackError(f"its {key} is not a few numbers")
    return [float(value) for value in stored]


def _input_range(values: Sequence[float], name: str) -> Tuple[float, float]:
    ends = tuple(float(value) for value in values)
    if len(ends) != 2 or not all(map(math.isfinite, ends)) or not ends[0] < ends[1]:
        raise ValueError(f"expected two finite numbers for {name}, the lower first, found {list(values)}")
    return ends


def _layer_weights(values: Sequence[float], name: str) -> Tuple[float, float, float]:
    weights = tuple(float(value) for value in values)
    if len(weights) != 3 or not all(weight >= 0 and math.isfinite(weight) for weight in weights) or not any(weights):
        raise ValueError(f"expected three finite numbers for {name}, none negative and not all 0, found {list(values)}")
    return weights


def _fold_scales(tensors: Dict[str, Tensor]) -> List[List[Tuple[Tensor, Tensor]]]:
    tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith(".num_batches_tracked")}
    scales = []
    while f"{len(scales)}.head.conv.weight" in tensors and len(scales) < MOST_SCALES:
        scales.append(_fold_scale(tensors, f"{len(scales)}."))
    if not scales:
        raise StackError("it has no tensor '0.head.conv.weight'")
    if tensors:
        raise StackError(f"found {next(iter(tensors))[:80]!r} beside {len(scales)} discriminators")
    return scales


def _fold_scale(tensors: Dict[str, Tensor], prefix: str) -> List[Tuple[Tensor, Tensor]]:
    first = tensors[prefix + "head.conv.weight"]
    width = first.shape[0] if first.dim() == 4 else 0
    if not 1 <= width <= LARGEST_WIDTH:
        raise StackError(f"'{prefix}head.conv.weight' has the shape {tuple(first.shape)}, expected (width, 3, 3, 3) with a width of at most {LARGEST_WIDTH}")

    def take(name: str, *shape: int) -> Tensor:
        tensor = tensors.pop(prefix + name, None)
        if tensor is None:
            raise StackError(f"the tensor '{prefix}{name}' is missing")
        if tuple(tensor.shape) != shape or not tensor.is_floating_point():
            raise StackError(f"'{prefix}{name}' is {tensor.dtype} of shape {tuple(tensor.shape)}, expected floating point of shape {shape}")
        if not bool(torch.isfinite(tensor).all()):
            raise StackError(f"'{prefix}{name}' holds numbers that are not finite")
        return tensor.double()

    layers = []
    for block, inputs in (("head", 3), ("body.block1", width), ("body.block2", width), ("body.block3", width)):
        weight, bias = take(f"{block}.conv.weight", width, inputs, 3, 3), take(f"{block}.conv.bias", width)
        # With running statistics, a batch norm is a factor and an offset for each channel.
        variance = take(f"{block}.norm.running_var", width)
        if bool((variance < 0).any()):
            raise StackError(f"'{prefix}{block}.norm.running_var' is negative")
        factor = take(f"{block}.norm.weight", width) / (variance + EPSILON).sqrt()
        bias = (bias - take(f"{block}.norm.running_mean", width)) * factor + take(f"{block}.norm.bias", width)
        layers.append((weight * factor.view(-1, 1, 1, 1), bias))
    layers.append((take("tail.weight", 1, width, 3, 3), take("tail.bias", 1)))
    return layers


# ------------------------------------------------------------------------------------------------------------------- safetensors

_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
          "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}


def _read_safetensors(data: bytes) -> Tuple[Dict[str, Tensor], Dict[str, str]]:
    """Reads a file as strictly as its definition, and verifies mdf's checksums where it has them; mdf's own formats must."""
    length = int.from_bytes(data[:8], "little")
    if length > min(LARGEST_HEADER, len(data) - 8):
        raise StackError(f"a header of {length} bytes does not fit into the file of {len(data)}")
    try:
        header = json.loads(data[8 : 8 + length].decode("utf-8"), object_pairs_hook=_without_repetition)
    except (UnicodeDecodeError, RecursionError) as error:
        raise StackError(f"its header is not JSON: {error}") from None
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise StackError("its metadata is not text")

    body = memoryview(data)[8 + length :]
    entries = {name: _entry(name, value) for name, value in header.items()}
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != end:
            raise StackError(f"the bytes of {name[:80]!r} begin at {entry.begin}, expected {end}: they overlap or leave a gap")
        end = entry.end
    if end != len(body):
        raise StackError(f"expected {end} bytes behind its header, found {len(body)}")
    _verify(entries, metadata, body)
    return {name: _tensor(bytes(body[entry.begin : entry.end]), _TYPES[entry.type], entry.shape) for name, entry in entries.items()}, metadata


class _Entry(NamedTuple):
    type: str
    shape: List[int]
    begin: int
    end: int


def _without_repetition(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise StackError("its header has a name twice")
    return result


def _entry(name: str, value: Any) -> _Entry:
    def are_sizes(numbers: Any) -> bool:
        return isinstance(numbers, list) and len(numbers) <= 8 and all(type(number) is int and 0 <= number < 2**63 for number in numbers)

    if (not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"} or not are_sizes(value["shape"])
            or not are_sizes(value["data_offsets"]) or len(value["data_offsets"]) != 2):
        raise StackError(f"expected dtype, shape and two data_offsets for the tensor {name[:80]!r}")
    kind, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(kind, str) or kind not in _TYPES:
        raise StackError(f"the tensor {name[:80]!r} has the type {str(kind)[:40]!r}, expected one of {', '.join(_TYPES)}")
    if math.prod(shape) * _size_of(_TYPES[kind]) != end - begin:
        raise StackError(f"the tensor {name[:80]!r}, {kind} of shape {shape}, does not take its {end - begin} bytes")
    return _Entry(kind, shape, begin, end)


def _verify(entries: Dict[str, _Entry], metadata: Dict[str, str], body: memoryview) -> None:
    """Compares a file with its checksums: of what the header says, and of each tensor's bytes."""
    own = metadata.get("format", "").startswith("mdf-")
    names = sorted(entries, key=_ordinal)
    if HEADER_CHECKSUM in metadata:
        digest = hashlib.sha256()

        def add(text: str) -> None:  # each text behind its length, so that no two headers give the same bytes
            encoded = text.encode("utf-8")
            digest.update(len(encoded).to_bytes(4, "little") + encoded)

        for key in sorted(metadata.keys() - {HEADER_CHECKSUM}, key=_ordinal):
            add(key)
            add(metadata[key])
        for name in names:
            add(name)
            add(entries[name].type)
            add(",".join(map(str, entries[name].shape)))
        if digest.hexdigest() != metadata[HEADER_CHECKSUM]:
            raise StackError("its header does not match its checksum: the file is corrupt; use another copy")
    elif own or TENSOR_CHECKSUMS in metadata:
        raise StackError(f"its header lacks {HEADER_CHECKSUM}: the file is corrupt; use another copy")
    if TENSOR_CHECKSUMS in metadata:
        sums = metadata[TENSOR_CHECKSUMS].split(" ") if entries else []
        if len(sums) != len(names):
            raise StackError(f"it has {len(sums)} checksums for {len(names)} tensors: the file is corrupt; use another copy")
        for name, expected in zip(names, sums):
            if hashlib.sha256(body[entries[name].begin : entries[name].end]).hexdigest() != expected:
                raise StackError(f"the bytes of the tensor {name[:80]!r} do not match their checksum: the file is corrupt; use another copy")
    elif own and metadata["format"] != "mdf-stack-1":
        raise StackError(f"its header lacks {TENSOR_CHECKSUMS}: the file is corrupt; use another copy")


def _ordinal(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")  # the order in which mdf writes checksums


def _size_of(kind: torch.dtype) -> int:
    return torch.empty((), dtype=kind).element_size()


def _tensor(data: bytes, kind: torch.dtype, shape: Sequence[int]) -> Tensor:
    if sys.byteorder != "little":
        raise StackError("this machine is big-endian, and the file is little-endian")
    return torch.frombuffer(bytearray(data), dtype=kind).reshape(shape) if data else torch.empty(shape, dtype=kind)


# ----------------------------------------------------------------------------------------------------------------- PyTorch's files


class _Stub:
    """Stands for any class or function that a pickle names, so that none of them runs."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.arguments, self.state = arguments, {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}

    def __setitem__(self, key: Any, value: Any) -> None:
        self.state[key] = value

    def __call__(self, *arguments: Any) -> _Stub:
        return _Stub(*arguments)


class _Rebuilt(NamedTuple):
    """A tensor that a pickle describes."""

    storage: Any
    offset: int
    size: Sequence[int]
    stride: Sequence[int]


class _Storage(NamedTuple):
    kind: torch.dtype
    key: str


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Rebuilt:
    return _Rebuilt(storage, offset, size, stride)


_STORAGES = {"DoubleStorage": torch.float64, "FloatStorage": torch.float32, "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16,
             "LongStorage": torch.int64, "IntStorage": torch.int32, "ShortStorage": torch.int16, "CharStorage": torch.int8,
             "ByteStorage": torch.uint8, "BoolStorage": torch.bool}


class _Unpickler(pickle.Unpickler):
    """Reads plain values, and descriptions of tensors. Whatever else a pickle names becomes a stub."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_: data
        if module == "torch" and name in _STORAGES:
            return name
        return _Stub

    def persistent_load(self, pid: Any) -> Any:
        if pid[0] == "module":  # old files keep the source of a class beside it
            return pid[1]
        return _Storage(_STORAGES[pid[1]], str(pid[2]))


def _read_pytorch(data: bytes) -> Dict[str, Tensor]:
    """Reads a dictionary of tensors, or the authors' list of discriminators, in PyTorch's present or earlier format, executing nothing."""
    try:
        content, storages = (_unzip if zipfile.is_zipfile(io.BytesIO(data)) else _read_sequence)(data)
        found = _named(content)
        return {name: _build(tensor, storages) for name, tensor in found.items()}
    except StackError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise StackError(f"it is neither a safetensors file nor a whole PyTorch file ({type(error).__name__}: {error})") from None


def _unzip(data: bytes) -> Tuple[Any, Dict[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST_FILE:
            raise StackError("its archive is too large for a stack")
        names = archive.namelist()
        (described,) = [name for name in names if name.endswith("/data.pkl")]
        folder = described[: -len("data.pkl")] + "data/"
        content = _Unpickler(io.BytesIO(archive.read(described))).load()
        return content, {name[len(folder) :]: archive.read(name) for name in names if name.startswith(folder)}


def _read_sequence(data: bytes) -> Tuple[Any, Dict[str, bytes]]:
    """Five pickles (a mark, a version, the writer's sizes, the content, the names of storages), then the storages, each behind its length."""
    file = io.BytesIO(data)
    if _Unpickler(file).load() != 0x1950A86A20F9469CFC6C:
        raise StackError("it is neither a safetensors nor a PyTorch file")
    _Unpickler(file).load()
    _Unpickler(file).load()
    kinds: Dict[str, torch.dtype] = {}

    class Recorder(_Unpickler):
        def persistent_load(self, pid: Any) -> Any:
            found = super().persistent_load(pid)
            if isinstance(found, _Storage):
                kinds[found.key] = found.kind
            return found

    content = Recorder(file).load()
    storages = {}
    for key in _Unpickler(file).load():
        size = int.from_bytes(file.read(8), "little") * _size_of(kinds[key])
        storages[key] = file.read(size)
        if len(storages[key]) != size:
            raise StackError("it ends too early")
    return content, storages


def _named(content: Any) -> Dict[str, _Rebuilt]:
    if isinstance(content, (list, tuple)):  # the authors' files: modules, coarse to fine
        content = {str(k): module for k, module in enumerate(content)}
    found: Dict[str, _Rebuilt] = {}

    def walk(prefix: str, value: Any, depth: int) -> None:
        if isinstance(value, _Rebuilt):
            found[prefix] = value
        elif depth > 8:
            raise StackError("it is nested too deeply")
        elif isinstance(value, dict):
            for name, part in value.items():
                walk(f"{prefix}.{name}" if prefix else str(name), part, depth + 1)
        elif isinstance(value, _Stub):
            for kind in ("_parameters", "_buffers", "_modules"):
                walk(prefix, value.state.get(kind) or {}, depth + 1)

    walk("", content, 0)
    return found


def _build(tensor: _Rebuilt, storages: Dict[str, bytes]) -> Tensor:
    flat = _tensor(storages[tensor.storage.key], tensor.storage.kind, [-1])
    return flat.as_strided(tensor.size, tensor.stride, tensor.offset).clone()


# ------------------------------------------------------------------------------------------------------------------------ BasicSR

if "basicsr" in sys.modules:  # importing it here would load OpenCV and torchvision for whoever does not use it
    try:
        from basicsr.utils.registry import LOSS_REGISTRY
    except ImportError:
        pass
    else:
        register(LOSS_REGISTRY)
