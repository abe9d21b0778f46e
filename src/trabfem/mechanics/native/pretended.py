"""A CPU that stands in for a GPU: the very kernels of device.cu, compiled for the host and run one item after another.

For tests where no GPU is, and for bench/compile_for_gpu.py. Slow.
"""

import contextlib
import ctypes
import functools
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jax

from .. import native
from . import builds


def compile_pretended(folder: Path) -> Path:
    """The library of the kernels for the host. Raises builds.CannotCompile."""
    library, trouble = folder / "pretended.so", "no C compiler"
    for compiler in builds.compilers():
        try:
            builds.compile_library(compiler, ("-DPRETEND",), library, (builds.SOURCE / "launch.c",))
            return library
        except (OSError, subprocess.SubprocessError) as failure:
            trouble = builds.why(failure)
    raise builds.CannotCompile(trouble)


@functools.cache
def load_pretended() -> ctypes.CDLL:
    """The library, known to JAX; once, as a function of a name cannot be replaced."""
    with tempfile.TemporaryDirectory() as folder:
        # A loaded library stays when its file is deleted.
        handle = ctypes.CDLL(str(compile_pretended(Path(folder))))
    native.tell(handle, "gpu_", native.GPU_TARGETS, "cpu")
    return handle


@contextlib.contextmanager
def pretended_gpu() -> Iterator[None]:
    """Within, all products are those for a GPU, computed on the CPU. Raises builds.CannotCompile."""
    load_pretended()
    kind, native.kind = native.kind, lambda: "gpu"
    # Programs that JAX knows already were made for the CPU.
    jax.clear_caches()
    try:
        yield
    finally:
        native.kind = kind
        jax.clear_caches()
