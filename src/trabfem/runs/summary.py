"""What a study found, for people: one small table of changes, one of gains over the first arm, and what they mean."""

import math
from collections.abc import Mapping
from typing import Any

from trabfem.constants import Constant
from trabfem.schedule.writing import describe_duration
from trabfem.tables import Column, Table

from .columns import COMPARED
from .statistics import word_for

Header = Mapping[str, Any]
INTERVAL = "  95 % of the mean"
ONE_DRAW_SIDE = Constant(1.12, "mm", "side of the block in which ONE_DRAW was measured")
ONE_DRAW = Constant(
    26.0,
    "points",
    "measured: 1.96 standard deviations (13) of the gain in strength by five years of denosumab over four members of "
    "vertebra_64 cropped to 32 voxels, in steps of four months",
)
BAND_NOTE = "Band: nine in ten further members would fall within it, mean ± t s √(1 + 1/n) of Student's t."
INTERVAL_NOTE = "95 % of the mean: its confidence interval, mean ± t s / √n."
VERDICT_NOTE = " A gain is beyond chance where it excludes zero; within chance, more members may still tell."


def title_of(header: Header) -> str:
    """Name and duration of a study."""
    return f"{header['name']}: change over {describe_duration(header['years'])}"


def change_table(header: Header) -> Table:
    """For each arm the change (%) of each quantity, below it its band and the interval of its mean."""
    rows: list[tuple[str, ...]] = []
    for arm in header["arms"]:
        found = header.get("summary", {}).get(arm["slug"])
        if found:
            rows += rows_of(arm["name"], found, "_change_%", {"  band": "", INTERVAL: "_mean"})
    return Table(columns_of("change, %"), tuple(rows), f"Change, %{count_of(header)}")


def gain_table(header: Header) -> Table:
    """For each arm after the first its gain over it in the same member, the interval of the mean, and the verdict."""
    rows: list[tuple[str, ...]] = []
    for arm in header["arms"][1:]:
        found = header.get("over_the_first_arm", {}).get(arm["slug"])
        if found:
            rows += rows_of(arm["name"], found, "_points", {INTERVAL: "_mean"})
            words = [word_for(*limits(found, f"{name}_points_mean")) for name in COMPARED]
            rows += [("", *words)] if any(words) else []
    title = f"Gain over {header['arms'][0]['name']}, points of %{count_of(header)}"
    return Table(columns_of("gain, points"), tuple(rows), title)


def rows_of(arm: str, found: Mapping[str, Any], what: str, ends: Mapping[str, str]) -> list[tuple[str, ...]]:
    """A row of means, and below it one for each pair of limits in `ends` (label → ending of their keys)."""
    means = [found.get(f"{name}{what}") for name in COMPARED]
    rows = [(arm, *("" if mean is None else f"{mean:+.1f}" for mean in means))]
    for label, end in ends.items():
        pairs = [limits(found, f"{name}{what}{end}") for name in COMPARED]
        cells = ["" if low is None or high is None else f"[{low:+.1f}, {high:+.1f}]" for low, high in pairs]
        rows += [(label, *cells)] if any(cells) else []
    return rows


def count_of(header: Header) -> str:
    """ ", mean of 4 members"; nothing for one."""
    return f", mean of {header['members']} members" if header["members"] > 1 else ""


def tables_of(header: Header) -> tuple[Table, ...]:
    """Both tables, without the empty ones."""
    return tuple(table for table in (change_table(header), gain_table(header)) if len(table))


def footnotes(header: Header) -> tuple[str, ...]:
    """What the brackets and the verdict of both tables mean; of one member, what it cannot tell."""
    if header["members"] > 1:
        gained = any(header.get("over_the_first_arm", {}).values())
        return (BAND_NOTE, INTERVAL_NOTE + (VERDICT_NOTE if gained else ""))
    if not header.get("settings", {}).get("bmus", True):
        return ()  # whole surfaces move by a smooth law
    return (
        f"One draw: gains in strength below about {chance_of_one_draw(header):.0f} points cannot be told from chance "
        "in a block of this size; give members.",
    )


def chance_of_one_draw(header: Header) -> float:
    """Points of strength that the gain of a single member misses by chance, 95 %: a pit is a share of the block."""
    volume = math.prod(n * h for n, h in zip(header["shape"], header["spacing_mm"], strict=True))
    return ONE_DRAW.value * math.sqrt(ONE_DRAW_SIDE.value**3 / volume)


def definitions(members: int) -> dict[str, Any]:
    """What the numbers of run.json and the columns of bands.csv are, for run.json."""
    known: dict[str, Any] = {"members": members}
    if members == 1:
        return known | {"centre": "the only member"}
    return known | {
        "centre": f"mean m of n = {members} members",
        "low, high": "band in which nine in ten further members would fall: m ± t(0.95, n - 1) s √(1 + 1/n)",
        "mean_low, mean_high": "95 % confidence interval of the mean: m ± t(0.975, n - 1) s / √n; an effect is beyond "
        "chance where it excludes zero",
        "without low and high": "the same in all members",
    }


def columns_of(what: str) -> tuple[Column, ...]:
    """Arm and the quantities that are compared."""
    return (Column("arm"), *(Column(name, "", what) for name in COMPARED))


def limits(values: Mapping[str, Any], key: str) -> tuple[float | None, float | None]:
    """The values of `<key>_low` and `<key>_high`."""
    return values.get(f"{key}_low"), values.get(f"{key}_high")
