"""Values, gradients and manners of the loss."""
import contextlib
import copy
import io
import pickle
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
import torch.distributed
import torch.multiprocessing
from torch import nn

import mdf_loss
import plain
from mdf_loss import MDFLoss, MDFPerceptualLoss

HERE = Path(__file__).resolve().parent
REFERENCE_MATERIAL = HERE.parents[2] / "shared" / "reference"
RANGES = {"jpeg": (-1.8, 1.8), "sisr": (-1.8, 1.8), "denoise": (-1.4, 1.4)}
LAYERS = {"jpeg": (1, 1, 1), "sisr": (1, 1, 1), "denoise": (0, 0, 1)}


def draw(*shape, seed=0, dtype=torch.float32):
    """A reference, and a copy with noise."""
    random = torch.Generator().manual_seed(seed)
    reference = torch.rand(shape, generator=random, dtype=torch.float64)
    restored = reference + 0.1 * torch.randn(shape, generator=random, dtype=torch.float64)
    return restored.to(dtype).requires_grad_(), reference.to(dtype)


def with_gradient(value, image):
    return value.detach(), torch.autograd.grad(value.sum(), image)[0]


def apart(found, wanted):
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())


def plainly(name, restored, reference, **options):
    stack = {key: tensor.to(restored.dtype) for key, tensor in plain.read(plain.STACKS / f"{name}.safetensors").items()}
    return plain.losses(stack, restored, reference, **{"input_range": RANGES[name], "layer_weights": LAYERS[name], **options})


