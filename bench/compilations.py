"""Programs compiled, month by month, while a specimen remodels: a mesh that changes must not compile anew.

python bench/compilations.py [--size 48] [--months 60] [--treatment SCHEDULE] [--json]
"""

import shared.paths  # noqa: F401

# isort: split
import collections
from json import dumps

import jax
from bench.shared import options
from bench.shared.measure import COMPILED
from cyclopts import App
from trabfem.remodelling.simulate import simulate

from trabfem.biology import schedule
from trabfem.biology.patient import Patient
from trabfem.specimen import synthetic

app = App(help=__doc__)


@app.default
def main(*, size: int = 48, months: int = 60, treatment: str = "", json: options.Json = False) -> None:
    """Count them.

    Parameters
    ----------
    size: voxels a side of a generated vertebra.
    treatment: a schedule, for example "alendronate 0-60".
    """
    jax.config.update("jax_enable_compilation_cache", False)
    counts, month = collections.Counter(), [0]

    def seen(event: str, duration_secs: float, **_: object) -> None:
        counts[month[0]] += event == COMPILED

    def next_month(name: str, done: int, steps: int, standing: str) -> None:
        month[0] = done + 1

    jax.monitoring.register_event_duration_secs_listener(seen)
    specimen, patient = synthetic.generate("vertebra", 1, size), Patient(sex="female", age=51, menopause_age=51)
    done = simulate(specimen, patient, schedule.parse(treatment), years=months / 12, progress=next_month)
    table = done.table
    later = {m: n for m, n in sorted(counts.items()) if m > 1 and n}
    facts = {
        "size": size,
        "months": months,
        "compiled_at_the_start": counts[0],
        "compiled_in_month_1": counts[1],
        "compiled_later": sum(later.values()),
        "months_that_compiled_later": later,
        "elements_first_last": [int((fill > 0).sum()) for fill in (done.fill_first, done.fill_last)],
        "fine_iterations_mean": sum(table["iterations"][1:]) / max(len(table["iterations"]) - 1, 1),
    }
    if json:
        print(dumps(facts))
        return
    for key, value in facts.items():
        print(f"{key:28} {value}")


if __name__ == "__main__":
    app()
