"""The largest solves of one device: bone that is made, meshed and solved in its memory.

python bench/large.py --device gpu --side 512                 some 110 million unknowns
python bench/large.py --device gpu --side 1060 --warm 0       some 10^9 unknowns
python bench/large.py --device cpu --side 48 --wavelength 24  the same on a small scale
"""

import shared.paths  # noqa: F401

# isort: split
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from bench.shared import on_device, options, table
from bench.shared.alone import NOT_CONVERGED, choose_device, exit_code
from cyclopts import App
from jaxtyping import Array, Bool, Float

from trabfem import constants
from trabfem.mechanics import hexahedron, hierarchy, krylov, native
from trabfem.mechanics.levels import finest_level
from trabfem.mechanics.mesh import HexMesh
from trabfem.mechanics.multigrid import DEFAULT
from trabfem.mechanics.supports import compute_load_norm

SIDE = 512
FILL = 0.2
# Plates of five to six voxels, as 25 um voxels show them.
WAVELENGTH = 64.0
SPACING_MM = 0.025
STRAIN = -0.01
MAX_ITERATIONS = 300

COLUMNS = {
    "num_dofs": ("unknowns", "d"),
    "volume_s": ("volume and mesh s", ".2f"),
    "first_s": ("first call with volume and mesh s", ".2f"),
    "setup_s": ("set-up s", ".2f"),
    "solve_s": ("solve s", ".2f"),
    "compile_s": ("compile s", ".2f"),
    "iterations": ("iterations", "d"),
    "fine_applications": ("fine applications", "d"),
    "bytes_per_dof": ("B/dof", ".0f"),
    "apparent_modulus_MPa": ("apparent modulus MPa", ".6f"),
    "relative_residual": ("relative residual", ".1e"),
}

app = App(help="Make, mesh and solve a block of bone in the memory of one device, between plates that hold its ends.")


@app.default
def main(
    *,
    side: int = SIDE,
    fill: float = FILL,
    wavelength: float = WAVELENGTH,
    seed: options.Seed = 1,
    rtol: options.Rtol = 1e-6,
    warm: int = 1,
    device: options.Device = "auto",
    json: options.Json = False,
) -> int:
    """Measure and print.

    Parameters
    ----------
    side
        Side of the block in voxels.
    fill
        Bone volume fraction before loose pieces are dropped.
    wavelength
        Wavelength of the random field in voxels; plates are a tenth of it thick.
    warm
        How often to repeat set-up and solve without compiling; the last one counts. With 0 compilation counts too.
    """
    choose_device(device)
    row = measure(side, fill, wavelength, seed, rtol, warm)
    print(table.json_line(row) if json else table.headed([row], COLUMNS))
    return 0 if row["converged"] else NOT_CONVERGED


def measure(side: int, fill: float, wavelength: float, seed: int, rtol: float, warm: int) -> dict[str, Any]:
    """The row of one block."""
    spacing, poisson = (SPACING_MM, SPACING_MM, SPACING_MM), constants.POISSON_RATIO.value
    with jax.enable_x64(True):
        mesh, volume_s = timed(
            lambda: on_device.mesh_of(
                on_device.bone(side, fill, wavelength, seed), constants.TISSUE_MODULUS.value, spacing, poisson
            )
        )
        free, value = platens(mesh)
        stiffness = jnp.asarray(hexahedron.stiffness(spacing, poisson))
        times = []
        for _ in range(1 + warm):
            # What an earlier round has made is dropped first: two hierarchies may not fit.
            levels = outcome = None
            levels, setup_s = timed(lambda: hierarchy.build(mesh, free))
            outcome, solve_s = timed(lambda levels=levels: _solved(levels, stiffness, value, rtol))
            times.append((setup_s, solve_s))
    travel, peak = STRAIN * side * SPACING_MM, (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    iterations = int(outcome.iterations)
    return {
        "case": f"waves{side}",
        "device": jax.devices()[0].device_kind,
        "kernels": native.describe(),
        "num_elements": mesh.num_elements,
        "num_dofs": 3 * mesh.num_nodes,
        "volume_s": volume_s,
        "first_s": volume_s + sum(times[0]),
        "setup_s": times[-1][0],
        "solve_s": times[-1][1],
        "compile_s": sum(times[0]) - sum(times[-1]) if warm else None,
        "iterations": iterations,
        "fine_applications": iterations * (DEFAULT.fine_applications + 1) + int(outcome.residual_evaluations) + 1,
        "bytes_per_dof": None if peak is None else peak / (3 * mesh.num_nodes),
        "apparent_modulus_MPa": 2 * float(outcome.energy) / (travel**2 * side * SPACING_MM),
        "relative_residual": float(outcome.relative_residual),
        "energy_error": float(outcome.energy_error),
        "converged": bool(outcome.converged),
    }


def _solved(levels: hierarchy.Hierarchy, stiffness: Array, value: Array, rtol: float) -> krylov.Outcome:
    norm = compute_load_norm(finest_level(levels), stiffness, value)
    # The iteration overwrites its start.
    return krylov.minimise(levels, stiffness, jnp.array(value), norm, rtol, rtol, MAX_ITERATIONS, DEFAULT)


@jax.jit
def platens(mesh: HexMesh) -> tuple[Bool[Array, "nodes 3"], Float[Array, "nodes 3"]]:
    """Both ends held sideways, the top one moved (mm): what is free, and what is prescribed."""
    layer, top = mesh.nodes[:, 2], mesh.shape[2]
    live = jnp.arange(len(layer)) < mesh.num_nodes
    free = live & (layer > 0) & (layer < top)
    travel = STRAIN * top * mesh.spacing[2]
    moved = jnp.where(live & (layer == top), travel, 0.0)
    return jnp.tile(free[:, None], (1, 3)), jnp.zeros((len(layer), 3)).at[:, 2].set(moved)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives, and the seconds until the device has it."""
    began = time.perf_counter()
    result = jax.block_until_ready(work())
    return result, time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(exit_code(app))
