"""The solver's inner loops as compiled kernels: in C for CPUs, in CUDA C for GPUs.

They are optional: where neither is possible, or with TRABFEM_NATIVE=0 in the environment, the plain JAX forms of the
same products are used. XLA writes all intermediates of gather, product and sum to memory, and compiles each for every
size of mesh; the kernels take a seventh of the CPU time an application, no memory for intermediates, and sizes at run
time.
"""

import ctypes
import functools
import hashlib
import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, ParamSpec

import jax
import numpy as np
from jaxtyping import Array

from . import builds

P = ParamSpec("P")
Kind = Literal["cpu", "gpu", ""]
TARGETS = (
    "voxels",
    "sum_moduli",
    "blocks",
    "matrices",
    "assemble",
    "prolong",
    "restrict",
    "held",
    "condense_blocks",
    "condense_matrices",
    "diagonals",
    "dense",
    "energies",
    "touched",
    "block_diagonals",
    "largest",
    "number",
)
GPU_TARGETS = (*TARGETS, "split")
PREFIX = "trabfem_"
logger = logging.getLogger(__name__)
REMEDY = "with `pip install ziglang`, gcc or clang a solve takes a third of the time"


class Library(NamedTuple):
    """A library that JAX knows, for which processors it is, and when it was compiled."""

    handle: ctypes.CDLL
    label: str


def call(
    target: str,
    result: jax.ShapeDtypeStruct,
    *arguments: Array,
    gpu: tuple[Array, ...] = (),
    room: tuple[jax.ShapeDtypeStruct, ...] = (),
) -> Array:
    """Call the function `target` of kernels.c or launch.c on arrays of the shapes in its comment.

    `gpu`: further arrays that its form for GPUs needs; `room`: arrays that it works in there.
    """
    return call_many(target, (result,), *arguments, gpu=gpu, room=room)[0]


def call_many(
    target: str,
    results: tuple[jax.ShapeDtypeStruct, ...],
    *arguments: Array,
    gpu: tuple[Array, ...] = (),
    room: tuple[jax.ShapeDtypeStruct, ...] = (),
) -> list[Array]:
    """`call` for a function with several results."""
    if kind() == "gpu":
        # The handlers take cases on a leading axis, of arrays that are the same for all cases once.
        function = jax.ffi.ffi_call(f"{PREFIX}gpu_{target}", (*results, *room), vmap_method="expand_dims")
        return list(function(*arguments, *gpu))[: len(results)]
    function = jax.ffi.ffi_call(f"{PREFIX}{target}", results, vmap_method="sequential")
    return list(function(*arguments))


def call_compiled_or_plain(
    compiled: Callable[P, Array], plain: Callable[P, Array], *arguments: P.args, **named: P.kwargs
) -> Array:
    """The compiled form of a product if there are kernels, else the plain form."""
    return (compiled if available() else plain)(*arguments, **named)


def available() -> bool:
    """Whether there are kernels for the device that JAX computes on."""
    return bool(kind())


def on_gpu() -> bool:
    """Whether there are kernels, and they are those for a GPU."""
    return kind() == "gpu"


def kind() -> Kind:
    """For what there are kernels on the device that JAX computes on; they are registered with JAX if necessary."""
    if reason_missing():
        return ""
    return "cpu" if jax.default_backend() == "cpu" else "gpu"


@functools.cache
def reason_missing() -> str:
    """The reason why compiled products are not available, in a few words; empty if they are."""
    if os.environ.get("TRABFEM_NATIVE", "1") == "0":
        return "turned off by TRABFEM_NATIVE=0"
    backend = jax.default_backend()
    if backend not in ("cpu", "gpu"):
        return f"there are none for a {backend}"
    try:
        library()
        if backend == "gpu":
            # Imported here because a CPU does not need it.
            from . import gpu

            gpu.prepare()
    except builds.CannotCompile as trouble:
        reason = str(trouble) if backend == "gpu" else f"{trouble}; {REMEDY}"
        logger.warning("the %s kernels are not used: %s", "GPU" if backend == "gpu" else "C", reason)
        return reason
    return ""


def describe() -> str:
    """For which processors the compiled products are, and when they were compiled; empty if they are not available."""
    if on_gpu():
        from . import gpu

        return gpu.describe()
    return library().label if available() else ""


def call_split(function: str, *arguments: np.ndarray | int) -> int:
    """Call a function of split.c on C-contiguous arrays of the types in its comment, and integers; its result."""
    given = [ctypes.c_int64(a) if isinstance(a, int) else a.ctypes.data_as(ctypes.c_void_p) for a in arguments]
    answer = getattr(library().handle, f"trabfem_{function}")(*given)
    if answer < 0:
        raise MemoryError("the hierarchy of the mesh does not fit into memory; crop the volume or coarsen its voxels")
    return answer


@functools.cache
def library() -> Library:
    """The compiled products, registered with JAX. Raises builds.CannotCompile where there are none."""
    for variant in builds.supported(builds.processor()[1]):
        path = builds.BUILT / builds.library_name(variant)
        # A later JAX may refuse what was compiled for the interface of an earlier one: its own headers then help.
        if path.exists() and (handle := _register_or_none(path)):
            return Library(handle, f"{variant.label}, compiled at installation")
    trouble = "no C compiler"
    for compiler in builds.compilers():
        try:
            return Library(register(_compile_here(compiler)), "compiled on first use for this processor")
        except (OSError, subprocess.SubprocessError, jax.errors.JaxRuntimeError) as failure:
            trouble = builds.why(failure)
    raise builds.CannotCompile(trouble)


def register(path: Path) -> ctypes.CDLL:
    """Load a library and tell JAX of its functions. Raises OSError, or JaxRuntimeError if the interface is another."""
    handle = ctypes.CDLL(str(path))
    tell(handle, "", TARGETS, "cpu")
    return handle


def tell(handle: ctypes.CDLL, infix: str, targets: tuple[str, ...], platform: str) -> None:
    """Tell JAX of functions of a library, for "cpu" or "CUDA"."""
    for target in targets:
        function = jax.ffi.pycapsule(getattr(handle, f"trabfem_{infix}{target}"))
        jax.ffi.register_ffi_target(f"{PREFIX}{infix}{target}", function, platform=platform)


def _register_or_none(path: Path) -> ctypes.CDLL | None:
    try:
        return register(path)
    except (OSError, jax.errors.JaxRuntimeError):
        return None


def cache_folder() -> Path:
    """Where what is compiled on this machine is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trabfem"


def _compile_here(compiler: tuple[str, ...]) -> Path:
    """The path of a library for this very machine, in the user's cache; compiles it if necessary."""
    # -march=native is safe because the library stays on this machine and its name depends on the processor.
    options = ("-march=native", f"-I{jax.ffi.include_dir()}")
    name, flags = builds.processor()
    told = " ".join([builds.digest(), *compiler, *options, jax.__version__, name, *sorted(flags)])
    library = cache_folder() / f"kernels-{hashlib.sha256(told.encode()).hexdigest()[:16]}.so"
    if not library.exists():
        builds.compile_library(compiler, options, library)
    return library
