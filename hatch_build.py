"""Compiles the C kernels when the package is built, for a wheel and for an editable installation.

Where the machine has no C compiler, Zig from the package index is asked for as a build requirement. Where that is not
to be had either, the package is built without them and solves in plain JAX.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = "trabfem/mechanics/native"
ZIG = "ziglang>=0.13"


def load_builds(root: str | Path) -> ModuleType:
    """The package's own module on how kernels are compiled, without the package, which needs JAX."""
    spec = importlib.util.spec_from_file_location("trabfem_builds", Path(root, "src", NATIVE, "builds.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Kernels(BuildHookInterface):
    """The build hook that hatchling finds in this file."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Zig, if there is no compiler that works."""
        builds = load_builds(self.root)
        if not wanted() or any(map(builds.is_usable, builds.compilers())) or not can_be_had("ziglang"):
            return []
        return [ZIG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into the source tree if it stays in use, else into a folder that goes into the wheel."""
        if not wanted():
            return
        builds, editable = load_builds(self.root), version == "editable"
        folder = builds.BUILT if editable else Path(tempfile.mkdtemp())
        self.temporary = None if editable else folder
        try:
            libraries, compiler = builds.build(folder)
        except builds.CannotCompile as trouble:
            self.app.display_warning(f"trabfem is built without its C kernels, and solves slower: {trouble}")
            return
        if editable:
            for old in set(builds.BUILT.glob("kernels-*.so")) - set(libraries):
                old.unlink()
        else:
            build_data["force_include"].update({str(made): f"{NATIVE}/built/{made.name}" for made in libraries})
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(portable=builds.is_zig(compiler))}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what the wheel has a copy of."""
        if folder := getattr(self, "temporary", None):
            shutil.rmtree(folder, ignore_errors=True)


def wanted() -> bool:
    """Not on Windows, whose libraries the kernels do not know, nor where they are turned off."""
    return platform.system() != "Windows" and os.environ.get("TRABFEM_NATIVE", "1") != "0"


def can_be_had(package: str) -> bool:
    """Whether pip finds the package for this machine; true as well where another program than pip installs.

    A build requirement that is not to be had would make the whole installation fail.
    """
    quick = ("--only-binary=:all:", "--retries=1", "--timeout=15", "--disable-pip-version-check")
    # Isolated, Python sees the environment that pip runs in rather than the one made for this build.
    command = [sys.executable, "-I", "-m", "pip", "index", "versions", package, *quick]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        return False
    return "No matching distribution" not in done.stderr


def platform_tag(portable: bool) -> str:
    """The platform of a wheel: any Linux with the C library that Zig was told of, else one like this machine."""
    from packaging.tags import platform_tags

    if portable and platform.system() == "Linux":
        return f"manylinux_2_17_{platform.machine()}"
    tags = list(platform_tags())
    return next((tag for tag in tags if tag.startswith("linux")), tags[0])
