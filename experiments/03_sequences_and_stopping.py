"""What follows a drug decides what it was worth: stopping, and sequences of antiresorptives and anabolics.

Run `python experiments/03_sequences_and_stopping.py`. Prints the change of spine and hip BMD and of CTX over time
and saves one figure a question.
"""

from pathlib import Path

import numpy as np

from trabfem.biology.bands import Line, curves
from trabfem.biology.batch import History
from trabfem.biology.patient import Patient
from trabfem.render import therapies
from trabfem.schedule import parse

WOMAN = Patient("female", age=68.0, menopause_age=50.0)
QUESTIONS = {
    "stopping_denosumab": {
        "Denosumab, then nothing": "denosumab 0-24",
        "Denosumab, then alendronate": "denosumab 0-24; alendronate 24-60",
        "Denosumab, then zoledronate": "denosumab 0-24; zoledronate 24-60",
        "Denosumab 5 y": "denosumab 0-60",
    },
    "stopping_alendronate": {
        "Alendronate 5 y, then nothing": "alendronate 0-60",
        "Alendronate 10 y": "alendronate 0-120",
        "Untreated": "",
    },
    "romosozumab_first_or_last": {
        "Romosozumab, then nothing": "romosozumab 0-12",
        "Romosozumab, then alendronate": "romosozumab 0-12; alendronate 12-48",
        "Romosozumab, then denosumab": "romosozumab 0-12; denosumab 12-48",
        "Alendronate, then romosozumab": "alendronate 0-36; romosozumab 36-48",
    },
    "teriparatide_and_denosumab": {
        "Teriparatide, then denosumab": "teriparatide 0-24; denosumab 24-48",
        "Denosumab, then teriparatide": "denosumab 0-24; teriparatide 24-48",
        "Both, then denosumab": "teriparatide 0-24; denosumab 0-48",
    },
    "stopping_oestrogen": {
        "Oestrogen 3 y, then nothing": "estrogen 0-36",
        "Oestrogen 3 y, then alendronate": "estrogen 0-36; alendronate 36-72",
        "Untreated": "",
    },
}
MEASURES = {"Spine BMD": "bmd_lumbar_spine", "Hip BMD": "bmd_total_hip", "CTX": "ctx", "P1NP": "p1np"}
OUT = Path("out/03_sequences_and_stopping")


def answer(question: str, arms: dict[str, str]) -> Path:
    """Table and figure of one question."""
    last = max(parse(text).last_month for text in arms.values())
    months = np.arange(0.0, last + 1.0)
    lines = [Line(History(WOMAN, parse(text)), key) for key in MEASURES.values() for text in arms.values()]
    values = curves(lines, months).reshape(len(MEASURES), len(arms), len(months), 3)
    shown = [month for month in (12, 24, 36, 48, 60, 84, 120, 144) if month <= last]
    print(f"\n{question.replace('_', ' ')}: change in %, spine / hip / CTX")
    print(f"{'month':34s}" + "".join(f"{month:>20d}" for month in shown))
    for row, name in enumerate(arms):
        cells = [[values[panel, row, month, 0] for panel in (0, 1, 2)] for month in shown]
        print(f"{name:34s}" + "".join(f"{f'{a:+.1f} /{b:+.1f} /{c:+.0f}':>20s}" for a, b, c in cells))
    panels = [
        therapies.Panel(
            title,
            "Change, %",
            [
                therapies.Curve(
                    name, months, values[place, row, :, 0], values[place, row, :, 1], values[place, row, :, 2]
                )
                for row, name in enumerate(arms)
            ],
        )
        for place, title in enumerate(MEASURES)
    ]
    note = f"Model and its 90 % band; woman of {WOMAN.age:g}, menopause at {WOMAN.menopause_age:g}"
    return therapies.draw(panels, OUT / f"{question}.png", note=note)


def main() -> None:
    """All questions."""
    for question, arms in QUESTIONS.items():
        print(answer(question, arms))


if __name__ == "__main__":
    main()
