"""Ten years of remodelling in monthly steps under six load cases: where the time goes, and whether memory stays flat.

python bench/decade.py --side 100
python bench/decade.py --side 256 --site femoral-head --device gpu
"""

import shared.paths  # noqa: F401

# isort: split
import sys
import time
from typing import Any

import jax
import numpy as np
from bench.shared import options, table
from bench.shared.alone import NOT_CONVERGED, choose_device, exit_code
from bench.shared.measure import COMPILED, peak
from cyclopts import App

import trabfem as tf
from trabfem.device import keep_compiled_programs
from trabfem.remodelling.loading.activities import tensor_activity

# Compression with some of everything else, MPa, so that no load case can be left out.
STRESS = np.array([[0.05, 0.02, 0.03], [0.02, 0.05, 0.03], [0.03, 0.03, -0.5]])
COLUMNS = {
    "case": ("case", "s"),
    "wall_s": ("wall s", ".0f"),
    "cpu_s": ("CPU s", ".0f"),
    "compile_s": ("of it compiling, wall s", ".0f"),
    "month_s": ("s a month", ".2f"),
    "solve": ("solve", ".0%"),
    "set-up": ("set-up", ".0%"),
    "surface": ("surface", ".0%"),
    "measures": ("measures", ".0%"),
    "start": ("start", ".0%"),
    "iterations": ("iterations a solve", ".1f"),
    "first_year_MB": ("MB after a year", ".0f"),
    "peak_MB": ("MB at the end", ".0f"),
}
app = App(help=__doc__)


@app.default
def main(
    *,
    side: options.Size = 100,
    site: options.Site = "vertebra",
    seed: options.Seed = 1,
    months: int = 120,
    smooth: bool = False,
    pieces: int = 1,
    device: options.Device = "auto",
    json: options.Json = False,
) -> int:
    """Measure and print.

    Parameters
    ----------
    months
        Steps of a month from menopause on, without treatment.
    smooth
        No BMUs: whole surfaces move by what cells form less what they take.
    pieces
        Make a bone of side / pieces and its mirror images, to save the time that a generated bone takes on the host.
    """
    choose_device(device)
    row = measure(side, site, seed, months, smooth, pieces, json)
    print(table.json_line(row) if json else table.headed([row], COLUMNS, "{case}: BV/TV {BV/TV:.3f} on {device}"))
    return NOT_CONVERGED if row["trouble"] else 0


def measure(side: int, site: str, seed: int, months: int, smooth: bool, pieces: int, json: bool) -> dict[str, Any]:
    """The row of one run."""
    keep_compiled_programs()
    compiling, held = [0.0], [0.0]

    def seen(event: str, duration_secs: float, **_: object) -> None:
        compiling[0] += duration_secs * (event == COMPILED)

    def next_month(name: str, done: int, steps: int, standing: str) -> None:
        if json:
            # What is known if time runs out.
            known = {
                "case": f"stopped after month {done}",
                "wall_s": time.perf_counter() - wall,
                "compile_s": compiling[0],
            }
            print(table.json_line(known), flush=True)
        if done == 12:
            held[0] = peak_mb()

    jax.monitoring.register_event_duration_secs_listener(seen)
    bone, woman = make_bone(side, site, seed, pieces), tf.Patient("female", age=51, menopause_age=51)
    make = tf.smooth_settings if smooth else tf.Settings
    # Tb.Th takes as long as a month of all the rest: once a year is enough.
    settings = make(activities=(tensor_activity("day", STRESS),), thickness_every=12)
    cpu, wall = time.process_time(), time.perf_counter()
    asked = {"years": months / 12, "seed": seed, "settings": settings, "members": 1, "workers": 1}
    study = tf.simulate(bone, woman, progress=next_month, **asked)
    wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    done = study.arms[0].members[0]
    total, warm = sum(done.timing.values()), done.table["iterations"][1:]
    change = {key: 100 * (done.table[key][-1] / done.table[key][0] - 1) for key in ("BV/TV", "failure load (N)")}
    return {
        "case": f"{site} {side}, {'smooth' if smooth else 'BMUs'}, {len(done.months) - 1} months",
        "device": jax.devices()[0].device_kind,
        "BV/TV": done.table["BV/TV"][0],
        "BV/TV change %": change["BV/TV"],
        "strength change %": change["failure load (N)"],
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "compile_s": compiling[0],
        "month_s": (total - done.timing["start"]) / max(len(warm), 1),
        **{part: seconds / total for part, seconds in done.timing.items()},
        "iterations": sum(warm) / max(len(warm), 1),
        "first_year_MB": held[0],
        "peak_MB": peak_mb(),
        "trouble": done.trouble,
        "ended": done.ended,
    }


def make_bone(side: int, site: str, seed: int, pieces: int) -> tf.Specimen:
    """A generated bone, or one of a part of the side with mirror images beside it, which hang together."""
    bone = tf.generate(site, seed, side // pieces)
    if pieces == 1:
        return bone
    fill = np.pad(bone.fill, [(0, side - n) for n in bone.fill.shape], mode="symmetric")
    return tf.Specimen(fill, bone.spacing, f"{site} {side // pieces} with mirror images")


def peak_mb() -> float:
    """The most memory that the process has held, MB; on a GPU its allocator's."""
    device = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return (device or peak()) / 1e6


if __name__ == "__main__":
    sys.exit(exit_code(app))
