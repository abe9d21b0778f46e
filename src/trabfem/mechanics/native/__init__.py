"""The solver's inner loops in C for CPUs, compiled once on first use if there is a C compiler.

They are optional: without a compiler, on an accelerator, or with TRABFEM_NATIVE=0 in the environment, the plain JAX
forms of the same products are used. On a CPU, XLA writes all intermediates of gather, product and sum to memory; the C
loops take a seventh of the CPU time per application and no memory for intermediates.
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
# -march=native is safe because the library stays on this machine and its name depends on the processor.
FLAGS = ("-std=c11", "-O3", "-march=native", "-Wno-psabi", "-shared", "-fPIC")


def call(target: str, result: jax.ShapeDtypeStruct, *arguments: Array) -> Array:
    """Call the function `target` of kernels.c on arrays of the shapes in its comment."""
    function = jax.ffi.ffi_call(f"trabfem_{target}", result, vmap_method="sequential")
    return function(*arguments)  # pyright: ignore[reportReturnType]


def accumulate(target: str, total: Array, *arguments: Array) -> Array:
    """Call a function of kernels.c that adds to its last argument, in place if possible."""
    aliases, like = {len(arguments): 0}, jax.ShapeDtypeStruct(total.shape, total.dtype)
    function = jax.ffi.ffi_call(f"trabfem_{target}", like, vmap_method="sequential", input_output_aliases=aliases)
    return function(*arguments, total)  # pyright: ignore[reportReturnType]


def call_compiled_or_plain(
    compiled: Callable[P, Array], plain: Callable[P, Array], *arguments: P.args, **named: P.kwargs
) -> Array:
    """The compiled form of a product if the library is available, else the plain form."""
    return (compiled if available() else plain)(*arguments, **named)


def available() -> bool:
    """Whether JAX computes on a CPU with the library, which is compiled and registered with JAX if necessary."""
    return not reason_missing()


@functools.cache
def reason_missing() -> str:
    """The reason why compiled products are not available, in a few words; empty if they are."""
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


def call_split(function: str, *arguments: np.ndarray | int) -> int:
    """Call a function of split.c on C-contiguous arrays of the types in its comment, and integers; its result."""
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
    """The path of the compiled library in the user's cache; compiles it if necessary."""
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
            # Renaming is atomic, as another process may be writing the same file.
            made.replace(library)
    return library


def _processor() -> str:
    """The description of the processor, on which `-march=native` depends."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        import platform

        return f"{platform.machine()} {platform.processor()}"
    return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
