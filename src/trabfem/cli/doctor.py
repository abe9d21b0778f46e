"""`trabfem doctor`: devices, memory, drawing and versions on this machine."""

import dataclasses
import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

from trabfem import __version__
from trabfem.cli.common import Common, Outcome
from trabfem.device import use_device

PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "equinox", "diffrax", "pyvista", "vtk", "h5py", "meshio")


def doctor(*, warm: str | None = None, common: Common = Common()) -> Outcome:
    """Devices, memory, precision, kernels, drawing and versions of this installation.

    Example: `trabfem doctor --warm scan.nii.gz`

    Parameters
    ----------
    warm
        Compile ahead what `solve`, `strength` and the first months of `simulate` need, for a specimen or for a
        generated bone of so many voxels a side. Bones of the same grid with about as many voxels then start at once.
    """
    from trabfem.mechanics import native
    from trabfem.render.probe import probe

    use_device(common.device)
    drawing = probe()
    kernels_s = seconds_of(native.available)
    result = {
        "trabfem": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_cores": os.cpu_count(),
        "memory_GiB": memory_gib(),
        "devices": devices(),
        "precision": {"float64_works": float64_works(), "default": "float32"},
        "compiled_products": {
            "works": native.available(),
            "variant": native.describe(),
            "message": native.reason_missing(),
            "seconds": round(kernels_s, 2),
        },
        "rendering": {"works": drawing.works, "message": drawing.message},
        "versions": {name: version(name) for name in PACKAGES},
    }
    rows = [
        ("python", f"{result['python']} on {result['platform']}"),
        ("cores, memory", f"{result['cpu_cores']}, {result['memory_GiB']} GiB"),
        *[("device", f"{d['kind']} ({d['platform']})") for d in result["devices"]],
        ("float64", "works" if result["precision"]["float64_works"] else "does not work"),
        ("compiled products", native.describe() or native.reason_missing()),
        ("compiled products", f"ready in {kernels_s:.1f} s"),
        ("drawing", drawing.message),
        *[(name, found or "not installed") for name, found in result["versions"].items()],
    ]
    if warm is not None:
        found, line = compile_ahead(warm)
        result["warm"] = found
        rows.append(("warm", line))
    return Outcome(f"trabfem {__version__}", rows, result, common.json)


def compile_ahead(what: str) -> tuple[dict[str, Any], str]:
    """Compile what a bone needs, and say what it took, as plain values and in words."""
    from trabfem.runs.warming import warm

    done = warm(what)
    kept = f"{done.programs} programs for {done.bone} in {done.seconds:.1f} s, {done.compiled} of them compiled now"
    return dataclasses.asdict(done), kept


def seconds_of(work: Callable[[], object]) -> float:
    """Wall seconds of some work; that of kernels is nvrtc's where they are compiled for a GPU for the first time."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def devices() -> list[dict[str, Any]]:
    """JAX's devices, with their memory if it is known."""
    import jax

    found = []
    for device in jax.devices():
        memory = (device.memory_stats() or {}) if device.platform != "cpu" else {}
        limit = memory.get("bytes_limit")
        gib = round(limit / 2**30, 1) if limit else None
        found.append({"kind": device.device_kind, "platform": device.platform, "memory_GiB": gib})
    return found


def float64_works() -> bool:
    """Whether an array can be float64 inside JAX's own context, as the residual needs."""
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        return jnp.ones(1, jnp.float64).dtype == "float64"


def memory_gib() -> float | None:
    """Memory of this machine (GiB), if it is known."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, AttributeError, OSError):
        return None


def version(name: str) -> str | None:
    """Installed version of a package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
