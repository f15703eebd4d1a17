"""A wheel that holds the shared library is bound to its platform, to no version of Python."""

from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel

BUNDLED = any((Path(__file__).parent / "libhpm").glob("libhpm*"))


class Wheel(bdist_wheel):
    def get_tag(self) -> tuple[str, str, str]:
        python, abi, platform = super().get_tag()
        return ("py3", "none", platform) if BUNDLED else (python, abi, platform)


class Bundle(Distribution):
    def has_ext_modules(self) -> bool:
        return BUNDLED


setup(cmdclass={"bdist_wheel": Wheel}, distclass=Bundle)