class ValueTests(unittest.TestCase):
    def test_value_and_gradient_are_those_of_the_mdf_program(self):
        golden = plain.read(HERE / "golden.safetensors")  # written by golden.cs
        for name in mdf_loss.SHIPPED:
            with self.subTest(name):
                restored = golden["restored"].clone().requires_grad_()
                values = MDFLoss(name, reduction="none")(restored, golden["reference"])
                torch.testing.assert_close(values.detach(), golden[f"{name}.values"], rtol=1e-5, atol=0)
                restored = golden["restored"].clone().requires_grad_()
                value, gradient = with_gradient(MDFLoss(name)(restored, golden["reference"]), restored)
                self.assertLess(apart(value, golden[f"{name}.values"].mean()), 1e-5)
                self.assertLess(apart(gradient, golden[f"{name}.gradient"]), 1e-4)

    def test_value_and_gradient_are_those_of_autograd_in_float64(self):
        for name in mdf_loss.SHIPPED:
            with self.subTest(name):
                restored, reference = draw(2, 3, 21, 26, dtype=torch.float64)
                wanted, gradient = with_gradient(plainly(name, restored, reference), restored)
                value, found = with_gradient(MDFLoss(name, reduction="none", dtype=torch.float64)(restored, reference), restored)
                self.assertLess(apart(value, wanted), 1e-12)
                self.assertLess(apart(found, gradient), 1e-12)

    def test_float32_is_near_autograd_in_float64(self):
        golden = plain.read(HERE / "golden.safetensors")  # no activation of this pair lies within rounding of leaky ReLU's kink
        for name in mdf_loss.SHIPPED:
            with self.subTest(name):
                restored, reference = golden["restored"].double().requires_grad_(), golden["reference"].double()
                wanted, gradient = with_gradient(plainly(name, restored, reference), restored)
                value, found = with_gradient(MDFLoss(name, reduction="none")(restored.float(), reference.float()), restored)
                self.assertLess(apart(value, wanted), 1e-5)
                self.assertLess(apart(found, gradient), 1e-4)

    def test_gradient_agrees_with_finite_differences(self):
        restored, reference = draw(1, 3, 12, 12, dtype=torch.float64)
        loss = MDFLoss("jpeg", num_scales=2, dtype=torch.float64)
        self.assertTrue(torch.autograd.gradcheck(lambda image: loss(image, reference), (restored,), eps=1e-7, atol=1e-5))

    def test_loss_is_zero_for_identical_images(self):
        image, _ = draw(1, 3, 16, 16)
        image = image.detach().clamp(0, 1).requires_grad_()
        for dtype in (torch.float32, torch.bfloat16):
            value, gradient = with_gradient(MDFLoss("jpeg", dtype=dtype)(image, image.detach()), image)
            self.assertEqual(float(value), 0)
            self.assertEqual(float(gradient.abs().max()), 0)

    def test_reductions_and_weight(self):
        restored, reference = draw(3, 3, 14, 15)
        each, _ = with_gradient(MDFLoss("jpeg", reduction="none")(restored, reference), restored)
        self.assertEqual(each.shape, (3,))
        mean, gradient = with_gradient(MDFLoss("jpeg")(restored, reference), restored)
        total, of_total = with_gradient(MDFLoss("jpeg", 0.5, "sum")(restored, reference), restored)
        torch.testing.assert_close(mean, each.mean())
        torch.testing.assert_close(total, 0.5 * each.sum())
        torch.testing.assert_close(of_total, 1.5 * gradient)

    def test_an_image_counts_alike_alone_and_in_a_batch(self):
        restored, reference = draw(3, 3, 14, 15, dtype=torch.float64)
        loss = MDFLoss("sisr", reduction="none", dtype=torch.float64)
        torch.testing.assert_close(torch.cat([loss(a[None], b[None]) for a, b in zip(restored, reference)]), loss(restored, reference))

    def test_strips_and_groups_change_nothing(self):
        for layers in ((1, 1, 1), (1, 0, 0), (0, 2, 0), (0, 0, 1), (0.5, 0, 2)):
            restored, reference = draw(3, 3, 61, 17, dtype=torch.float64)
            loss = MDFLoss("jpeg", reduction="none", dtype=torch.float64, num_scales=2, layer_weights=layers)
            value, gradient = with_gradient(loss(restored, reference), restored)
            wanted, expected = with_gradient(plainly("jpeg", restored, reference, scales=range(2), layer_weights=layers), restored)
            self.assertLess(max(apart(value, wanted), apart(gradient, expected)), 1e-12)
            for pixels, rows in ((1, 1), (1, 7), (1, 50), (300, 8), (2 * 61 * 17, 8)):
                with self.subTest(layers=layers, pixels=pixels, rows=rows), \
                        mock.patch.object(mdf_loss, "PROCESSOR_PIXELS", pixels), mock.patch.object(mdf_loss, "FEWEST_ROWS", rows):
                    found, moved = with_gradient(loss(restored, reference), restored)
                    self.assertLess(max(apart(found, value), apart(moved, gradient)), 1e-12)

    def test_options_do_what_they_say(self):
        restored, reference = draw(2, 3, 15, 14, dtype=torch.float64)
        wanted = plainly("jpeg", restored, reference, scales=(7, 6, 5), input_range=(-1, 0.5), layer_weights=(0.5, 0, 2))
        loss = MDFLoss("jpeg", reduction="none", num_scales=3, ascending=False, input_range=(-1, 0.5), layer_weights=(0.5, 0, 2), dtype=torch.float64)
        self.assertLess(apart(loss(restored, reference), wanted), 1e-12)

    @unittest.skipUnless(REFERENCE_MATERIAL.is_dir(), "the authors' files are not beside the repository")
    def test_the_authors_files_give_the_authors_numbers(self):
        for name in ("SISR", "JPEG"):
            golden = plain.read(REFERENCE_MATERIAL / "golden" / f"mdf_{name.lower()}.safetensors")
            for count, ascending in ((8, True), (3, True), (3, False)):
                with self.subTest(name, count=count, ascending=ascending):
                    restored = golden["restored"].clone().requires_grad_()
                    loss = MDFLoss(REFERENCE_MATERIAL / "upstream" / f"Ds_{name}.pth", num_scales=count, ascending=ascending)
                    value, gradient = with_gradient(loss(restored, golden["reference"]), restored)
                    key = f"scales{count}_{'ascending' if ascending else 'descending'}"
                    self.assertLess(apart(value, golden[f"loss_{key}"].sum()), 1e-5)
                    # An activation within rounding of the kink falls on either side: the golden gradients lie up to 2.4e-3 from float64.
                    self.assertLess(apart(gradient, golden[f"grad_{key}"]), 4e-3)


