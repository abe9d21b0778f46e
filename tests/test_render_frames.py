"""Every figure, in both styles and widths, with few and many arms, short and long names: its words within its frame,
none over another."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from fake_run import ARMS, FakeArm, write_run
from frames import drawn_words, find_flaws
from test_render_cohort import made_up
from test_render_directions import ANGLES, block
from trabfem.errors import UserError
from trabfem.render import (
    bone,
    cohort,
    contrasts,
    course,
    directions,
    fitting,
    kinds,
    layout,
    material,
    mechanisms,
    panels,
    plots,
    probe,
    resolution,
    scenes,
    style,
    therapies,
)
from trabfem.render.colouring import COLOURINGS
from trabfem.render.picture import Picture
from trabfem.runs.study import Study, open_study
from trabfem.specimen import Specimen

SHAPE, SPACING = (10, 8, 12), (0.05, 0.06, 0.04)
LONG = "Denosumab for two years, then zoledronate every 18 months"
SHEETS = [
    pytest.param(sheet, id=f"{sheet[0]} {sheet[1]}", marks=pytest.mark.slow if slow else ())
    for sheet, slow in ((("screen", 2), False), (("paper", 1), False), (("screen", 1), True), (("paper", 2), True))
]


class StubPainter:
    """Pixels without OpenGL."""

    def __init__(self, view: panels.View, height: int, supersampling: int = 2) -> None:
        self.size = (8, max(1, round(8 * view.aspect)), 3)

    def __enter__(self) -> "StubPainter":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def paint(self, layers: list[panels.Layer]) -> np.ndarray:
        return np.full(self.size, 128, np.uint8)


@pytest.fixture(autouse=True)
def without_opengl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "require_rendering", lambda: None)
    for module in (scenes, contrasts, bone):
        monkeypatch.setattr(module, "Painter", StubPainter)


@pytest.fixture(params=SHEETS)
def sheet(request: pytest.FixtureRequest) -> Iterator[style.Look]:
    """Each look, one and two columns wide."""
    with style.use(*request.param) as look:
        yield look


def make_study(out: Path, count: int, months: tuple[int, ...], members: int = 1) -> Study:
    """So many arms; from the second on with names as long as they come."""
    names = ["Untreated", *(f"{LONG} {number}" for number in range(2, count + 1))]
    arms = tuple(FakeArm(name, f"arm{k}", "", 0.004 * (k % 5)) for k, name in enumerate(names))
    study = open_study(write_run(out, SHAPE, SPACING, months, arms, members=members))
    return replace(study, header={**study.header, "settings": {"tissue_modulus": 8000.0}})


STUDIES: dict[str, tuple[tuple[int, tuple[int, ...], int], Any]] = {
    "one arm, one month": ((1, (0, 1), 1), ()),
    "four arms, fifty years": ((4, (0, 300, 600), 3), pytest.mark.slow),
    "seven arms": ((7, (0, 60), 1), pytest.mark.slow),
    "twelve arms, many members": ((12, (0, 60), 2), ()),
}


@pytest.fixture(scope="module", params=[pytest.param(name, marks=marks) for name, (_, marks) in STUDIES.items()])
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("frames") / "run", *STUDIES[request.param][0])


@pytest.fixture(scope="module")
def drawn(study: Study) -> list[scenes.Scene]:
    """Scenes with their words, of two bones for all arms: what is computed of a bone takes longer than the page."""
    found = scenes.scenes_of(study)
    return [found[0], *(replace(scene, bone=found[-1].bone) for scene in found[1:])]


def test_curves(study: Study, sheet: style.Look) -> None:
    for quantities in (plots.STRENGTH, plots.HORMONES):
        figure = plots.figure_of(study, quantities)
        assert find_flaws(figure) == []
        said = " ".join(" ".join(words.split()) for words, _ in drawn_words(figure))
        assert all(arm.name in said for arm in study), "no name is cut"


def test_bones_in_every_colouring(study: Study, drawn: list[scenes.Scene], sheet: style.Look) -> None:
    for name in COLOURINGS if len(study.arms) == 12 else ("change",):
        figure = kinds.draw_kind(study, "before_after", colour=name, pixels=8, scenes=drawn)
        assert find_flaws(figure) == [], name
    said = " ".join(" ".join(words.split()) for words, _ in drawn_words(figure))
    assert all(f"{arm.name}, " in said for arm in study), "no name is cut"
    assert figure.get_size_inches()[0] == sheet.width


def test_change_zoom_cut_and_difference(study: Study, drawn: list[scenes.Scene], sheet: style.Look) -> None:
    for kind in ("change", "zoom", "cut") if len(study.arms) == 12 else ("zoom",):
        assert find_flaws(kinds.draw_kind(study, kind, pixels=8, scenes=drawn)) == [], kind
    if len(study.arms) > 1:
        assert find_flaws(kinds.draw_kind(study, "difference", pixels=8)) == []
    else:
        with pytest.raises(UserError, match="kind = difference: this study has one arm"):
            kinds.draw_kind(study, "difference")


def paths(slope: float) -> mechanisms.Paths:
    volume = np.linspace(1.0, 0.6, 5)
    return [(volume, volume**slope)]


def curve(name: str) -> therapies.Curve:
    months = np.linspace(0, 36, 10)
    return therapies.Curve(name, months, 0.3 * months, 0.2 * months - 1, 0.4 * months + 1)


def of_therapies() -> Figure:
    names = [f"{LONG} {number}" for number in range(9)]
    covers = [("denosumab", 0.0, 24.0), (LONG, 24.0, 36.0), ("zoledronate", 33.0, 36.0)]
    several = [
        therapies.Panel(f"Bone mineral density of the {where}", "Change, % of the value before", [*map(curve, names)])
        for where in ("lumbar spine (L1 to L4)", "total hip", "femoral neck")
    ]
    several[0] = replace(several[0], covers=covers)
    return therapies.figure_of(several, columns=3, note=f"{LONG}. " * 5)


def of_course(months: float = 60.0) -> Figure:
    when = np.arange(0.0, months + 1)
    treatments = [SimpleNamespace(agent=f"{LONG[:20]} {k}", start=6.0 * k, stop=6.0 * k + 6) for k in range(8)]
    band = {name: 0.1 * when for name in course.CHANGES}
    return course.draw(
        SimpleNamespace(
            title=f"A woman of 65; {LONG}", months=when, e2=when, testosterone=when, low=band, high=band,
            notes=("bands: 95 % of patients", LONG), schedule=SimpleNamespace(treatments=treatments),
            change=lambda name: 0.1 * when,
        )
    )  # fmt: skip


def of_mechanisms() -> Figure:
    found = {f"{LONG} {k}": paths(1 + 0.4 * k) for k in range(6)}
    return mechanisms.figure_of({"Failure load of the whole vertebra": found, "Stiffness": found}, f"{LONG}. " * 4)


def of_resolution() -> Figure:
    struts = np.array([9.0, 8.0, 6.0, 4.5, 3.0, 2.9, 1.5])
    lines = {f"{LONG} {k}": 1 + 0.02 * k * np.arange(7.0) for k in range(5)}
    titles = ("vertebra L3 of the woman of 87 years", "femoral head", "radius", "iliac crest")
    return resolution.figure_of({title: (struts, lines) for title in titles}, f"{LONG}. " * 4)


def of_material() -> Figure:
    stiffness = np.diag([100.0, 2000.0, 400.0, 30.0, 40.0, 50.0])
    return material.draw_stiffness(
        SimpleNamespace(
            stiffness=stiffness, bone=SimpleNamespace(name=LONG * 2), found=SimpleNamespace(boundary="kubc")
        )
    )


def of_yield() -> Figure:
    strain = np.linspace(0.0, -0.009, 10)
    found = SimpleNamespace(strain=strain, force=1e5 * strain, yielded=np.linspace(0, 0.2, 10), failure_strain=-0.008)
    return material.draw_yield(SimpleNamespace(curve=found, failure_load=-800.0))


def of_cohort(names: tuple[str, ...]) -> Figure:
    found = made_up(36)
    for number, row in enumerate(found.header["rows"]):
        row["copied"]["group"] = names[number % len(names)]
        row["id"] = f"{LONG}-{number}".replace(" ", "_")
    return cohort.draw(found)


def of_specimen() -> Figure:
    height = np.broadcast_to(np.geomspace(1e-3, 1e3, SHAPE[2]), SHAPE)
    specimen = Specimen(np.full(SHAPE, 0.5), SPACING, LONG * 2)
    return bone.draw(specimen, values=height, label=f"{LONG} (MPa)", pixels=8)


FIGURES: dict[str, Callable[[], Any]] = {
    "therapies": of_therapies,
    "course": of_course,
    "course of a month": lambda: of_course(1.0),
    "course of a century": lambda: of_course(1200.0),
    "mechanisms": of_mechanisms,
    "directions": lambda: directions.figure_of([block(1), block(2, times=6)], ANGLES, 3.0, 45.0),
    "resolution": of_resolution,
    "material": of_material,
    "yield": of_yield,
    "cohort": lambda: of_cohort(("a", "b")),
    "cohort with long names": lambda: of_cohort(tuple(f"{LONG} {k}" for k in range(6))),
    "specimen": of_specimen,
}


RARE = ("course of a month", "course of a century", "yield")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in RARE else ()) for name in FIGURES]
)
def test_other_figures(name: str, sheet: style.Look) -> None:
    figure = FIGURES[name]()
    assert find_flaws(figure) == []
    assert figure.get_size_inches()[0] <= sheet.width + 1e-9


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (1.0, 1.0, 3.0), (3.0, 3.0, 1.0)])
@pytest.mark.parametrize("count", [1, 5, 13, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3, 4, 6, 8))])
def test_pages_of_any_shape(count: int, size: tuple[float, float, float], sheet: style.Look) -> None:
    view = panels.view_of(size)
    pixels = np.zeros((8, 8, 3), np.uint8)
    drawn = [layout.Panel(f"{LONG}, {n} years", "BV/TV 12.8 %, mean strength −54 %", pixels) for n in range(count)]
    for colouring in (COLOURINGS["shift"], contrasts.difference_colouring(LONG)):
        scale = None if colouring.make_scale is None else colouring.make_scale([np.geomspace(1e-5, 1, 99)], LONG)
        assert find_flaws(layout.compose(drawn, view, scale, keys=colouring.keys)) == []


def test_a_flaw_is_found() -> None:
    figure = Picture(3.0, 2.0)
    figure.text(0.5, 0.5, "one")
    assert find_flaws(figure) == []
    figure.text(0.51, 0.51, "two")
    figure.text(0.95, 0.1, "too long")
    flaws = find_flaws(figure)
    assert len(flaws) == 2 and "'one' lies over 'two'" in flaws[0] and "'too long' reaches out" in flaws[1]


def test_words_are_wrapped_and_never_cut() -> None:
    for text in (LONG, "Unbroken" * 12, "one-two_three/" * 9):
        for width in (0.6, 1.5, 3.0):
            lines = fitting.wrap(text, width, 8.0).split("\n")
            assert max(fitting.width_of(line, 8.0) for line in lines) <= 1.01 * width
            assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    first, second = fitting.balance("Denosumab, then alendronate, 5 years", 2.2, 8.5, bold=True).split("\n")
    assert (first, second) == ("Denosumab, then", "alendronate, 5 years")


def test_a_long_word_is_set_smaller_before_it_is_broken() -> None:
    with style.use("paper", columns=1) as look:
        names = [(f"Abaloparatide, then alendronate {n}", "BV/TV 12 %") for n in range(12)]
        width = 1.03
        size = layout.size_of_titles(names, width)
        assert look.small <= size <= look.title
        assert layout.wrap_titles(*names[0], width, size)[0].split("\n")[0].startswith("Abaloparatide,")
        assert layout.size_of_titles([("W" * 40, "")], width) == look.small


def test_curves_lie_within_their_axes(tmp_path: Path) -> None:
    study = open_study(write_run(tmp_path, SHAPE, SPACING, (0, 6, 60), ARMS))
    for quantities in (plots.STRENGTH, plots.HORMONES):
        figure = plots.figure_of(study, quantities)
        for axes in figure.axes:
            low, high = axes.get_ylim()
            for line in axes.lines:
                values = np.asarray(line.get_ydata())
                assert low <= values.min() and values.max() <= high
                whole = not line.get_clip_on() or low < values.min()
                assert whole, "a line on the edge is drawn in its whole width"


def test_dollars_in_names_are_dollars(tmp_path: Path) -> None:
    arms = (FakeArm("costs $5 or $6", "a", "", 0.01), FakeArm("x_1 ^ y", "b", "", 0.02))
    figure = plots.figure_of(open_study(write_run(tmp_path, SHAPE, SPACING, (0, 12), arms)), plots.HORMONES)
    assert find_flaws(figure) == []
    assert [text.get_parse_math() for text in figure.legends[0].get_texts()] == [False, False]
