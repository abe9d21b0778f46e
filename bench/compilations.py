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

import trabfem as tf

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
    bone, woman = tf.generate("vertebra", 1, size), tf.Patient("female", age=51, menopause_age=51)
    study = tf.simulate(bone, woman, treatment, years=months / 12, progress=next_month, members=1, workers=1)
    run = study.arms[0].members[0]
    warm = run.table["iterations"][1:]
    later = {m: n for m, n in sorted(counts.items()) if m > 1 and n}
    facts = {
        "size": size,
        "months": months,
        "compiled_at_the_start": counts[0],
        "compiled_in_month_1": counts[1],
        "compiled_later": sum(later.values()),
        "months_that_compiled_later": later,
        "elements_first_last": [int((fill > 0).sum()) for fill in (run.fill_first, run.fill_last)],
        "fine_iterations_mean": sum(warm) / max(len(warm), 1),
    }
    if json:
        print(dumps(facts))
        return
    for key, value in facts.items():
        print(f"{key:28} {value}")


if __name__ == "__main__":
    app()