class TypeTests(unittest.TestCase):
    def test_half_precision_images_are_computed_in_float32(self):
        for dtype in (torch.float16, torch.bfloat16):
            restored, reference = draw(1, 3, 16, 16, dtype=dtype)
            value, gradient = with_gradient(MDFLoss("jpeg")(restored, reference), restored)
            single = restored.detach().float().requires_grad_()
            wanted, expected = with_gradient(MDFLoss("jpeg")(single, reference.float()), single)
            self.assertEqual((value.dtype, gradient.dtype), (torch.float32, dtype))
            self.assertEqual(value, wanted)
            torch.testing.assert_close(gradient, expected.to(dtype))

    def test_types_may_differ_as_under_autocast(self):
        restored, reference = draw(1, 3, 16, 16)
        value = MDFLoss("jpeg")(restored.bfloat16(), reference)
        self.assertEqual(value.dtype, torch.float32)
        self.assertEqual(MDFLoss("jpeg")(restored, reference.double()).dtype, torch.float64)

    def test_autocast_changes_nothing(self):
        restored, reference = draw(1, 3, 16, 16)
        loss = MDFLoss("jpeg")
        wanted, expected = with_gradient(loss(restored, reference), restored)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found, gradient = with_gradient(loss(restored, reference), restored)
        self.assertEqual(found, wanted)
        self.assertTrue(torch.equal(gradient, expected))

    def test_a_large_scale_of_the_loss_keeps_small_gradients_of_float16(self):
        restored, reference = draw(1, 3, 64, 64, dtype=torch.float16)
        loss = MDFLoss("jpeg", 1e-7)
        _, gradient = with_gradient(loss(restored, reference), restored)
        _, scaled = with_gradient(loss(restored, reference) * 65536, restored)
        self.assertGreater(int((scaled != 0).sum()), int((gradient != 0).sum()))

    def test_bfloat16_is_near_float32_also_for_near_images(self):
        for noise in (1, 0.05):
            restored, reference = draw(1, 3, 40, 40)
            restored = (reference + noise * (restored.detach() - reference)).requires_grad_()
            wanted, expected = with_gradient(MDFLoss("jpeg")(restored, reference), restored)
            value, gradient = with_gradient(MDFLoss("jpeg", dtype=torch.bfloat16)(restored, reference), restored)
            self.assertEqual(value.dtype, torch.float32)
            self.assertLess(apart(value, wanted), 1e-2)
            self.assertLess(apart(gradient, expected), 6e-2)


class GradientTests(unittest.TestCase):
    def test_a_step_against_the_gradient_makes_the_loss_smaller(self):
        torch.manual_seed(0)
        network = nn.Conv2d(3, 3, 3, padding=1)
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        loss, (noisy, reference) = MDFLoss("denoise"), draw(2, 3, 24, 24)
        values = []
        for _ in range(15):
            value = loss(network(noisy.detach()), reference)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            values.append(float(value))
        self.assertLess(values[-1], 0.7 * values[0])

    def test_only_the_gradient_is_kept_for_the_way_back(self):
        restored, reference = draw(2, 3, 20, 20)
        value = MDFLoss("jpeg", reduction="none")(restored, reference)
        (kept,) = value.grad_fn.saved_tensors
        self.assertEqual(kept.shape, restored.shape)

    def test_the_images_may_be_overwritten_before_the_way_back(self):
        restored, reference = draw(1, 3, 16, 16)
        _, wanted = with_gradient(MDFLoss("jpeg")(restored, reference), restored)
        output = restored * 1
        value = MDFLoss("jpeg")(output, reference)
        with torch.no_grad():
            output.zero_()
            reference.zero_()
        self.assertTrue(torch.equal(with_gradient(value, restored)[1], wanted))

    def test_nothing_is_computed_for_a_gradient_that_nobody_wants(self):
        restored, reference = draw(1, 3, 16, 16)
        with torch.no_grad():
            self.assertFalse(MDFLoss("jpeg")(restored, reference).requires_grad)
        with torch.inference_mode():
            self.assertFalse(MDFLoss("jpeg")(restored.detach(), reference).requires_grad)
        self.assertFalse(MDFLoss("jpeg")(restored.detach(), reference).requires_grad)

    def test_second_derivatives_are_refused(self):
        restored, reference = draw(1, 3, 16, 16)
        (gradient,) = torch.autograd.grad(MDFLoss("jpeg")(restored, reference), restored, create_graph=True)
        with self.assertRaisesRegex(RuntimeError, "no second derivatives"):
            gradient.square().sum().backward()

    def test_gradients_of_the_reference_are_refused(self):
        restored, reference = draw(1, 3, 16, 16)
        with self.assertRaisesRegex(ValueError, "detach the reference"):
            MDFLoss("jpeg")(restored, reference.requires_grad_())


