"""A report page in headless Chromium, without network."""

import base64
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
SOFTWARE = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SCREEN, PHONE = (1280, 720), (390, 844)


@dataclass
class Browser:
    """A page and what its console said."""

    page: Any
    said: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.wait_for_timeout(300)
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def pixels(self) -> np.ndarray:
        """The canvas of the bones, (height, width, 4)."""
        code = (
            "() => { const canvas = document.querySelector('#grid > canvas'); return canvas.toDataURL('image/png'); }"
        )
        content = base64.b64decode(self.page.evaluate(code).split(",", 1)[1])
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


@contextmanager
def opened(path: Path, size: tuple[int, int] = SCREEN, touch: bool = False) -> Iterator[Browser]:
    """The page at `path` in a window of this size, with the network off; ready when its first picture is drawn."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'trabfem[browser]'")
    if not CHROMIUM:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE)
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, offline=True, has_touch=touch, is_mobile=touch
        )
        found = Browser(context.new_page())
        found.page.on("console", lambda message: found.said.append(f"{message.type}: {message.text}"))
        found.page.on("pageerror", lambda error: found.said.append(f"error: {error}"))
        found.page.on("request", lambda request: found.said.append(request.url) if is_remote(request.url) else None)
        found.page.goto(path.resolve().as_uri())
        found.page.wait_for_function("document.documentElement.dataset.ready > 0", timeout=30_000)
        found.settle()
        yield found
        browser.close()


def is_remote(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))
