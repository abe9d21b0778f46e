"""The solver's inner loops in C for CPUs, compiled when the package is installed, else on first use.

They are optional: where neither was possible, on an accelerator, or with TRABFEM_NATIVE=0 in the environment, the
plain JAX forms of the same products are used. On a CPU, XLA writes all intermediates of gather, product and sum to
memory; the C loops take a seventh of the CPU time per application and no memory for intermediates.
"""

import ctypes
import functools
import hashlib
import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, ParamSpec

import jax
import numpy as np
from jaxtyping import Array

from . import builds

P = ParamSpec("P")
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
PREFIX = "trabfem_"
logger = logging.getLogger(__name__)
REMEDY = "with `pip install ziglang`, gcc or clang a solve takes a third of the time"


class Library(NamedTuple):
    """A library that JAX knows, for which processors it is, and when it was compiled."""

    handle: ctypes.CDLL
    label: str


def call(target: str, result: jax.ShapeDtypeStruct, *arguments: Array) -> Array:
    """Call the function `target` of kernels.c on arrays of the shapes in its comment."""
    function = jax.ffi.ffi_call(f"{PREFIX}{target}", result, vmap_method="sequential")
    return function(*arguments)  # pyright: ignore[reportReturnType]


def accumulate(target: str, total: Array, *arguments: Array) -> Array:
    """Call a function of kernels.c that adds to its last argument, in place if possible."""
    aliases, like = {len(arguments): 0}, jax.ShapeDtypeStruct(total.shape, total.dtype)
    function = jax.ffi.ffi_call(f"{PREFIX}{target}", like, vmap_method="sequential", input_output_aliases=aliases)
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
        library()
    except builds.CannotCompile as trouble:
        reason = f"{trouble}; {REMEDY}"
        logger.warning("the C kernels are not used: %s", reason)
        return reason
    return ""


def describe() -> str:
    """For which processors the compiled products are, and when they were compiled; empty if they are not available."""
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
    for target in TARGETS:
        function = jax.ffi.pycapsule(getattr(handle, f"trabfem_{target}"))
        jax.ffi.register_ffi_target(f"{PREFIX}{target}", function, platform="cpu")
    return handle


def _register_or_none(path: Path) -> ctypes.CDLL | None:
    try:
        return register(path)
    except (OSError, jax.errors.JaxRuntimeError):
        return None


def _compile_here(compiler: tuple[str, ...]) -> Path:
    """The path of a library for this very machine, in the user's cache; compiles it if necessary."""
    # -march=native is safe because the library stays on this machine and its name depends on the processor.
    options = ("-march=native", f"-I{jax.ffi.include_dir()}")
    name, flags = builds.processor()
    told = " ".join([builds.digest(), *compiler, *options, jax.__version__, name, *sorted(flags)])
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trabfem"
    library = home / f"kernels-{hashlib.sha256(told.encode()).hexdigest()[:16]}.so"
    if not library.exists():
        builds.compile_library(compiler, options, library)
    return library
