"""Names that a user chose, in every picture: dollar signs stay, letters come from any font, nothing is warned of."""

import logging
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from fake_run import FakeArm, write_run
from trabfem.render import film as films
from trabfem.render import fitting, picture, plots, probe, style
from trabfem.render.film_text import Name, fit_names, text_width
from trabfem.render.view import overlay
from trabfem.render.view.contents import Choice, StudyContents
from trabfem.render.view.side import Side, draw_side
from trabfem.render.view.window import Window
from trabfem.runs.study import Study, open_study

drawing = pytest.mark.skipif(not probe.rendering_works(), reason=probe.probe().message)
NAMES = ("cost $5^ and $3_", "x_{$\\frac$ 5 % $", "骨 bone", "🦴 with a\ttab")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    arms = tuple(FakeArm(name, f"arm_{number}", "", 0.01) for number, name in enumerate(NAMES))
    return open_study(write_run(tmp_path_factory.mktemp("letters") / "run", (10, 8, 12), months=(0, 12), arms=arms))


def words_of(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]


def test_curves_and_their_legend_warn_of_nothing(
    study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        figure = plots.figure_of(study, plots.STRENGTH)
        for suffix in ("png", "pdf", "svg"):
            picture.save(figure, tmp_path / f"curves.{suffix}")
    assert not caplog.records
    words = words_of(figure)
    assert {NAMES[0], NAMES[1], "🦴 with a tab"} <= {text.get_text() for text in words}
    assert not any("\t" in text.get_text() for text in words)
    assert not any(text.get_parse_math() for text in words if "$" in text.get_text())


def test_fonts_that_are_there_lend_their_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(style.further_fonts()) <= set(style.FURTHER_FONTS)
    monkeypatch.setattr(style, "FURTHER_FONTS", ("No such font", "DejaVu Serif"))
    assert style.further_fonts.__wrapped__() == ("DejaVu Serif",)
    before = matplotlib.rcParams["font.family"]
    with style.lettering():
        assert matplotlib.rcParams["font.family"][2:] == list(style.further_fonts())
    assert matplotlib.rcParams["font.family"] == before


def test_names_in_a_window_are_drawn_as_they_are() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in NAMES:
            words, size = overlay.fit_name(name, 300)
            pixels = overlay.draw_name(words, size)
            dark = np.flatnonzero((pixels.min(axis=2) < 128).any(axis=0))
            # All of the words are there, none of them beyond the picture.
            assert 0 < dark[0] and dark[-1] < pixels.shape[1] - 1
            assert np.ptp(dark) > 0.85 * overlay.width_of(words, size), name
    assert overlay.fit_name("a\tb", 300)[0] == "a b"
    plain, formula = (overlay.draw_name(f"{sign}x_3{sign}", 15) for sign in ("$", "|"))
    assert plain.shape[0] == formula.shape[0] and (plain[:, -8:] < 128).any(), "the last dollar sign"


def test_a_title_of_a_window_is_no_formula() -> None:
    side = Side(NAMES[1], (Choice("bone", NAMES[1]),), 0, None, False, NAMES[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw_side(side, 300, 400).shape == (400, 300, 3)


@drawing
def test_a_window_shows_names_that_vtk_would_take_for_formulae(study: Study, capfd: pytest.CaptureFixture[str]) -> None:
    window = Window(StudyContents(study), step=0, size=(700, 600), off_screen=True)
    try:
        window.draw()
        shown = np.asarray(window.plotter.screenshot(return_img=True))
        for number, (left, bottom, width, height) in enumerate(window.places.panels):
            name = overlay.draw_name(*overlay.fit_name(NAMES[number], width - 8))
            middle = round(window.places.height - bottom - height - 36)
            band = shown[middle - 12 : middle + 12, round(left) : round(left + width)]
            assert (band.min(axis=2) < 128).sum() == pytest.approx((name.min(axis=2) < 128).sum(), rel=0.05)
    finally:
        window.plotter.close()
    assert "rror" not in capfd.readouterr().err


def test_names_of_a_film_are_no_formulae(study: Study) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shots = films.plan_shots(study, "time-lapse", 2)
        sheet = films.make_sheet(study, shots, None, "time-lapse", (), 640)
    words = words_of(sheet.figure)
    assert {NAMES[0], "🦴 with a tab"} <= {text.get_text() for text in words}
    assert not any(text.get_parse_math() for text in words if "$" in text.get_text())
    assert fit_names(["a\tb"], 3.0)[0] == Name(("a b",), 11.5) and text_width("骨", 9.0) > 0


def test_a_tab_is_as_wide_as_a_space() -> None:
    assert fitting.width_of("a\tb", 8.0) == fitting.width_of("a b", 8.0)
