"""What a study found, for people: one small table of changes, one of gains over the first arm, and what they mean."""

from collections.abc import Mapping
from typing import Any

from trabfem.schedule.writing import describe_duration
from trabfem.tables import Column, Table

from .columns import COMPARED
from .statistics import format_limits, word_for

Header = Mapping[str, Any]
BAND_NOTE = "Band: nine in ten further members would fall within it, mean ± t s √(1 + 1/n) of Student's t."
INTERVAL_NOTE = "95 % interval of the mean: mean ± t s / √n."
VERDICT_NOTE = " A gain is beyond chance where it excludes zero; within chance, more members may still tell."


def title_of(header: Header) -> str:
    """Name and duration of a study."""
    return f"{header['name']}: change over {describe_duration(header['years'])}"


def change_table(header: Header) -> Table:
    """One row an arm: change (%) of each quantity with its band, and below it the interval of its mean."""
    rows: list[tuple[str, ...]] = []
    for arm in header["arms"]:
        found = header.get("summary", {}).get(arm["slug"])
        if found:
            rows.append((arm["name"], *(cell(found, f"{name}_change_%") for name in COMPARED)))
            means = [interval(found, f"{name}_change_%") for name in COMPARED]
            rows += [("  mean within", *means)] if any(means) else []
    band = " [band]" if header["members"] > 1 else ""
    return Table(columns_of("change, %"), tuple(rows), f"Change, %{count_of(header)}{band}")


def gain_table(header: Header) -> Table:
    """One row an arm after the first: gain over it in the same member, and below it whether chance explains it."""
    rows: list[tuple[str, ...]] = []
    for arm in header["arms"][1:]:
        found = header.get("over_the_first_arm", {}).get(arm["slug"])
        if found:
            keys = [f"{name}_points" for name in COMPARED]
            rows.append((arm["name"], *(cell(found, key, "_mean") for key in keys)))
            words = [word_for(*limits(found, key, "_mean")) for key in keys]
            rows += [("", *words)] if any(words) else []
    band = " [95 % interval]" if header["members"] > 1 else ""
    title = f"Gain over {header['arms'][0]['name']}, points of %{count_of(header)}{band}"
    return Table(columns_of("gain, points"), tuple(rows), title)


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
    return ()


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


def limits(values: Mapping[str, Any], key: str, of: str = "") -> tuple[float | None, float | None]:
    """Both ends of the band of `key`, or of the interval of its mean."""
    return values.get(f"{key}{of}_low"), values.get(f"{key}{of}_high")


def cell(values: Mapping[str, Any], key: str, of: str = "") -> str:
    """A mean with both ends as text; empty where it is not known."""
    mean = values.get(key)
    return "" if mean is None else format_limits(mean, *limits(values, key, of))


def interval(values: Mapping[str, Any], key: str) -> str:
    """Both ends of the confidence interval of the mean as text."""
    low, high = limits(values, key, "_mean")
    return "" if low is None or high is None else f"     [{low:+.1f}, {high:+.1f}]"
