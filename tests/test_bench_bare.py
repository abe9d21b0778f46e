"""The solver and the benchmarks on a machine that has JAX and the packages of NumPy's family, and little else."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ["pyvista", "vtk", "meshio", "matplotlib", "cyclopts", "rich", "beartype"]
REPLACED = ["psutil", "threadpoolctl", "loky"]


def run_without(blocked: list[str], code: str) -> str:
    """What a program prints where some packages cannot be imported."""
    block = f"import sys\nfor name in {blocked}: sys.modules[name] = None\n"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", block + code], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_bone_is_solved_where_nothing_can_be_drawn() -> None:
    code = (
        "import numpy as np, trabfem as tf\n"
        "found = tf.solve(np.ones((4, 5, 6)), tf.uniaxial(-0.01), spacing=0.1, youngs=1000)\n"
        "print(found.apparent_modulus)"
    )
    assert abs(float(run_without(SHOWN, code)) - 1000) < 1e-2


def test_a_benchmark_runs_with_stand_ins() -> None:
    code = (
        "import runpy\n"
        "sys.path.insert(0, 'bench')\n"
        "sys.argv = 'operator.py --size 24 --seconds 0.01 --copy-mb 1 --device cpu --json'.split()\n"
        "runpy.run_path('bench/operator.py', run_name='__main__')"
    )
    rows = [json.loads(line) for line in run_without(SHOWN + REPLACED, code).splitlines()]
    assert {(row["form"], row["dtype"]) for row in rows} == {
        (form, dtype) for form in ("operator.apply", "operator.plain") for dtype in ("float32", "float64")
    }
    assert all(0 < row["fraction"] for row in rows)
