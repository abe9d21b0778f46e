"""The solver's inner loops in C for CPUs, compiled once on first use where there is a C compiler.

Nothing needs them: without a compiler, on an accelerator, or with TRABFEM_NATIVE=0 in the environment the plain JAX
forms of the same products run. They are worth their keep on a CPU, where XLA writes every intermediate of a gather,
product and sum to memory: seven times fewer CPU seconds an application, and no memory for intermediates.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

import jax
import numpy as np
from jaxtyping import Array

P = ParamSpec("P")
SOURCE = Path(__file__).parent
TARGETS = (
    "voxels_float",
    "voxels_double",
    "families",
    "matrices",
    "condense_families",
    "condense_matrices",
    "prolong",
    "restrict",
)
# -march=native: the library stays on the machine that made it, its name says for which processor.
FLAGS = ("-std=c11", "-O3", "-march=native", "-Wno-psabi", "-shared", "-fPIC")


def call(target: str, result: jax.ShapeDtypeStruct, *arguments: Array) -> Array:
    """The named function of kernels.c on arrays of the shapes that its comment lists."""
    function = jax.ffi.ffi_call(f"trabfem_{target}", result, vmap_method="sequential")
    return function(*arguments)  # pyright: ignore[reportReturnType]


def accumulate(target: str, total: Array, *arguments: Array) -> Array:
    """The same for a function that adds to its last argument, in place where nothing else needs that."""
    aliases, like = {len(arguments): 0}, jax.ShapeDtypeStruct(total.shape, total.dtype)
    function = jax.ffi.ffi_call(f"trabfem_{target}", like, vmap_method="sequential", input_output_aliases=aliases)
    return function(*arguments, total)  # pyright: ignore[reportReturnType]


def or_plain(compiled: Callable[P, Array], plain: Callable[P, Array], *arguments: P.args, **named: P.kwargs) -> Array:
    """The first form of a product where its target is at hand, else the second."""
    return (compiled if available() else plain)(*arguments, **named)


def available() -> bool:
    """Whether JAX computes on a CPU and the library is at hand; compiled now if need be, and registered with JAX."""
    return not missing()


@functools.cache
def missing() -> str:
    """Why there are no compiled products, in a few words; empty where there are."""
    if os.environ.get("TRABFEM_NATIVE", "1") == "0":
        return "turned off by TRABFEM_NATIVE=0"
    if jax.default_backend() != "cpu":
        return f"not needed on a {jax.default_backend()}"
    try:
        found = library()
    except subprocess.CalledProcessError as trouble:
        said = trouble.stderr.decode(errors="replace").strip() or "no message"
        return f"the C compiler failed: {said.splitlines()[0]}"
    except (OSError, subprocess.SubprocessError) as trouble:
        return f"{trouble}; with gcc or clang installed a solve takes a quarter of the time"
    for target in TARGETS:
        function = getattr(found, f"trabfem_{target}")
        jax.ffi.register_ffi_target(f"trabfem_{target}", jax.ffi.pycapsule(function), platform="cpu")
    return ""


def direct(function: str, *arguments: np.ndarray | int) -> int:
    """Call a function of split.c on C-contiguous arrays of the types that it names and counts; what it returns."""
    given = [ctypes.c_int64(a) if isinstance(a, int) else a.ctypes.data_as(ctypes.c_void_p) for a in arguments]
    answer = getattr(library(), f"trabfem_{function}")(*given)
    if answer < 0:
        raise MemoryError("the hierarchy of the mesh does not fit into memory; crop the volume or coarsen its voxels")
    return answer


@functools.cache
def library() -> ctypes.CDLL:
    """The compiled library. Raises OSError where there is no compiler."""
    return ctypes.CDLL(str(_library()))


def _library() -> Path:
    """Where the compiled library is: in the user's cache, made now if need be."""
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise FileNotFoundError("no C compiler")
    headers = jax.ffi.include_dir()
    command = [compiler, *FLAGS, f"-I{headers}", str(SOURCE / "kernels.c"), str(SOURCE / "split.c")]
    digest = hashlib.sha256(" ".join([*command, jax.__version__, _processor()]).encode())
    for file in sorted([*SOURCE.glob("*.c"), *SOURCE.glob("*.h")]):
        digest.update(file.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trabfem"
    library = home / f"kernels-{digest.hexdigest()[:16]}.so"
    if not library.exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as folder:
            made = Path(folder) / library.name
            subprocess.run([*command, "-o", str(made)], check=True, capture_output=True, timeout=120)
            # Renamed in one step: another process may be making the same file.
            made.replace(library)
    return library


def _processor() -> str:
    """What `-march=native` looks at."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        import platform

        return f"{platform.machine()} {platform.processor()}"
    return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
