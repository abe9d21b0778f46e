"""How near the elastic operator K u comes to the memory bandwidth of the device, on generated bone.

python bench/operator.py [--size 128] [--json]
"""

import shared.paths  # noqa: F401

# isort: split
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bench.shared import options, problem, table
from bench.shared.alone import choose_device, exit_code
from cyclopts import App

from trabfem import constants
from trabfem.mechanics import hexahedron, native, operator
from trabfem.mechanics.mesh import HexMesh
from trabfem.specimen import Specimen

COPY_MB = 512
SECONDS = 3.0
# What an application must move for an element: eight node numbers and a modulus (36 B), and its share of reading u and
# writing f once each (1.8 nodes of three numbers: 44 B in float32, twice that in float64).
BYTES = {"float32": 80, "float64": 124}
# So few that repeated products neither overflow nor vanish, so many that starting the program does not count.
PRODUCTS = 10
# A form of the operator is one entry here: f(mesh, stiffness, u).
FORMS: dict[str, Callable[..., jax.Array]] = {"operator.apply": operator.apply, "operator.plain": operator.apply_plain}

COLUMNS = {
    "form": ("form", "s"),
    "dtype": ("dtype", "s"),
    "ms": ("ms", ".3f"),
    "million_elements_per_s": ("million elements/s", ".1f"),
    "counted_GB_per_s": ("counted GB/s", ".2f"),
    "copy_GB_per_s": ("copy GB/s", ".2f"),
    "fraction": ("fraction of copy", ".3f"),
}

app = App(help="Measure the operator K u beside a copy of memory on the same device, and print the fraction reached.")


@app.default
def main(
    *,
    size: options.Size = 128,
    site: options.Site = "vertebra",
    seed: options.Seed = 1,
    volume: options.Volume = None,
    refine: options.Refine = 1,
    copy_mb: int = COPY_MB,
    seconds: float = SECONDS,
    device: options.Device = "auto",
    json: options.Json = False,
) -> int:
    """Measure and print.

    Parameters
    ----------
    copy_mb
        Size of the array that is copied, in MB; it must not fit any cache.
    seconds
        How long to repeat each measurement; the fastest counts.
    """
    choose_device(device)
    bone = problem.bone_or_block(volume, site, seed, size)
    mesh = _mesh(bone, refine)
    common = {
        "case": bone.name if refine == 1 else f"{bone.name} refined x{refine}",
        "device": jax.devices()[0].device_kind,
        "kernels": native.describe(),
        "num_elements": mesh.num_elements,
        "copy_GB_per_s": copy_bandwidth(copy_mb * 10**6, seconds),
    }
    rows = [common | measure(name, form, mesh, dtype, seconds) for name, form in FORMS.items() for dtype in BYTES]
    for row in rows:
        row["fraction"] = row["counted_GB_per_s"] / row["copy_GB_per_s"]
        if json:
            print(table.json_line(row))
    if not json:
        print(table.headed(rows, COLUMNS))
    return 0


def copy_bandwidth(size: int, seconds: float) -> float:
    """Bytes read and written a second, in GB: the faster of a copy into new memory and of a change of sign in place.

    On a CPU new memory costs a page fault every 4 kB, which a solver that keeps its arrays does not pay.
    """
    array = jnp.ones(size // 4, jnp.float32)
    flip = jax.jit(lambda x: jax.lax.fori_loop(0, PRODUCTS, lambda _, y: -y, x), donate_argnums=0)
    copying = fastest(lambda: jnp.copy(array), seconds)
    state = [array]

    def in_place() -> jax.Array:
        state[0] = flip(state[0])
        return state[0]

    flipping = fastest(in_place, seconds) / PRODUCTS
    return 2 * size / min(copying, flipping) / 1e9


def measure(name: str, form: Callable[..., jax.Array], mesh: HexMesh, dtype: str, seconds: float) -> dict[str, Any]:
    """Time of one application within a run of them, as a solve does it."""
    with jax.enable_x64(True):
        exact = hexahedron.stiffness(mesh.spacing, mesh.poisson)
        # A bound of the spectrum of K: a node belongs to at most eight elements.
        bound = 8 * float(mesh.modulus.max()) * float(np.linalg.eigvalsh(exact)[-1])
        stiffness = jnp.asarray(exact / bound, dtype)
        u = jnp.asarray(np.random.default_rng(0).standard_normal(mesh.nodes.shape), dtype)

        @jax.jit
        def products(mesh: HexMesh, stiffness: jax.Array, u: jax.Array) -> jax.Array:
            return jax.lax.fori_loop(0, PRODUCTS, lambda _, v: form(mesh, stiffness, v), u)

        took = fastest(lambda: products(mesh, stiffness, u), seconds) / PRODUCTS
    rate = mesh.num_elements / took
    return {
        "form": name,
        "dtype": dtype,
        "ms": 1e3 * took,
        "million_elements_per_s": rate / 1e6,
        "counted_GB_per_s": BYTES[dtype] * rate / 1e9,
    }


def fastest(work: Callable[[], jax.Array], seconds: float) -> float:
    """Wall seconds of the fastest of the calls that fit into `seconds`, at least three, after one that compiles."""
    work().block_until_ready()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        began = time.perf_counter()
        work().block_until_ready()
        times.append(time.perf_counter() - began)
    return min(times)


def _mesh(bone: Specimen, refine: int) -> HexMesh:
    case = problem.of(bone, "platens", constants.TISSUE_MODULUS.value, constants.POISSON_RATIO.value, refine)
    return HexMesh.from_voxels(case.modulus, case.spacing, case.poisson)


if __name__ == "__main__":
    sys.exit(exit_code(app))
