"""One solve over several devices or hosts: the answer, memory on each device, and what travels between them.

python bench/devices.py --devices 2                                   CPU cores or GPUs of one process
python bench/devices.py --coordinator localhost:9911 --processes 2 --process 0     (and the same with --process 1)
srun python bench/devices.py --cluster                                processes that SLURM has started, one for each GPU
"""

import shared.paths  # noqa: F401

# isort: split
import ctypes
import gc
import os
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

from bench.shared import options, table
from bench.shared.alone import NOT_CONVERGED, choose_device, exit_code
from cyclopts import App, Parameter

from trabfem.errors import UserError

COLUMNS = {
    "devices": ("devices", "d"),
    "processes": ("processes", "d"),
    "num_dofs": ("unknowns", "d"),
    "setup_s": ("set-up s", ".2f"),
    "wall_s": ("wall s", ".2f"),
    "iterations": ("iterations", "d"),
    "setup_MB": ("at most in set-up, MB a process", ".0f"),
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
    size: options.Size = 64,
    site: options.Site = "vertebra",
    seed: options.Seed = 1,
    volume: options.Volume = None,
    refine: options.Refine = 1,
    load: options.Load = "platens",
    rtol: options.Rtol = 1e-6,
    replicated_nodes: int | None = None,
    devices: int | None = None,
    cluster: Annotated[bool, Parameter(negative="")] = False,
    coordinator: str | None = None,
    processes: int = 1,
    process: int = 0,
    device: options.Device = "auto",
    json: options.Json = False,
) -> int:
    """Measure and print; with several processes the first one prints.

    Parameters
    ----------
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
    """
    if devices is not None and device != "gpu":
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count={devices}"
    import jax

    if cluster or coordinator:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        # Without arguments JAX asks the cluster.
        jax.distributed.initialize() if cluster else jax.distributed.initialize(coordinator, processes, process)
    choose_device(device)
    if devices is not None and devices > jax.device_count():
        raise UserError(f"--devices {devices}: there are {jax.device_count()}")
    row = measure(size, site, seed, volume, refine, load, rtol, replicated_nodes, devices)
    if jax.process_index() == 0:
        print(table.json_line(row) if json else table.headed([row], COLUMNS))
    return 0 if row["converged"] else NOT_CONVERGED


class PeakMemory:
    """By how many bytes (`most`) the resident memory of this process grows within `with`; 0 except on Linux."""

    def __enter__(self) -> "PeakMemory":
        # What was freed before must not be used again unseen.
        gc.collect()
        if sys.platform == "linux":
            ctypes.CDLL(None).malloc_trim(0)
        self.ended, self.before, self.most = threading.Event(), self.resident(), 0
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ended.set()
        self.thread.join()

    def watch(self) -> None:
        while not self.ended.wait(0.002):
            self.most = max(self.most, self.resident() - self.before)

    @staticmethod
    def resident() -> int:
        if sys.platform != "linux":
            return 0
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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

    bone = problem.bone_or_block(volume, site, seed, size)
    stated = problem.of(bone, load, constants.TISSUE_MODULUS.value, constants.POISSON_RATIO.value, refine)
    given = stated.modulus, stated.spacing, stated.load
    named: dict[str, Any] = {"poisson": stated.poisson, "devices": jax.devices()[:devices]}
    if replicated_nodes is not None:
        named["replicated_nodes"] = replicated_nodes
    # The first time all programs are compiled, which takes most of the time and memory of a small set-up.
    sharding.distribute(*given, **named)
    with PeakMemory() as memory:
        spread = sharding.distribute(*given, **named)
    sharding.solve(spread, rtol=rtol, whole=False)
    found = sharding.solve(spread, rtol=rtol, whole=False)
    sent = traffic.count(spread)
    # What is not an iteration is an evaluation of the true residual, and one of the load.
    residuals = found.fine_applications - (DEFAULT.fine_applications + 1) * found.iterations
    whole, most = sent.solve(found.iterations, residuals), sharding.peak_bytes(spread)
    return {
        "case": f"{stated.name} {load}",
        "device": jax.devices()[0].device_kind,
        "devices": spread.devices.size,
        "processes": jax.process_count(),
        "num_elements": spread.num_elements,
        "num_dofs": 3 * spread.num_nodes,
        "setup_s": found.setup_s,
        "wall_s": found.solve_s,
        "iterations": found.iterations,
        "fine_applications": found.fine_applications,
        "setup_MB": memory.most / 1e6,
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
