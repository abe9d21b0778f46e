"""What a study says for people: durations, one table of changes and one of gains, and what chance may explain."""

from typing import Any

import numpy as np
import pytest

from trabfem.runs import statistics, summary
from trabfem.schedule.writing import describe_duration, last_month

ARMS = {"Untreated menopause": "u", "Oestrogen therapy": "o", "Alendronate": "a", "Denosumab": "d"}


def header(members: int, shift: float = 10.0, **other: Any) -> dict[str, Any]:
    """run.json of four arms, the first of which loses 10 % and each other gains `shift` points more."""
    random = np.random.default_rng(1)
    draws = random.normal(-10, 3, members)
    change = {slug: draws + (random.normal(shift * k, 2, members) if k else 0) for k, slug in enumerate(ARMS.values())}

    def entries(what: str, values: np.ndarray) -> dict[str, float | None]:
        return statistics.entries(what, dict.fromkeys(("BV/TV", "stiffness", "strength"), values))

    return {
        "name": "Woman of 50",
        "years": 5.0,
        "members": members,
        "shape": [32, 32, 32],
        "spacing_mm": [0.035] * 3,
        "arms": [{"name": name, "slug": slug} for name, slug in ARMS.items()],
        "summary": {slug: entries("change_%", values) for slug, values in change.items()},
        "over_the_first_arm": {s: entries("points", values - change["u"]) for s, values in change.items() if s != "u"},
    } | other


@pytest.mark.parametrize(
    ("years", "words"),
    [
        (0.25, "3 months"), (1 / 12, "1 month"), (0.33, "4 months"), (0.5, "6 months"), (1.0, "1 year"),
        (1.5, "1.5 years"), (16 / 12, "16 months"), (5, "5 years"), (2.5, "2.5 years"), (0.45, "5.4 months"),
    ],
)  # fmt: skip
def test_durations_say_the_truth(years: float, words: str) -> None:
    assert describe_duration(years) == words
    assert last_month(0.33) == 4 and last_month(0.45) == pytest.approx(5.4)


def test_tables_of_four_arms_fit_into_a_terminal() -> None:
    tables = summary.tables_of(header(4))
    lines = "\n".join(str(table) for table in tables).splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) == 2 + 4 * 3 + 2 + 3 * 3
    assert lines[0] == "Change, %, mean of 4 members" and lines[3].startswith("  band  ")
    found = header(4)["over_the_first_arm"]["d"]
    mean, low, high = (found[f"strength_points{end}"] for end in ("", "_mean_low", "_mean_high"))
    assert lines[-3].startswith("Denosumab") and lines[-3].endswith(f"{mean:+.1f}")
    assert lines[-2].endswith(f"[{low:+.1f}, {high:+.1f}]") and lines[-1].split() == ["beyond", "chance"] * 3
    assert any("nine in ten" in note for note in summary.footnotes(header(4)))


def test_no_gain_is_within_chance() -> None:
    assert str(summary.gain_table(header(4, shift=0.0))).count("within chance") == 9


def test_one_draw_says_what_it_cannot_tell() -> None:
    one = header(1)
    assert "[" not in "".join(str(table) for table in summary.tables_of(one)) and len(summary.tables_of(one)) == 2
    assert summary.footnotes(one)[0].startswith("One draw: gains in strength below about 26 points")
    assert "below about 9 points" in summary.footnotes(header(1, shape=[64, 64, 64]))[0]
    assert summary.footnotes(header(1, settings={"bmus": None})) == (), "without BMUs there is no chance"
    assert summary.definitions(1)["members"] == 1 and "t(0.95" in summary.definitions(4)["low, high"]