class RefusalTests(unittest.TestCase):
    def refuse(self, restored, reference, expected, kind=ValueError, **options):
        with self.assertRaisesRegex(kind, expected) as caught:
            MDFLoss("jpeg", **options)(restored, reference)
        self.assertNotIn("\n", str(caught.exception))

    def test_images_that_are_none(self):
        good = torch.rand(1, 3, 16, 16)
        self.refuse(good[0], good[0], r"restored image of shape \(N, 3, H, W\), found \(3, 16, 16\)")
        self.refuse(good[:, :1], good[:, :1], r"found \(1, 1, 16, 16\)")
        self.refuse(good[:0], good[:0], r"found \(0, 3, 16, 16\)")
        self.refuse(good, good[:, :, :15], "images of one shape")
        self.refuse(good[..., :10], good[..., :10], "at least 11x11 pixels, found a restored image of 10x16")
        self.refuse((good * 255).byte(), good, "floating-point", TypeError)
        self.refuse(good.to("meta"), good.to("meta"), "one device, found cpu")

    def test_a_reference_in_another_range(self):
        good = torch.rand(1, 3, 16, 16)
        self.refuse(good, good * 255, r"a reference in \[0, 1\], found values from")
        self.refuse(good, good * 2 - 1, r"a reference in \[0, 1\], found values from -")
        self.refuse(good, good * float("nan"), r"found values from nan to nan")
        MDFLoss("jpeg")(good * 3 - 1, good)
        MDFLoss("jpeg", check_range=False)(good, good * 2 - 1)

    def test_options_that_are_none(self):
        for options, expected in (
            ({"reduction": "average"}, "'mean', 'sum' or 'none'"),
            ({"num_scales": 9}, "num_scales from 1 to 8"),
            ({"num_scales": 0}, "num_scales from 1 to 8"),
            ({"input_range": (1, 0)}, "the lower first"),
            ({"layer_weights": (0, 0, 0)}, "not all 0"),
            ({"layer_weights": (1, -1, 0)}, "none negative"),
            ({"dtype": torch.float16}, "float32, float64 or bfloat16"),
            ({"loss_weight": float("nan")}, "finite loss_weight"),
        ):
            with self.subTest(options), self.assertRaisesRegex(ValueError, expected):
                MDFLoss("jpeg", **options)
        with self.assertRaisesRegex(FileNotFoundError, "expected a file, or one of denoise, jpeg, sisr"):
            MDFLoss("jpg")
        with self.assertRaisesRegex(ValueError, "no weight for each pixel"):
            MDFLoss("jpeg")(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16), torch.ones(1, 3, 16, 16))


class ModuleTests(unittest.TestCase):
    def test_a_checkpoint_holds_the_weights_only_if_asked(self):
        class Trainer(nn.Module):
            def __init__(self, loss):
                super().__init__()
                self.network, self.loss = nn.Conv2d(3, 3, 1), loss

        self.assertEqual(list(Trainer(MDFLoss("jpeg")).state_dict()), ["network.weight", "network.bias"])
        self.assertEqual(list(MDFLoss("jpeg").parameters()), [])
        kept = MDFLoss("jpeg", persistent=True)
        self.assertEqual(len(kept.state_dict()), 80)
        kept.load_state_dict(MDFLoss("jpeg", persistent=True).state_dict())

    def test_conversion_moves_the_weights_and_leaves_their_type(self):
        restored, reference = draw(1, 3, 16, 16)
        loss = MDFLoss("jpeg")
        wanted = loss(restored, reference)
        for changed in (loss.half(), loss.double(), loss.to(torch.bfloat16), loss.to("cpu", torch.float16), loss.train(), loss.eval(), loss.requires_grad_()):
            self.assertEqual({buffer.dtype for buffer in changed.buffers()}, {torch.float32})
            self.assertEqual(changed(restored, reference), wanted)
        self.assertEqual({buffer.device.type for buffer in loss.to("meta").buffers()}, {"meta"})

    def test_copies_give_the_same_value(self):
        restored, reference = draw(1, 3, 16, 16)
        loss = MDFLoss("sisr", 0.1, "sum", num_scales=3)
        file = io.BytesIO(pickle.dumps(loss))
        for other in (copy.deepcopy(loss), pickle.load(file)):
            self.assertEqual(other(restored, reference), loss(restored, reference))
            self.assertEqual(repr(other), repr(loss))

    def test_its_text_tells_what_it_is(self):
        self.assertEqual(repr(MDFLoss("denoise", 0.1)), "MDFLoss(stack='denoise', loss_weight=0.1, reduction='mean', num_scales=8, "
                         "input_range=(-1.4, 1.4), layer_weights=(0, 0, 1), dtype=torch.float32)")

    def test_version_is_that_of_the_program(self):
        properties = HERE.parents[1] / "Directory.Build.props"
        self.assertIn(f"<Version>{mdf_loss.__version__}</Version>", properties.read_text())
        self.assertIn(f'version = "{mdf_loss.__version__}"', (HERE.parent / "pyproject.toml").read_text())


