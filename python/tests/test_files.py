"""Reading stacks: every format, and nothing that is damaged or malicious."""
import json
import os
import pickle
import random
import struct
import tempfile
import unittest
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

import mdf_loss
import plain
from mdf_loss import MDFLoss, StackError

REFERENCE_MATERIAL = Path(__file__).resolve().parents[3] / "shared" / "reference"
JPEG = plain.STACKS / "jpeg.safetensors"


class Block(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(inputs, width, 3), nn.BatchNorm2d(width)


class WDiscriminator(nn.Module):
    """The shape of the authors' modules, whose files hold them whole."""

    def __init__(self, width):
        super().__init__()
        self.head = Block(3, width)
        self.body = nn.Sequential(OrderedDict((f"block{i}", Block(width, width)) for i in (1, 2, 3)))
        self.tail = nn.Conv2d(width, 1, 3)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


class FileTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, data, name="stack.safetensors"):
        (self.folder / name).write_bytes(data)
        return self.folder / name

    def refuse(self, path, expected):
        with self.assertRaisesRegex(StackError, expected) as caught:
            MDFLoss(path)
        self.assertNotIn("\n", str(caught.exception))

    def assert_same(self, first, second):
        self.assertEqual([name for name, _ in first.named_buffers()], [name for name, _ in second.named_buffers()])
        for one, other in zip(first.buffers(), second.buffers()):
            self.assertTrue(torch.equal(one, other))


