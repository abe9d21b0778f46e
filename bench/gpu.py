"""The parts of bench/gpu.sh that no other benchmark has, and its table: `python bench/gpu.py PART --device gpu`.

Each part prints one JSON object.
"""

import time

BEGAN = time.perf_counter()

import shared.paths  # noqa: E402, F401

# isort: split
import contextlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import platform  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from bench.shared import gpu_table, stand_ins  # noqa: E402
from bench.shared.alone import choose_device, exit_code  # noqa: E402

VOLUME = "vertebra_64"
ROOT = Path(__file__).resolve().parents[1]
TREATMENTS = ("", "alendronate 0-60", "denosumab 0-60", "teriparatide 0-24")


def machine(*, device: str = "auto") -> dict[str, Any]:
    """Card, versions, and whether there are kernels: without them all other parts measure the plain forms."""
    import jax

    choose_device(device)
    from trabfem.mechanics import native

    began = time.perf_counter()
    kernels = native.describe()
    return {
        "device": jax.devices()[0].device_kind,
        "memory_GB": round((jax.devices()[0].memory_stats() or {}).get("bytes_limit", 0) / 1e9, 1) or None,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "kernels": kernels or f"NONE: {native.reason_missing()}; all that follows is plain JAX",
        "kernels_s": time.perf_counter() - began,
        "compiled_s": _seconds_of_nvrtc() if native.on_gpu() else None,
        "stand_ins_for": stand_ins.FILLED_IN,
    }


def solve(*, device: str = "auto", volume: str = VOLUME) -> dict[str, Any]:
    """What `trabfem solve` and `trabfem strength` do, in this process from its very start."""
    choose_device(device)
    from trabfem.device import keep_compiled_programs

    keep_compiled_programs()
    import trabfem as tf

    found = tf.solve(volume)
    stress, wall_s = found.sed_mean, time.perf_counter() - BEGAN
    return {
        "device": found.device,
        "wall_s": wall_s,
        "setup_s": found.solution.setup_s,
        "solve_s": found.solution.solve_s,
        "iterations": found.solution.iterations,
        "apparent_modulus_MPa": found.apparent_modulus,
        "sed_mean_MPa": stress,
        "pistoia_N": tf.strength(volume).failure_load,
        "converged": found.converged,
    }


def tests() -> dict[str, Any]:
    """`pytest -m gpu`, without the plug-ins that the project's options ask for."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "bench.shared.stand_ins", "-o", "addopts="]
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), str(ROOT / "tests")])
    began = time.perf_counter()
    command += ["--durations=8", "tests/test_mechanics_gpu.py"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    print(done.stdout, done.stderr, file=sys.stderr)
    last = (done.stdout.strip().splitlines() or ["nothing"])[-1]
    return {"wall_s": time.perf_counter() - began, "code": done.returncode, "result": last}


def arms(*, device: str = "auto", size: int = 64, arms: int = 2, members: int = 4, months: int = 6) -> dict[str, Any]:
    """A comparison of several arms with several members each, and what it says of 4 arms, 8 members and 60 months."""
    choose_device(device)
    import trabfem as tf
    from trabfem.device import keep_compiled_programs

    keep_compiled_programs()
    bone, woman = tf.generate("vertebra", 1, size), tf.Patient("female", age=51, menopause_age=51)
    began, reached = time.perf_counter(), {}
    case = f"{arms} arms x {members} members x {months} months at {size}^3"

    def next_month(name: str, done: int, steps: int, standing: str) -> None:
        if done not in reached:
            reached[done] = time.perf_counter() - began
            # What is known if time runs out.
            print(
                json.dumps({"case": f"{case}, {done} of {steps} an arm done", "wall_s": reached[done]}),
                file=sys.__stdout__,
            )

    chosen = {text or "Untreated": text for text in TREATMENTS[:arms]}
    study = tf.compare(bone, woman, chosen, years=months / 12, members=members, workers=1, progress=next_month)
    wall_s = time.perf_counter() - began
    # The first month compiles. Where runs go on together, all have a month at nearly the same time.
    first = max((at for done, at in reached.items() if done <= 1), default=0.0)
    rest = (wall_s - first) / max(months - 1, 1)
    return {
        "case": case,
        "wall_s": wall_s,
        "first_month_s": first,
        "month_s": rest,
        "month_of_a_run_s": rest / (arms * members),
        "full_s": first + 59 * rest * (4 * 8) / (arms * members),
        "trouble": [run.trouble for arm in study.arms for run in arm.members if run.trouble],
    }


def table(*, folder: str = "gpu-results") -> None:
    """The table of all parts in a folder."""
    print(gpu_table.table_of(Path(folder)))


def _seconds_of_nvrtc() -> float:
    """How long nvrtc takes to compile the kernels for this GPU."""
    import jax

    from trabfem.mechanics.native import gpu

    began = time.perf_counter()
    gpu.compile_image(str(jax.devices()[0].compute_capability))  # pyright: ignore[reportAttributeAccessIssue]
    return time.perf_counter() - began


PARTS = {part.__name__: part for part in (machine, solve, tests, arms, table)}


def main() -> int:
    """Run the part that the arguments name."""
    if len(sys.argv) < 2 or sys.argv[1] not in PARTS:
        raise SystemExit(f"bench: give a part: {', '.join(PARTS)}")
    part = PARTS[sys.argv[1]]
    options = stand_ins.read_options(part, sys.argv[2:])
    # Whatever a library prints must not mix with the row.
    with contextlib.redirect_stdout(sys.stdout if part is table else sys.stderr):
        row = part(**options)
    if row is not None:
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
