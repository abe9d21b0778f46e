"""Curves: the numbers that are drawn, bands, consistent colours."""

import csv
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from fake_run import write_run
from trabfem.errors import UserError
from trabfem.render import plots, style
from trabfem.runs.study import open_study
from typed import corners_of, points_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("plots") / "run", (10, 8, 12), (0.05, 0.05, 0.05), months=(0, 6, 12, 24))


def rewrite(folder: Path, change) -> None:
    with (folder / "timeseries.csv").open(newline="") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    with (folder / "timeseries.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_curves_are_in_percent_of_the_start_over_years(folder: Path) -> None:
    study = open_study(folder)
    figure = plots.draw(study.arms, plots.find_present(study.arms, plots.STRENGTH))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title.split(maxsplit=1)[1] for title in titles] == [quantity.title for quantity in plots.STRENGTH]
    assert [title[0] for title in titles] == ["a", "b", "c", "d"]
    for index, arm in enumerate(study):
        line = figure.axes[0].lines[2 * index if index == 0 else index]
        load = arm.table["failure load (N)"]
        years, shown = points_of(line)
        assert np.allclose(years, [0, 0.5, 1, 2])
        assert np.allclose(shown, 100 * load / load[0])
        assert to_hex(line.get_color()) == style.arm_colour(index).lower()
    assert "N" in figure.axes[0].texts[0].get_text() and "N/mm" in figure.axes[1].texts[0].get_text()


def test_hormones_keep_their_units(folder: Path) -> None:
    study = open_study(folder)
    figure = plots.draw(study.arms, plots.find_present(study.arms, plots.HORMONES))
    assert [axes.get_ylabel() for axes in figure.axes] == ["pg/mL", *["relative to youth"] * 3]
    assert np.allclose(points_of(figure.axes[0].lines[0])[1], study.arms[0].table["E2 (pg/mL)"])


def test_low_and_high_columns_become_bands(tmp_path: Path) -> None:
    folder = write_run(tmp_path, (10, 8, 12), (0.05, 0.05, 0.05), months=(0, 12))
    assert not plots.draw(open_study(folder).arms, list(plots.STRENGTH)).axes[0].collections

    def add_band(row: dict[str, str]) -> dict[str, str]:
        load = float(row["failure load (N)"])
        return row | {"failure load low (N)": str(0.9 * load), "failure load high (N)": str(1.1 * load)}

    rewrite(folder, add_band)
    bands = plots.draw(open_study(folder).arms, list(plots.STRENGTH)).axes[0].collections
    assert len(bands) == 2
    corners = corners_of(bands[0])
    assert corners[:, 1].max() == pytest.approx(110) and corners[corners[:, 0] == 0, 1].min() == pytest.approx(90)


def test_members_are_drawn_relative_to_their_own_start(tmp_path: Path) -> None:
    """Where the table has `<name>, % of start`, line and band are that, over months that were not measured as well."""
    folder = write_run(tmp_path, (10, 8, 12), (0.05, 0.05, 0.05), months=(0, 6, 12))
    shares = {"0": (100, 100, 100), "6": ("", "", ""), "12": (70, 80, 85)}

    def add_share(row: dict[str, str]) -> dict[str, str]:
        names = [f"failure load, % of start{end}" for end in (" low", "", " high")]
        load = {"failure load low (N)": "1"} | ({"failure load (N)": ""} if row["month"] == "6" else {})
        return row | load | dict(zip(names, map(str, shares[row["month"]]), strict=True))

    rewrite(folder, add_share)
    study = open_study(folder)
    figure = plots.draw(study.arms, list(plots.STRENGTH))
    lines, bands = figure.axes[0].get_lines(), figure.axes[0].collections
    years, shown = points_of(lines[0])
    assert shown.tolist() == [100, 80] and years.tolist() == [0, 1]
    corners = corners_of(bands[0])
    ends = corners[corners[:, 0] == 1, 1]
    assert (ends.min(), ends.max()) == (70, 85) and set(corners[corners[:, 0] == 0, 1]) == {100}
    assert study.arms[0].change("failure load") == pytest.approx(-20)
    assert plots.band_note(1, everywhere=False) in [text.get_text() for text in figure.texts]
    assert "the same in all members" in plots.band_note(4, everywhere=False)


def test_absent_columns_are_left_out_and_none_is_an_error(tmp_path: Path) -> None:
    folder = write_run(tmp_path, (10, 8, 12), (0.05, 0.05, 0.05), months=(0, 12))
    rewrite(
        folder,
        lambda row: {key: value for key, value in row.items() if key in ("arm", "slug", "member", "month", "BV/TV")},
    )
    study = open_study(folder)
    assert [quantity.column for quantity in plots.find_present(study.arms, plots.STRENGTH)] == ["BV/TV"]
    plots.strength_over_time(study, tmp_path / "one.png")
    with pytest.raises(UserError, match="none of the columns E2"):
        plots.hormones_over_time(folder)


def test_figures_are_written_for_print(folder: Path) -> None:
    for path in (plots.strength_over_time(folder), plots.hormones_over_time(folder)):
        with Image.open(path) as image:
            assert image.info["dpi"][0] == pytest.approx(300, abs=1) and image.width == 2160
            assert np.asarray(image.convert("L")).std() > 10


@pytest.mark.parametrize(("value", "words"), [(2103.0, "2103"), (419.6, "420"), (0.19412, "0.194"), (0.0, "0")])
def test_numbers_without_exponent(value: float, words: str) -> None:
    assert style.significant(value) == words


def test_gaps_in_a_column_are_bridged(tmp_path: Path) -> None:
    folder = write_run(tmp_path, (10, 8, 12), (0.05, 0.05, 0.05), months=(0, 6, 12))
    rewrite(folder, lambda row: row | ({"Tb.Th (mm)": ""} if row["month"] == "6" else {}))
    study = open_study(folder)
    years, thickness = points_of(plots.draw(study.arms, [plots.STRENGTH[3]]).axes[0].lines[0])
    assert np.allclose(years, [0, 1]) and np.isfinite(thickness).all()
    assert study.arms[0].change("Tb.Th") == pytest.approx(thickness[-1] - 100)
