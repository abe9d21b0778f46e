"""trabfem itself: one cold call that compiles, then the warm call that counts."""

from typing import Any

from bench.shared.measure import Cost, measured
from bench.shared.problem import Problem

from trabfem import __version__


def run(problem: Problem, rtol: float, max_iterations: int) -> dict[str, Any]:
    """Solve twice from nothing; the row of the table. What was compiled on an earlier day is not used."""
    import jax

    jax.config.update("jax_enable_compilation_cache", False)
    device = jax.devices()[0]
    in_use = _device_bytes(device, "bytes_in_use")
    # The first answer is dropped at once: kept, it would count as memory of the second.
    first = _solve(problem, rtol, max_iterations)[0]
    cost, solution = _solve(problem, rtol, max_iterations)
    at_most = _device_bytes(device, "peak_bytes_in_use")
    growth = cost.growth if in_use is None or at_most is None else at_most - in_use
    return {
        "solver": f"trabfem {__version__} ({device.platform})",
        "cpu_s": cost.cpu_s,
        "wall_s": cost.wall_s,
        "compile_s": max(first.wall_s - cost.wall_s, 0.0),
        "iterations": solution.iterations,
        "fine_applications": solution.fine_applications,
        "bytes_per_dof": growth / problem.num_dofs,
        "apparent_modulus_MPa": solution.apparent_modulus,
        "relative_residual": solution.relative_residual,
        "peak_MB": cost.peak / 1e6,
        "device": device.device_kind,
        "cold_cpu_s": first.cpu_s,
        "cold_wall_s": first.wall_s,
        "setup_s": solution.setup_s,
        "solve_s": solution.solve_s,
        "energy_error": solution.energy_error,
        "converged": solution.converged,
    }


def _solve(problem: Problem, rtol: float, max_iterations: int) -> tuple[Cost, Any]:
    from trabfem.mechanics.solve import solve

    with measured() as cost:
        solution = solve(
            problem.modulus,
            problem.spacing,
            problem.load,
            poisson=problem.poisson,
            rtol=rtol,
            max_iterations=max_iterations,
        )
    return cost, solution


def _device_bytes(device: Any, name: str) -> int | None:
    """A counter of the accelerator's allocator; None on a CPU, where the process's memory is what counts."""
    stats = device.memory_stats()
    return None if device.platform == "cpu" or stats is None else int(stats[name])
