"""Programs compiled and grids copied, month by month, while a specimen remodels: a changed mesh must not compile anew.

python bench/compilations.py [--size 48] [--months 60] [--treatment SCHEDULE] [--json]
"""

import shared.paths  # noqa: F401

# isort: split
import collections
from json import dumps

import jax
import numpy as np
from bench.shared import options
from bench.shared.alone import choose_device
from bench.shared.measure import COMPILED
from cyclopts import App

import trabfem as tf

LARGE = 4096
"""Bytes; what is larger counts as a grid."""

app = App(help=__doc__)


@app.default
def main(
    *,
    size: int = 48,
    months: int = 60,
    treatment: str = "",
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Count them.

    Parameters
    ----------
    size: voxels a side of a generated vertebra.
    treatment: a schedule, for example "alendronate 0-60".
    """
    choose_device(device)
    jax.config.update("jax_enable_compilation_cache", False)
    counts, copies, month = collections.Counter(), collections.Counter(), [0]
    count_copies(copies, month)

    def seen(event: str, duration_secs: float, **_: object) -> None:
        counts[month[0]] += event == COMPILED

    def next_month(name: str, done: int, steps: int, standing: str) -> None:
        month[0] = done + 1

    jax.monitoring.register_event_duration_secs_listener(seen)
    bone, woman = tf.generate("vertebra", 1, size), tf.Patient("female", age=51, menopause_age=51)
    study = tf.simulate(bone, woman, treatment, years=months / 12, progress=next_month, members=1, workers=1)
    run = study.arms[0].members[0]
    warm = run.table["iterations"][1:]
    whole_months = [copies[m] for m in range(2, months)]
    later = {m: n for m, n in sorted(counts.items()) if m > 1 and n}
    facts = {
        "size": size,
        "months": months,
        "compiled_at_the_start": counts[0],
        "compiled_in_month_1": counts[1],
        "compiled_later": sum(later.values()),
        "months_that_compiled_later": later,
        "copies_at_the_start": copies[0],
        "copies_a_month": sum(whole_months) / len(whole_months) if whole_months else None,
        "elements_first_last": [int((fill > 0).sum()) for fill in (run.fill_first, run.fill_last)],
        "fine_iterations_mean": sum(warm) / max(len(warm), 1),
    }
    if json:
        print(dumps(facts))
        return
    for key, value in facts.items():
        print(f"{key:28} {value}")


def count_copies(copies: collections.Counter, month: list[int]) -> None:
    """Count arrays of more than `LARGE` bytes that go to the device or, once for each array, come from it.

    From the device they come through the one property that NumPy, `float` and `jax.device_get` read.
    """
    from jax._src.array import ArrayImpl

    put, value = jax.device_put, ArrayImpl._value

    def put_noted(tree: object, *more: object, **named: object) -> object:
        leaves = jax.tree.leaves(tree)
        copies[month[0]] += sum(isinstance(leaf, np.ndarray) and leaf.nbytes > LARGE for leaf in leaves)
        return put(tree, *more, **named)

    def value_noted(array: ArrayImpl) -> np.ndarray:
        copies[month[0]] += array._npy_value is None and array.nbytes > LARGE
        return value.fget(array)  # pyright: ignore[reportAttributeAccessIssue]

    jax.device_put, ArrayImpl._value = put_noted, property(value_noted)  # pyright: ignore[reportAttributeAccessIssue]


if __name__ == "__main__":
    app()