class Restorer(nn.Module):
    """A network with the loss inside, as some trainers have it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.network = nn.Conv2d(3, 3, 3, padding=1)
        self.loss = MDFLoss("jpeg", num_scales=5)

    def forward(self, noisy, reference):
        return self.loss(self.network(noisy), reference)


def train_shard(rank, folder):
    """One of two processes: trains on its half of the batch, the loss once outside and once inside what is distributed."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    noisy, reference = draw(4, 3, 16, 16)
    noisy, reference = noisy.detach()[2 * rank : 2 * rank + 2], reference[2 * rank : 2 * rank + 2]
    inside = Restorer()
    outside = copy.deepcopy(inside)
    distributed = nn.parallel.DistributedDataParallel(inside)
    for _ in range(2):  # buffers are sent around before the second pass
        inside.zero_grad()
        distributed(noisy, reference).backward()
    network = nn.parallel.DistributedDataParallel(outside.network)
    outside.loss(network(noisy), reference).backward()
    torch.save([inside.network.weight.grad, outside.network.weight.grad], f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@unittest.skipUnless(torch.distributed.is_available(), "PyTorch was built without torch.distributed")
class DistributedTests(unittest.TestCase):
    def test_two_processes_get_the_gradient_of_the_whole_batch(self):
        noisy, reference = draw(4, 3, 16, 16)
        alone = Restorer()
        alone(noisy.detach(), reference).backward()
        with tempfile.TemporaryDirectory() as folder:
            torch.multiprocessing.spawn(train_shard, (folder,), nprocs=2)
            for rank in range(2):
                for gradient in torch.load(f"{folder}/{rank}.pt"):
                    self.assertLess(apart(gradient, alone.network.weight.grad), 1e-4)


STAND_IN = '''
import sys, types
class Registry:
    def __init__(self): self.kinds = {}
    def register(self, kind):
        assert kind.__name__ not in self.kinds
        self.kinds[kind.__name__] = kind
    def __contains__(self, name): return name in self.kinds
    def get(self, name): return self.kinds[name]
for name in ("basicsr", "basicsr.utils", "basicsr.utils.registry"):
    sys.modules[name] = types.ModuleType(name)
registry = sys.modules["basicsr.utils.registry"].LOSS_REGISTRY = Registry()
'''


class BasicSRTests(unittest.TestCase):
    def run_python(self, program):
        environment = [str(Path(mdf_loss.__file__).resolve().parents[1])]
        return subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {environment!r}\n{program}"],
                              check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def test_imported_after_basicsr_the_losses_are_in_its_registry(self):
        found = self.run_python(STAND_IN + '''
import importlib, mdf_loss
importlib.import_module("mdf_loss")
options = {"type": "MDFLoss", "stack": "jpeg", "loss_weight": 0.1, "reduction": "mean"}
print(type(registry.get(options.pop("type"))(**options)).__name__, *sorted(registry.kinds))
''')
        self.assertEqual(found, "MDFLoss MDFLoss MDFPerceptualLoss")

    def test_imported_before_basicsr_they_are_registered_by_hand(self):
        found = self.run_python("import mdf_loss\nprint('basicsr' in sys.modules)" + STAND_IN + "mdf_loss.register(registry)\nmdf_loss.register(registry)\nprint(len(registry.kinds))")
        self.assertEqual(found.split(), ["False", "2"])

    def test_a_basicsr_of_another_make_is_no_obstacle(self):
        self.assertEqual(self.run_python("import types\nsys.modules['basicsr'] = types.ModuleType('basicsr')\nimport mdf_loss\nprint('ok')"), "ok")

    def test_a_perceptual_loss_is_two_values(self):
        restored, reference = draw(1, 3, 16, 16)
        value, style = MDFPerceptualLoss("jpeg", 0.1)(restored, reference)
        self.assertEqual(value, MDFLoss("jpeg", 0.1)(restored, reference, weight=None))
        self.assertIsNone(style)


if __name__ == "__main__":
    unittest.main()