class SafetensorsTests(FileTests):
    def setUp(self):
        super().setUp()
        data = JPEG.read_bytes()
        length = int.from_bytes(data[:8], "little")
        self.header, self.body = json.loads(data[8 : 8 + length]), data[8 + length :]

    def packed(self, header=None, body=None):
        text = header if isinstance(header, bytes) else json.dumps(self.header if header is None else header).encode()
        return struct.pack("<Q", len(text)) + text + (self.body if body is None else body)

    def without_checksums(self):
        self.header["__metadata__"] = {"input_range": "-1,1", "layer_weights": "1,0,0.5"}

    def test_a_file_is_taken_by_name_and_by_path(self):
        self.assert_same(MDFLoss("jpeg"), MDFLoss(JPEG))
        self.assert_same(MDFLoss("jpeg"), MDFLoss(str(JPEG)))

    def test_a_header_that_another_program_wrote_anew_is_taken(self):
        self.assert_same(MDFLoss("jpeg"), MDFLoss(self.write(self.packed())))

    def test_a_file_of_another_program_needs_no_checksums(self):
        self.without_checksums()
        loss = MDFLoss(self.write(self.packed()))
        self.assertEqual((loss.input_range, loss.layer_weights), ((-1, 1), (1, 0, 0.5)))
        del self.header["__metadata__"]
        loss = MDFLoss(self.write(self.packed()))
        self.assertEqual((loss.input_range, loss.layer_weights), ((0, 1), (1, 1, 1)))

    def test_no_damaged_byte_goes_unseen(self):
        data, draws = bytearray(JPEG.read_bytes()), random.Random(1)
        header = 8 + int.from_bytes(data[:8], "little")
        for place in [*range(12), *(draws.randrange(header - 16) for _ in range(150)), *(draws.randrange(header, len(data)) for _ in range(50))]:
            kept, data[place] = data[place], data[place] ^ draws.randrange(1, 256)
            with self.subTest(place=place, byte=data[place]):
                self.refuse(self.write(data), "cannot use")
            data[place] = kept

    def test_a_file_that_ends_too_early_or_too_late(self):
        data = JPEG.read_bytes()
        for length in (0, 1, 7, 8, 9, 1000, 40000, len(data) - 1):
            with self.subTest(length):
                self.refuse(self.write(data[:length]), "cannot use")
        self.refuse(self.write(data + b"\0"), "bytes behind its header")

    def test_headers_that_are_none(self):
        for header, expected in (
            (b"{", "cannot use"),
            (b"{}", "bytes behind its header"),
            (b'{"a": 1}', "expected dtype, shape and two data_offsets"),
            (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', "twice"),
            (b'{"a": {"dtype": "F33", "shape": [1], "data_offsets": [0, 4]}}', "has the type 'F33'"),
            (b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', "expected dtype, shape"),
            (b'{"a": {"dtype": "F32", "shape": [true], "data_offsets": [0, 4]}}', "expected dtype, shape"),
            (b'{"a": {"dtype": "F32", "shape": [9223372036854775807, 9223372036854775807], "data_offsets": [0, 4]}}', "does not take"),
            (b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}', "does not take"),
            (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}', "overlap or leave a gap"),
            (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], "b": 1}}', "expected dtype, shape"),
            (b'{"__metadata__": {"a": 1}}', "metadata is not text"),
            (b'{"a": ' + 100_000 * b"[", "cannot use"),
            (b"{\xff}", "not JSON"),
        ):
            with self.subTest(header[:60]):
                self.refuse(self.write(self.packed(header)), expected)
        self.refuse(self.write(struct.pack("<Q", 2**63) + b"{}"), "does not fit")

    def test_weights_that_are_no_stack(self):
        def changed(change):
            def apply():
                self.setUp()
                self.without_checksums()
                change()
                return self.write(self.packed())
            return apply

        def rename(name, other):
            self.header[other] = self.header.pop(name)

        def reshape(name, shape):
            self.header[name]["shape"] = shape

        def fill(name, value):
            begin, end = self.header[name]["data_offsets"]
            self.body = self.body[:begin] + struct.pack("<f", value) * ((end - begin) // 4) + self.body[end:]

        for change, expected in (
            (lambda: rename("3.tail.bias", "3.tail.bais"), "'3.tail.bias' is missing"),
            (lambda: rename("0.head.conv.weight", "head"), "no tensor '0.head.conv.weight'"),
            (lambda: rename("4.head.conv.weight", "40.head.conv.weight"), "beside 4 discriminators"),
            (lambda: reshape("1.tail.weight", [32, 1, 3, 3]), "expected floating point of shape"),
            (lambda: reshape("1.head.conv.weight", [864]), "expected \\(width, 3, 3, 3\\)"),
            (lambda: fill("2.head.norm.weight", float("nan")), "not finite"),
            (lambda: fill("2.head.norm.running_var", -1), "is negative"),
            (lambda: self.header["__metadata__"].update(input_range="1,0"), "the lower first"),
            (lambda: self.header["__metadata__"].update(layer_weights="1,x,0"), "layer_weights"),
            (lambda: self.header["__metadata__"].update(format="mdf-stack-2"), "lacks mdf.header_sha256"),
            (lambda: self.header["__metadata__"].update(format="mdf-stack-1"), "lacks mdf.header_sha256"),
        ):
            with self.subTest(expected):
                self.refuse(changed(change)(), expected)

    def test_a_network_is_no_stack(self):
        (network, *_) = sorted((plain.STACKS.parent).glob("*.safetensors"))
        self.refuse(network, "expected a discriminator stack of the format 'mdf-stack-2', found 'mdf-network-2'")


class PyTorchTests(FileTests):
    def tensors(self):
        return {**plain.read(JPEG), "input_range": torch.tensor([-1.8, 1.8]), "layer_weights": torch.tensor([1.0, 0.5, 1.0])}

    def test_what_mdf_converts_is_taken_in_both_formats(self):
        for zipped in (True, False):
            torch.save(self.tensors(), self.folder / "stack.pt", _use_new_zipfile_serialization=zipped)
            loss = MDFLoss(self.folder / "stack.pt")
            self.assert_same(loss, MDFLoss("jpeg"))
            self.assertAlmostEqual(loss.input_range[0], -1.8, 6)
            self.assertEqual(loss.layer_weights, (1, 0.5, 1))

    def test_a_list_of_modules_is_taken_without_their_code(self):
        tensors = plain.read(JPEG)
        modules = [WDiscriminator(32 if k < 4 else 64) for k in range(8)]
        for k, module in enumerate(modules):
            module.load_state_dict({name[2:]: tensor for name, tensor in tensors.items() if name.startswith(f"{k}.")}, strict=False)
        for zipped in (True, False):
            torch.save(modules, self.folder / "Ds.pth", _use_new_zipfile_serialization=zipped)
            self.assert_same(MDFLoss(self.folder / "Ds.pth"), MDFLoss("jpeg"))

    @unittest.skipUnless(REFERENCE_MATERIAL.is_dir(), "the authors' files are not beside the repository")
    def test_the_authors_files_are_taken(self):
        for name, count in (("SISR", 9), ("JPEG", 8)):
            loss = MDFLoss(REFERENCE_MATERIAL / "upstream" / f"Ds_{name}.pth", num_scales=count)
            self.assertEqual((loss.input_range, loss.layer_weights), ((0, 1), (1, 1, 1)))

    def test_nothing_in_a_pickle_runs(self):
        target = self.folder / "made"
        for zipped in (True, False):
            torch.save({"0.head.conv.weight": Malicious(str(target))}, self.folder / "stack.pt", _use_new_zipfile_serialization=zipped)
            self.refuse(self.folder / "stack.pt", "cannot use")
        self.write(pickle.dumps(Malicious(str(target))), "stack.pt")
        self.refuse(self.folder / "stack.pt", "neither a safetensors nor a PyTorch file")
        self.assertFalse(target.exists())

    def test_damaged_files_are_refused_or_read_but_raise_nothing_else(self):
        draws = random.Random(2)
        for zipped in (True, False):
            torch.save({name: tensor for name, tensor in plain.read(JPEG).items() if name.startswith("0.")}, self.folder / "small.pt", _use_new_zipfile_serialization=zipped)
            data = (self.folder / "small.pt").read_bytes()
            for _ in range(150):
                damaged = bytearray(data)
                damaged[draws.randrange(min(len(data), 4000))] ^= draws.randrange(1, 256)
                try:
                    MDFLoss(self.write(damaged, "damaged.pt"))  # PyTorch's earlier format has no checksums
                except StackError:
                    pass
            for length in (1, 100, len(data) // 2, len(data) - 1):
                self.refuse(self.write(data[:length], "short.pt"), "cannot use")


if __name__ == "__main__":
    unittest.main()
