"""How long a study's report page takes to write, how large it is, and how soon a browser shows the first picture.

    python -P bench/report_page.py RUN [RUN ...]

The browser is headless Chromium, drawing in software, if it and playwright are installed (`pip install '.[browser]'`).
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from trabfem.render.page.write import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SOFTWARE = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def seconds_to_first_picture(page: Path) -> float | None:
    """From the request to the first frame with bones; None without a browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if CHROMIUM is None:
        return None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE)
        tab = browser.new_page(viewport={"width": 1280, "height": 720})
        began = time.perf_counter()
        tab.goto(page.resolve().as_uri())
        tab.wait_for_function("document.documentElement.dataset.ready > 0", timeout=60_000)
        tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        took = time.perf_counter() - began
        browser.close()
        return took


def main() -> None:
    print(f"{'run':30} {'written, s':>10} {'CPU, s':>8} {'MB':>6} {'first picture, s':>17}")
    with tempfile.TemporaryDirectory() as folder:
        for run in map(Path, sys.argv[1:]):
            began, cpu = time.perf_counter(), time.process_time()
            page = write_report(run, Path(folder) / "report.html")
            took, worked = time.perf_counter() - began, time.process_time() - cpu
            shown = seconds_to_first_picture(page)
            print(
                f"{run.name:30} {took:10.1f} {worked:8.1f} {page.stat().st_size / 1e6:6.1f} "
                f"{'no browser' if shown is None else f'{shown:.1f}':>17}"
            )


if __name__ == "__main__":
    main()
