"""Copies the stacks and the licence of the repository into what is built, so that git holds them once."""
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
STACKS = HERE.parent / "models" / "stacks"


def add_files(package: Path) -> None:
    if (HERE / "mdf_loss" / "stacks").is_dir():
        return  # a source distribution: they are among its files already
    stacks = sorted(STACKS.glob("*.safetensors"))
    if not stacks:
        raise FileNotFoundError(f"no stacks in '{STACKS}': build from a checkout of the mdf repository, or from a source distribution")
    (package / "stacks").mkdir(parents=True, exist_ok=True)
    for stack in stacks:
        shutil.copyfile(stack, package / "stacks" / stack.name)
    shutil.copyfile(HERE.parent / "LICENSE", package / "LICENSE")


class BuildWithStacks(build_py):
    def run(self) -> None:
        super().run()
        if not getattr(self, "editable_mode", False):
            add_files(Path(self.build_lib) / "mdf_loss")


class DistributeWithStacks(sdist):
    def make_release_tree(self, base_dir: str, files: list) -> None:
        super().make_release_tree(base_dir, files)
        add_files(Path(base_dir) / "mdf_loss")


setup(cmdclass={"build_py": BuildWithStacks, "sdist": DistributeWithStacks})
