"""What chance does: the same seed on two builds or devices, and the spread of an effect over seeds.

python bench/chance.py --years 5 --seeds 5
python bench/chance.py --other gpu
"""

import shared.paths  # noqa: F401

# isort: split
import json as text
import os
import subprocess
import sys
from typing import Any, Literal

import numpy as np
from bench.shared import options, table
from cyclopts import App

ARMS = {"Untreated": "", "Alendronate": "alendronate 0-120"}
FORMS = {"compiled": {"JAX_PLATFORMS": "cpu"}, "plain": {"JAX_PLATFORMS": "cpu", "TRABFEM_NATIVE": "0"}, "gpu": {}}
MEASURES = {"strength": "failure load (N)", "BV/TV": "BV/TV"}
COLUMNS = {"seed": ("seed", "d")} | {
    f"{what} {name}": (f"{name}, {what}", form)
    for name in MEASURES
    for what, form in (("untreated", ".2f"), ("other", ".2f"), ("apart", ".2f"), ("effect", ".2f"))
}
app = App(help=__doc__)


@app.default
def main(
    *,
    bone: str = "vertebra_64",
    crop: int | None = None,
    years: float = 5.0,
    seeds: int = 5,
    other: Literal["plain", "gpu", "none"] = "plain",
    only: str | None = None,
    json: options.Json = False,
) -> int:
    """Measure and print: changes over the years in %, how far the two forms are apart, treated less untreated.

    Parameters
    ----------
    crop
        Voxels a side.
    seeds
        Seeds 1 to this number, each one run of the calibrated cell model.
    other
        What the compiled kernels on a CPU are compared with: plain JAX, a GPU, or nothing.
    only
        Used by the program itself: seed and arms of one process.
    """
    if only is not None:
        print(text.dumps(measure(bone, crop, years, *only.split(":"))))
        return 0
    given = ["--bone", bone, "--years", str(years), *(["--crop", str(crop)] if crop else [])]
    rows = [row(seed, given, other) for seed in range(1, seeds + 1)]
    if json:
        print("\n".join(table.json_line(each) for each in rows))
        return 0
    print(table.headed(rows, COLUMNS, f"{bone}, {years:g} years, compiled kernels and {other}"))
    for name in MEASURES:
        effect = np.array([each[f"effect {name}"] for each in rows])
        apart = [each[f"apart {name}"] for each in rows if each[f"apart {name}"] is not None]
        said = f", apart at most {max(apart):.2f}, median {np.median(apart):.2f}" if apart else ""
        print(f"{name}: effect {effect.mean():.2f}, standard deviation {effect.std(ddof=1):.2f} points{said}")
    return 0


def row(seed: int, given: list[str], other: str) -> dict[str, Any]:
    """One seed: both arms in the first form, the untreated one in the other."""
    here, there = ask("compiled", given, f"{seed}:2"), {} if other == "none" else ask(other, given, f"{seed}:1")
    found: dict[str, Any] = {"seed": seed}
    for name in MEASURES:
        untreated, treated = (here[arm][name] for arm in ARMS)
        elsewhere = there["Untreated"][name] if there else None
        found |= {
            f"untreated {name}": untreated,
            f"other {name}": elsewhere,
            f"apart {name}": None if elsewhere is None else abs(untreated - elsewhere),
            f"effect {name}": treated - untreated,
        }
    return found


def ask(form: str, given: list[str], only: str) -> dict[str, Any]:
    """What a process of its own says in one form of the kernels."""
    command = [sys.executable, __file__, *given, "--only", only]
    done = subprocess.run(command, env={**os.environ, **FORMS[form]}, check=True, capture_output=True, text=True)
    return text.loads(done.stdout.splitlines()[-1])


def measure(bone: str, crop: int | None, years: float, seed: str, arms: str) -> dict[str, dict[str, float]]:
    """Change (%) of each measure in the first so many arms."""
    import trabfem as tf

    woman = tf.Patient("female", age=51, menopause_age=51)
    chosen = dict(list(ARMS.items())[: int(arms)])
    asked: dict[str, Any] = {"years": years, "seed": int(seed), "crop": crop, "members": 1, "workers": 1}
    study = tf.compare(bone, woman, chosen, progress=False, **asked)
    return {
        arm.name: {name: 100 * (run.table[key][-1] / run.table[key][0] - 1) for name, key in MEASURES.items()}
        for arm in study
        for run in arm.members
    }


if __name__ == "__main__":
    sys.exit(app(result_action="return_value"))
