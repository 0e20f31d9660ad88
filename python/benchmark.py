"""Measures the MDF loss and its gradient against the authors' way in the same PyTorch: python3 python/benchmark.py

The authors' way is autograd through all scales, batch norm and leaky ReLU one by one (tests/plain.py). Both ways take turns in one process, after one
turn that does not count. The time is the median of the turns, the ratio the median of each turn's ratio. Peak memory is measured in a process for each way,
above what it has once PyTorch has computed a small pair. --cpu-time counts the processor's time, for machines that others use.
"""
import argparse
import statistics
import subprocess
import sys
import time

import torch

from mdf_loss import MDFLoss
from tests import plain

CASES = {"8 patches of 96x96": (8, 3, 96, 96), "16 patches of 96x96": (16, 3, 96, 96), "512x384": (1, 3, 384, 512)}


def ways(stack):
    tensors = plain.read(plain.STACKS / f"{stack}.safetensors")
    loss = MDFLoss(stack)
    return {
        "authors' way": lambda restored, reference: plain.losses(tensors, restored, reference, input_range=loss.input_range).mean(),
        "float32": loss,
        "bfloat16": MDFLoss(stack, dtype=torch.bfloat16),
    }


def step(way, restored, reference):
    restored.grad = None
    way(restored, reference).backward()


def pair(shape):
    torch.manual_seed(0)
    reference = torch.rand(shape)
    return (reference + 0.1 * torch.randn(shape)).requires_grad_(), reference


def peak():
    """The most memory that this process has had, in megabytes (Linux)."""
    # Not ru_maxrss, which begins with what the parent had.
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default="jpeg", choices=("jpeg", "sisr"), help="default: jpeg")
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--memory-of", nargs=2, metavar=("CASE", "WAY"), help=argparse.SUPPRESS)
    options = parser.parse_args()

    if options.memory_of:
        case, way = options.memory_of
        chosen, images = ways(options.stack)[way], pair(CASES[case])
        step(chosen, *pair((1, 3, 16, 16)))
        before = peak()
        step(chosen, *images)
        print(peak() - before)
        return

    clock = time.process_time if options.cpu_time else time.perf_counter
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, stack {options.stack}, {options.rounds} rounds{', processor time' if options.cpu_time else ''}")
    compared = ways(options.stack)
    for case, shape in CASES.items():
        images, times = pair(shape), {name: [] for name in compared}
        for turn in range(options.rounds + 1):
            for name, way in compared.items():
                begin = clock()
                step(way, *images)
                if turn:
                    times[name].append(clock() - begin)
        for name, own in times.items():
            ratio = statistics.median(theirs / ours for theirs, ours in zip(times["authors' way"], own))
            memory = subprocess.run([sys.executable, __file__, "--stack", options.stack, "--memory-of", case, name], check=True, stdout=subprocess.PIPE, text=True)
            print(f"{case:20} {name:14} {1000 * statistics.median(own):8.0f} ms  {ratio:5.2f} times as fast  {float(memory.stdout):6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
