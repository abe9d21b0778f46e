"""One solve over several devices or hosts: the answer, memory on each device, and what travels between them.

python bench/devices.py --devices 2                                   CPU cores or GPUs of one process
python bench/devices.py --coordinator localhost:9911 --processes 2 --process 0     (and the same with --process 1)
srun python bench/devices.py --cluster                                processes that SLURM has started, one for each GPU
"""

import os
import sys

# The folder of this file holds operator.py, which must not stand in for the one of the standard library.
sys.path.pop(0)
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(sys.path[0], "src"))

from typing import Annotated, Any, Literal

from bench.shared import table
from bench.shared.alone import NOT_CONVERGED, choose_device, exit_code
from bench.shared.measure import machine
from cyclopts import App, Parameter

from trabfem.errors import UserError

SITE = "vertebra"
SEED = 1
SIZE = 64

COLUMNS = {
    "devices": ("devices", "d"),
    "processes": ("processes", "d"),
    "num_dofs": ("unknowns", "d"),
    "setup_s": ("set-up s", ".2f"),
    "wall_s": ("wall s", ".2f"),
    "iterations": ("iterations", "d"),
    "held_MB": ("held, MB a device", ".1f"),
    "at_most_MB": ("at most, MB a device", ".1f"),
    "halo_kB_application": ("halo kB an application", ".1f"),
    "halo_MB_solve": ("halo MB a solve", ".2f"),
    "messages_solve": ("messages", "d"),
    "summed_MB_solve": ("summed MB a solve", ".2f"),
    "apparent_modulus_MPa": ("apparent modulus MPa", ".6f"),
}

app = App(help="Solve one specimen over several devices; print memory on each and what travels between them.")


@app.default
def main(
    *,
    size: int = SIZE,
    site: str = SITE,
    seed: int = SEED,
    volume: str | None = None,
    refine: int = 1,
    load: Literal["platens", "uniaxial", "fixed-base", "confined"] = "platens",
    rtol: float = 1e-6,
    replicated_nodes: int | None = None,
    devices: int | None = None,
    cluster: Annotated[bool, Parameter(negative="")] = False,
    coordinator: str | None = None,
    processes: int = 1,
    process: int = 0,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Measure and print; with several processes the first one prints.

    Parameters
    ----------
    size
        Side of the generated block in voxels.
    site
        Kind of bone that is generated.
    seed
        Seed of the generated block.
    volume
        A file, or the name of a shipped specimen, in place of generated bone.
    refine
        Cut each voxel into this many along each axis.
    load
        platens: both end faces held sideways; uniaxial: both free; fixed-base: bottom held; confined: walls too.
    rtol
        Tolerance on the relative residual.
    replicated_nodes
        Coarse levels of at most so many vertices are held by every device.
    devices
        Use so many of the devices; on a CPU its cores are divided into them. All that there are, if left out.
    cluster
        Join the other processes as SLURM or Open MPI describe them.
    coordinator
        Address and port of process 0, where no cluster says so.
    processes
        Number of processes behind `coordinator`.
    process
        Which of them this one is.
    device
        Where to compute.
    json
        One JSON object in place of the table.
    """
    if devices is not None and device != "gpu":
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count={devices}"
    import jax

    if cluster or coordinator:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(*(() if cluster else (coordinator, processes, process)))
    choose_device(device)
    if devices is not None and devices > jax.device_count():
        raise UserError(f"--devices {devices}: there are {jax.device_count()}")
    row = measure(size, site, seed, volume, refine, load, rtol, replicated_nodes, devices)
    if jax.process_index() == 0:
        if json:
            print(table.json_line(row))
        else:
            print(f"{row['case']}: {row['num_elements']} elements on {row['device']}; {machine()}\n")
            print(table.show([row], COLUMNS))
    return 0 if row["converged"] else NOT_CONVERGED


def measure(
    size: int,
    site: str,
    seed: int,
    volume: str | None,
    refine: int,
    load: str,
    rtol: float,
    replicated_nodes: int | None,
    devices: int | None,
) -> dict[str, Any]:
    """The row: the second of two solves, after one that compiles."""
    import jax
    from bench.shared import problem

    from trabfem import constants
    from trabfem.mechanics import sharding
    from trabfem.mechanics.multigrid import DEFAULT
    from trabfem.mechanics.sharding import traffic
    from trabfem.specimen import synthetic

    bone = synthetic.generate(site, seed, size) if volume is None else problem.bone(volume)
    stated = problem.of(bone, load, constants.TISSUE_MODULUS.value, constants.POISSON_RATIO.value, refine)
    spread = sharding.distribute(
        stated.modulus,
        stated.spacing,
        stated.load,
        poisson=stated.poisson,
        devices=jax.devices()[:devices],
        **({} if replicated_nodes is None else {"replicated_nodes": replicated_nodes}),
    )
    sharding.solve(spread, rtol=rtol)
    found = sharding.solve(spread, rtol=rtol)
    sent = traffic.count(spread)
    # What is not an iteration is an evaluation of the true residual, and one of the load.
    residuals = found.fine_applications - (DEFAULT.fine_applications + 1) * found.iterations
    whole, most = sent.solve(found.iterations, residuals), sharding.most_bytes(spread)
    return {
        "case": f"{stated.name} {load}",
        "device": jax.devices()[0].device_kind,
        "devices": spread.devices.size,
        "processes": jax.process_count(),
        "num_elements": len(stated.voxels),
        "num_dofs": stated.num_dofs,
        "setup_s": found.setup_s,
        "wall_s": found.solve_s,
        "iterations": found.iterations,
        "fine_applications": found.fine_applications,
        "held_MB": (spread.slab_bytes + spread.common_bytes) / 1e6,
        "at_most_MB": None if most is None else most / 1e6,
        "halo_kB_application": sent.application.halo / 1e3,
        "halo_MB_solve": whole.halo / 1e6,
        "messages_solve": whole.messages,
        "summed_MB_solve": whole.summed / 1e6,
        "apparent_modulus_MPa": found.apparent_modulus,
        "relative_residual": found.relative_residual,
        "converged": found.converged,
    }


if __name__ == "__main__":
    sys.exit(exit_code(app))
