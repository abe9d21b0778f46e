"""Lines, words and images in pixels of a window: names of panels, ticks of the slider, scale bar and axes."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.colors import to_rgb

from trabfem.render import fitting, style
from trabfem.render.picture import Picture

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SMALLEST_NAME, LARGEST_NAME = 11, 15
DPI = 72
"""At which a point is a pixel."""


class Words:
    """A line of text at a place in pixels, in the letters of all other pictures.

    VTK draws it, which takes words between dollar signs for formulae and has no letters but those of one font: words
    that a user chose are a `Name`.
    """

    def __init__(self, renderer: Any, size: int, colour: str = style.INK, bold: bool = False, align: str = "left"):
        from vtkmodules.vtkRenderingCore import vtkTextActor

        self.actor = vtkTextActor()
        text: Any = self.actor.GetTextProperty()
        text.SetFontFamily(4)  # VTK_FONT_FILE
        text.SetFontFile(str(FONTS / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")))
        text.SetFontSize(size)
        text.SetColor(*to_rgb(colour))
        text.SetJustification({"left": 0, "centre": 1, "right": 2}[align])
        text.SetVerticalJustificationToCentered()
        self.actor.GetPositionCoordinate().SetCoordinateSystemToDisplay()
        renderer.AddViewProp(self.actor)

    def say(self, words: str, x: float, y: float, size: int | None = None) -> None:
        """Put other words at another place."""
        self.actor.SetInput(words)
        self.actor.SetPosition(x, y)
        if size is not None:
            self.actor.GetTextProperty().SetFontSize(size)


class Lines:
    """Lines between points in pixels."""

    def __init__(self, renderer: Any, width: float, colour: str = style.INK):
        import pyvista
        from vtkmodules.vtkRenderingCore import vtkActor2D, vtkCoordinate, vtkPolyDataMapper2D

        self.mesh: Any = pyvista.PolyData()
        mapper, where = vtkPolyDataMapper2D(), vtkCoordinate()
        where.SetCoordinateSystemToDisplay()
        mapper.SetTransformCoordinate(where)
        mapper.SetInputData(self.mesh)
        self.actor = vtkActor2D()
        self.actor.SetMapper(mapper)
        self.actor.GetProperty().SetColor(*to_rgb(colour))
        self.actor.GetProperty().SetLineWidth(width)
        renderer.AddViewProp(self.actor)

    def draw(self, pairs: Float[np.ndarray, "lines 2 2"]) -> None:
        """Draw other lines, each from its first point to its second."""
        points = np.zeros((2 * len(pairs), 3), np.float32)
        points[:, :2] = np.asarray(pairs, float).reshape(-1, 2)
        import pyvista

        lines = np.hstack([[2, 2 * k, 2 * k + 1] for k in range(len(pairs))]) if len(pairs) else None
        self.mesh.DeepCopy(pyvista.PolyData(points, lines=lines) if len(pairs) else pyvista.PolyData())


class Pixels:
    """An image whose lower left corner is at a place in pixels."""

    def __init__(self, renderer: Any):
        from vtkmodules.vtkRenderingCore import vtkActor2D, vtkImageMapper

        self.mapper = vtkImageMapper()
        self.mapper.SetColorWindow(255)
        self.mapper.SetColorLevel(127.5)
        self.actor = vtkActor2D()
        self.actor.SetMapper(self.mapper)
        self.actor.GetPositionCoordinate().SetCoordinateSystemToDisplay()
        renderer.AddViewProp(self.actor)

    def show(self, pixels: UInt8[np.ndarray, "height width 3"], x: float = 0, y: float = 0) -> None:
        """Show other pixels, rows from the top."""
        import pyvista

        height, width = pixels.shape[:2]
        image = pyvista.ImageData(dimensions=(width, height, 1))
        image.point_data["rgb"] = np.ascontiguousarray(pixels[::-1]).reshape(-1, 3)
        self.mapper.SetInputData(image)
        self.actor.SetPosition(x, y)


class Name(Pixels):
    """Words that a user chose, bold, in lines whose middle is at a place in pixels."""

    def say(self, words: str, x: float, y: float, size: int) -> None:
        """Put other words at another place."""
        pixels = draw_name(words, size)
        height, width = pixels.shape[:2]
        self.show(pixels, round(x - width / 2), round(y - height / 2))


@lru_cache(maxsize=128)
def draw_name(words: str, size: int) -> UInt8[np.ndarray, "height width 3"]:
    """Lines of words as pixels, dollar signs as they are, letters from whichever font has them."""
    lines = words.split("\n")
    width = max(4, int(max(width_of(line, size) for line in lines)) + 4)
    height = int(len(lines) * 1.4 * size) + 4
    with style.lettering(style.SCREEN):
        figure = Picture(width / DPI, height / DPI, dpi=DPI)
        text = figure.text(0.5, 0.5, words, ha="center", va="center", fontsize=size, fontweight="bold", color=style.INK)
        fitting.plain(text)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())[:, :, :3].copy()  # type: ignore[attr-defined]


class Compass:
    """The directions of x, y and z (the load) in the picture, and a scale bar that is true at every zoom."""

    def __init__(self, renderer: Any, x: float = 62, y: float = 62, length: float = 40):
        self.x, self.y, self.length = x, y, length
        self.axes, self.strong = Lines(renderer, 1.5, style.MUTED), Lines(renderer, 2.5)
        self.bar = Lines(renderer, 4)
        self.names = [Words(renderer, 12, align="centre") for _ in range(3)]
        self.size = Words(renderer, 13, align="centre")

    def update(self, camera: Any, panel_height: float, left: float, longest: float) -> None:
        """Draw both for a camera on panels `panel_height` pixels high; the bar begins at `left`."""
        towards = np.asarray(camera.position) - np.asarray(camera.focal_point)
        towards = towards / np.linalg.norm(towards)
        right = np.cross(np.asarray(camera.up), towards)
        right /= np.linalg.norm(right)
        up = np.cross(towards, right)
        origin = np.array([self.x, self.y])
        pairs = []
        for axis, name in enumerate(("x", "y", "z load")):
            step = np.array([right[axis], up[axis]]) * self.length
            tip = origin + step
            pairs.append(arrow(origin, tip))
            away = tip + 13 * step / max(float(np.linalg.norm(step)), 0.2 * self.length)
            self.names[axis].say(name, *away)
        self.axes.draw(np.concatenate(pairs[:2]))
        self.strong.draw(pairs[2])
        pixels = panel_height / (2 * camera.parallel_scale)  # in a mm
        length = style.round_down(longest / pixels)
        ends = np.array([[[left, self.y - 14], [left + length * pixels, self.y - 14]]])
        self.bar.draw(ends)
        words = f"{length:g} mm" if length >= 0.01 else f"{1000 * length:g} µm"
        self.size.say(words, float(ends[0, :, 0].mean()), self.y - 30)


def arrow(start: np.ndarray, tip: np.ndarray) -> Float[np.ndarray, "lines 2 2"]:
    """An arrow as three lines; without head where it points at the viewer."""
    along = tip - start
    length = float(np.linalg.norm(along))
    if length < 8:
        return np.array([[start, tip]])
    along = along / length
    across = np.array([-along[1], along[0]])
    return np.array([[start, tip], *([tip, tip - 8 * along + side * 3.5 * across] for side in (-1, 1))])


def width_of(words: str, size: int, bold: bool = True) -> float:
    """How wide words are in pixels."""
    return DPI * fitting.width_of(words, size, bold)


def fit_name(name: str, width: float) -> tuple[str, int]:
    """A name and the size at which it fits; in two lines, or with its end left out, where no size is small enough."""
    name = " ".join(name.split())
    for size in range(LARGEST_NAME, SMALLEST_NAME - 1, -1):
        if width_of(name, size) <= width:
            return name, size
    words = name.split(" ")
    for count in range(len(words) - 1, 0, -1):
        first, second = " ".join(words[:count]), " ".join(words[count:])
        if width_of(first, SMALLEST_NAME) <= width:
            return f"{first}\n{shorten(second, width)}", SMALLEST_NAME
    return shorten(name, width), SMALLEST_NAME


def shorten(words: str, width: float) -> str:
    """`words` without what does not fit at the smallest size."""
    kept = words
    while len(kept) > 1 and width_of(kept, SMALLEST_NAME) > width:
        kept = kept[:-2].rstrip() + "…"
    return kept
