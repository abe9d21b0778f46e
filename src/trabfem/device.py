"""The device of JAX, the cache of compiled programs, and release of memory. Importing this changes nothing."""

import contextlib
import os
from pathlib import Path
from typing import Literal

from trabfem.errors import UserError

Device = Literal["auto", "cpu", "gpu"]
MALLOPT_MMAP_THRESHOLD = -3


def use_device(name: Device = "auto") -> str:
    """Bind JAX to the device asked for, before its first use; returns the device in words.

    **Raises:** `UserError` where a GPU is asked for and JAX finds none.
    """
    import jax

    if name != "auto":
        jax.config.update("jax_platforms", "cpu" if name == "cpu" else None)
    keep_compiled_programs()
    if name == "gpu" and jax.default_backend() != "gpu":
        raise UserError("device = gpu: JAX finds no GPU here; install trabfem[cuda12] or [cuda13], or give device cpu")
    return device_name()


def device_name() -> str:
    """The device that JAX computes on, in words."""
    import jax

    return str(jax.devices()[0].device_kind) if jax.default_backend() != "cpu" else "cpu"


def keep_compiled_programs() -> None:
    """Keep compiled programs on disk: on a CPU, compiling takes a short job longer than computing.

    A folder that JAX is already told to use stays in force.
    """
    import jax

    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(home / "trabfem"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def give_back_freed_memory() -> None:
    """Make large arrays return to the system when freed.

    glibc would rather keep those under 32 MB, which costs a solve of a million unknowns half as much memory again. For
    one solve; a run of many months would spend a quarter of its time on pages that come and go.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(MALLOPT_MMAP_THRESHOLD, 1 << 18)
