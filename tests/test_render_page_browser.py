"""The report page as a reader has it: in a browser, from disk, without network. Run with `pytest -m browser`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browser import PHONE, opened
from fake_run import FakeArm, write_run
from trabfem.render.page.write import write_report

pytestmark = pytest.mark.browser
SHAPE, SPACING = (24, 20, 28), (0.05, 0.05, 0.05)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "run"
    return write_report(write_run(folder, SHAPE, SPACING, months=(0, 6, 12, 18, 24), members=2))


def differing(first: np.ndarray, second: np.ndarray) -> float:
    """Share of pixels of which any channel differs by more than 20."""
    return float((np.abs(first.astype(int) - second).max(axis=2) > 20).mean())


def test_bones_are_drawn_and_follow_slider_colour_and_cut(report: Path) -> None:
    with opened(report) as browser:
        page, last = browser.page, browser.pixels()
        assert 0.1 < (last[..., 3] > 0).mean() < 0.9, "neither blank nor full"
        assert len(np.unique(last.reshape(-1, 4), axis=0)) > 100
        page.focus("#time")
        page.keyboard.press("Home")
        browser.settle()
        first = browser.pixels()
        assert page.inner_text("#month") == "Month 0" and differing(first, last) > 0.02
        page.keyboard.press("End")
        browser.settle()
        assert differing(browser.pixels(), last) == 0, "the same month is the same picture"
        for colour in page.eval_on_selector_all("#colour option", "all => all.map((each) => each.value)")[1:]:
            before = browser.pixels()
            page.select_option("#colour", colour)
            browser.settle()
            assert differing(browser.pixels(), before) > 0.02, colour
        whole = browser.pixels()
        page.select_option("#cut-axis", "2")
        browser.settle()
        cut = browser.pixels()
        assert differing(cut, whole) > 0.05
        assert (cut[..., 3] > 0).sum() < (whole[..., 3] > 0).sum(), "the upper half is gone"
        assert browser.said == []


def test_arms_turn_together_and_arrows_do_as_the_mouse_does(report: Path) -> None:
    with opened(report) as browser:
        page, before = browser.page, browser.pixels()
        page.focus("#grid")
        for _ in range(4):
            page.keyboard.press("ArrowRight")
        browser.settle()
        turned = browser.pixels()
        half = turned.shape[1] // 2
        assert differing(turned[:, :half], before[:, :half]) > 0.02
        assert differing(turned[:, half:], before[:, half:]) > 0.02
        page.keyboard.press("0")
        browser.settle()
        assert differing(browser.pixels(), before) < 0.002
        box = page.locator("#grid").bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 120)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 120)
        page.mouse.up()
        browser.settle()
        assert differing(browser.pixels(), before) > 0.02 and browser.said == []


def test_curves_and_slider_point_at_the_same_month(report: Path) -> None:
    with opened(report) as browser:
        page = browser.page
        assert page.inner_text("#month").startswith("Month 24")
        plot = page.locator("#curves figure").first
        at_end = plot.locator("[data-arm='0']").inner_text()
        box = plot.locator(".u-over").bounding_box()
        plot.locator(".u-over").click(position={"x": 1, "y": box["height"] / 2})
        browser.settle()
        assert page.inner_text("#month") == "Month 0"
        assert plot.locator("[data-arm='0']").inner_text() not in (at_end, "–")
        page.click("#play")
        page.wait_for_timeout(1000)
        assert page.inner_text("#month") != "Month 0" and page.get_attribute("#play", "aria-pressed") == "true"


def test_the_picture_that_is_saved_is_what_is_seen(report: Path, tmp_path: Path) -> None:
    with opened(report) as browser:
        with browser.page.expect_download() as download:
            browser.page.click("#picture")
        assert download.value.suggested_filename == "run_month_24_energy.png"
        download.value.save_as(tmp_path / "saved.png")
        seen = browser.pixels()
    with Image.open(tmp_path / "saved.png") as image:
        saved = np.asarray(image.convert("RGB"))
    assert saved.shape[1] == seen.shape[1] and saved.shape[0] > seen.shape[0]
    bone = seen[..., 3] == 255
    assert np.abs(saved[: len(seen)][bone].astype(int) - seen[..., :3][bone]).max() < 60


def test_a_saved_picture_of_change_has_its_keys(report: Path, tmp_path: Path) -> None:
    with opened(report) as browser:
        browser.page.select_option("#colour", "change")
        browser.settle()
        with browser.page.expect_download() as download:
            browser.page.click("#picture")
        download.value.save_as(tmp_path / "saved.png")
        below = browser.pixels().shape[0]
    with Image.open(tmp_path / "saved.png") as image:
        foot = np.asarray(image.convert("RGB")).astype(int)[below:]
    red = (foot[..., 0] > 60 + foot[..., 2]) & (foot[..., 0] > 180)
    blue = foot[..., 2] > 120 + foot[..., 0]
    assert red.sum() > 100 and blue.sum() > 100


def test_values_below_curves_say_their_month(tmp_path: Path) -> None:
    """Thickness is measured at the ends here: at month 6 its value is that of another month, which is said."""
    folder = write_run(tmp_path / "run", SHAPE, SPACING, months=(0, 6, 24))
    table = (folder / "timeseries.csv").read_text().splitlines()
    column = table[0].split(",").index("Tb.Th (mm)")
    lines = [line.split(",") for line in table[1:]]
    blank = [",".join("" if k == column and line[3] == "6" else cell for k, cell in enumerate(line)) for line in lines]
    (folder / "timeseries.csv").write_text("\n".join([table[0], *blank]) + "\n")
    with opened(write_report(folder)) as browser:
        browser.page.focus("#time")
        browser.page.keyboard.press("ArrowLeft")
        browser.settle()
        said = {key: browser.page.inner_text(f"#curve-{key} [data-month]") for key in ("failure_load", "tbth")}
    assert said == {"failure_load": "month 6", "tbth": "month 0"}


def test_a_name_without_spaces_fits_a_phone(tmp_path: Path) -> None:
    arms = (FakeArm("N" * 100, "n", "", 0.01), FakeArm("Another", "a", "", 0.0))
    with opened(write_report(write_run(tmp_path / "run", SHAPE, SPACING, arms=arms)), PHONE, touch=True) as browser:
        assert browser.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_nothing_is_wider_than_a_phone(report: Path) -> None:
    with opened(report, PHONE, touch=True) as browser:
        page = browser.page
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        small = page.eval_on_selector_all(
            "button, select, input", "all => all.map((each) => each.getBoundingClientRect().height)"
        )
        assert min(small) >= 18 and (browser.pixels()[..., 3] > 0).mean() > 0.05 and browser.said == []


def test_no_serious_fault_of_accessibility(report: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    with opened(report) as browser:
        found = axe.Axe().run(browser.page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    assert found == [], "nor any other"


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(report: Path) -> None:
    with opened(report) as browser:
        page = browser.page
        nameless = page.eval_on_selector_all(
            "button, select, input",
            "all => all.filter((each) => !(each.ariaLabel || each.innerText.trim() || each.labels?.length)).length",
        )
        assert nameless == 0
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id"))
        assert {"play", "time", "colour", "grid", "cut-axis", "reset", "picture"} <= reached


def test_a_printed_page_holds_the_bones(report: Path, tmp_path: Path) -> None:
    with opened(report) as browser:
        browser.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        browser.page.emulate_media(media="print")
        browser.settle()
        shown = browser.page.eval_on_selector_all(
            ".printed", "all => all.map((each) => each.getBoundingClientRect().width)"
        )
        curves = browser.page.locator("#curves figure").count()
        assert len(shown) == 2 + curves and min(shown) > 60
        assert not browser.page.locator(".uplot").first.is_visible()
        assert browser.page.is_visible("#shown")
        assert browser.page.inner_text("#shown") == "Month 24 (2 years); Strain energy density"
        assert not browser.page.is_visible("#play") and not browser.page.is_visible("#grid > canvas")
