"""Every therapy of the calibration table over its published results, and all of them side by side in one woman.

Run `python experiments/02_therapies_side_by_side.py`. One figure a therapy: published points over the model's 90 %
band, density and markers; and a table of what each does to a woman of 65, fifteen years after menopause.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from trabfem.biology import measures, parameters
from trabfem.biology.bands import Line, curves
from trabfem.biology.batch import History
from trabfem.biology.patient import Patient
from trabfem.biology.trials import Row, read_table
from trabfem.render import therapies
from trabfem.schedule import parse

TABLE = parameters.shipped_table()
WOMAN = Patient("female", age=65.0, menopause_age=50.0)
SIDE_BY_SIDE = {
    "Untreated": "",
    "Oestrogen": "estrogen 0-36",
    "Oestrogen + progestin": "estrogen 0-36; progestin 0-36",
    "Raloxifene": "raloxifene 0-36",
    "Alendronate": "alendronate 0-36",
    "Zoledronate": "zoledronate 0-36",
    "Denosumab": "denosumab 0-36",
    "Teriparatide": "teriparatide 0-24",
    "Romosozumab": "romosozumab 0-12",
}
SHOWN = {
    "bmd_lumbar_spine": "Spine BMD",
    "bmd_total_hip": "Hip BMD",
    "bmd_femoral_neck": "Femoral-neck BMD",
    "bmd_total_body": "Total-body BMD",
    "vbmd_lumbar": "Spine, QCT",
    "vbmd_lumbar_trabecular": "Trabecular spine, QCT",
    "vbmd_hip_trabecular": "Trabecular hip, QCT",
    "ctx": "CTX",
    "p1np": "P1NP",
    "activation_frequency": "Activation frequency",
}
MONTHS = np.concatenate([[0.0, 0.5], np.arange(1.0, 61.0), np.arange(66.0, 193.0, 6.0)])
NOTE = "Woman of 65, menopause at 50; middle of the model, its 90 % bands stand in the printed table."
PERSON_SD = 4.5  # points between participants, for trials that print n but no interval
Bands = Float[np.ndarray, "months 3"]
OUT = Path("out/02_therapies_side_by_side")


def name_of(row: Row) -> str:
    """Legend entry of a row's arm."""
    against = " vs placebo" if row.control is not None else ""
    late = f" from month {row.from_month:g}" if row.from_month else ""
    return f"{row.columns['trial']}{against}{late}"


def interval(row: Row) -> tuple[float, float]:
    """Published 95 % interval, else one from n for density, else none."""
    low, high, n = (row.columns.get(key, "") for key in ("ci_low", "ci_high", "n"))
    if low and high:
        return float(low), float(high)
    if n and row.value is not None and measures.kind(row.measure) == "density":
        half = 1.96 * PERSON_SD / np.sqrt(float(n))
        return row.value - half, row.value + half
    return np.nan, np.nan


def grouped(rows: list[Row]) -> dict[str, dict[str, dict[tuple[str, Line], list[Row]]]]:
    """Therapy → panel → (legend entry, line) → rows."""
    groups: dict[str, dict[str, dict[tuple[str, Line], list[Row]]]] = {}
    for row in rows:
        therapy = " + ".join(sorted({item.agent for item in row.history.schedule.treatments})) or "untreated"
        if row.measure in SHOWN and row.value is not None:
            line = Line(row.history, row.measure, row.control, row.from_month)
            lines = groups.setdefault(therapy, {}).setdefault(SHOWN[row.measure], {})
            lines.setdefault((name_of(row), line), []).append(row)
    order = list(SHOWN.values())
    return {
        therapy: dict(sorted(panels.items(), key=lambda item: order.index(item[0])))
        for therapy, panels in groups.items()
    }


def banded(lines: dict[Line, float]) -> dict[Line, Bands]:
    """Middle and band of every line at those of `MONTHS` that its last published month asks for.

    Short and long lives apart: a life that is followed beyond ten years takes longer steps.
    """
    bands: dict[Line, Bands] = {}
    for longest, chosen in (
        (120.0, [k for k in lines if lines[k] <= 120.0]),
        (np.inf, [k for k in lines if lines[k] > 120.0]),
    ):
        months = MONTHS[MONTHS <= min(longest, max((lines[k] for k in chosen), default=0.0))]
        bands |= dict(zip(chosen, curves(chosen, months), strict=True)) if chosen else {}
    return bands


def draw_therapy(therapy: str, panels: dict[str, dict[tuple[str, Line], list[Row]]], bands: dict[Line, Bands]) -> Path:
    """The figure of one therapy."""
    drawn = []
    for title, lines in panels.items():
        shown = []
        for (name, line), rows in lines.items():
            ends = np.array([interval(row) for row in rows])
            at = np.array([row.month for row in rows])
            points = therapies.Points(at, np.array([row.value for row in rows], float), ends[:, 0], ends[:, 1])
            months = MONTHS[: len(bands[line])]
            seen = (months >= line.start) & (months <= at.max())
            middle, low, high = bands[line][seen].T
            shown.append(therapies.Curve(name, months[seen], middle, low, high, points))
        drawn.append(therapies.Panel(title, "Change, %", shown))
    note = "Line and band: model and its 90 % band. Points: published; bars: 95 % interval, published or from n."
    return therapies.draw(drawn, OUT / f"{therapy.replace(' + ', '_')}.png", note=note)


def compare_in_one_woman() -> Path:
    """Table and figure of all therapies in one woman."""
    months = np.arange(0.0, 37.0)
    shown = {"Spine BMD": "bmd_lumbar_spine", "Hip BMD": "bmd_total_hip", "CTX": "ctx", "P1NP": "p1np"}
    lines = [Line(History(WOMAN, parse(text)), key) for key in shown.values() for text in SIDE_BY_SIDE.values()]
    values = curves(lines, months).reshape(len(shown), len(SIDE_BY_SIDE), len(months), 3)
    print(
        f"{'change, % [90 % band]':24s}"
        + "".join(f"{f'{title} {m}':>24s}" for title in ("Spine BMD", "Hip BMD") for m in (12, 36))
    )
    for row, name in enumerate(SIDE_BY_SIDE):
        cells = [values[panel, row, month] for panel in (0, 1) for month in (12, 36)]
        print(f"{name:24s}" + "".join(f"{f'{a:+.1f} [{b:+.1f}, {c:+.1f}]':>24s}" for a, b, c in cells))
    panels = [
        therapies.Panel(
            title,
            "Change, %",
            [therapies.Curve(name, months, values[place, row, :, 0]) for row, name in enumerate(SIDE_BY_SIDE)],
        )
        for place, title in enumerate(shown)
    ]
    return therapies.draw(panels, OUT / "side_by_side.png", note=NOTE)


def main() -> None:
    """One figure a therapy, then all side by side."""
    rows, _ = read_table(TABLE)
    groups = grouped(rows)
    lines: dict[Line, float] = {}
    for panels in groups.values():
        for entry in panels.values():
            for (_, line), published in entry.items():
                lines[line] = max(lines.get(line, 0.0), *(row.month for row in published))
    bands = banded(lines)
    for therapy, panels in groups.items():
        print(draw_therapy(therapy, panels, bands))
    print(compare_in_one_woman())


if __name__ == "__main__":
    main()
