"""Contents on the screen, in a notebook, or in a file: whichever there is or is asked for."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trabfem.errors import UserError
from trabfem.render import probe
from trabfem.render.view import displays
from trabfem.render.view.contents import Contents, find_choice, find_step
from trabfem.render.view.window import SIZE, Window

NOTEBOOK_SIZE = (1180, 720)
LEAST, MOST = 300, 10_000  # pixels
KINDS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def check_screenshot(path: Path | str) -> Path:
    """`path`; UserError where it exists, has no folder, or is of a kind that is not written."""
    path = Path(path)
    if path.suffix.lower() not in KINDS:
        kinds = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
        raise UserError(f"screenshot = {path}: no picture of a window is written to this kind of file, use {kinds}")
    if path.exists():
        raise UserError(f"screenshot = {path}: it exists and is left as it is; give another name")
    if not path.parent.is_dir():
        raise UserError(f"screenshot = {path}: {path.parent} is not a folder; make it first, or give another name")
    return path


def require_place(screenshot: Path | str | None) -> None:
    """Raise `UserError` with the remedy where there is neither a screen nor a notebook nor a file to draw into."""
    if screenshot is not None:
        check_screenshot(screenshot)
        probe.require_rendering()
    elif displays.in_notebook():
        require_trame()
        probe.require_rendering()
    else:
        displays.require_screen()


def present(
    contents: Contents,
    *,
    month: float | None = None,
    colour: str | None = None,
    screenshot: Path | str | None = None,
    size: tuple[int, int] | None = None,
) -> Any:
    """Open a window, or in a notebook return its widget, or write what it would show to a new file, `screenshot`.

    `month`: where it begins, the last one where None. `colour`: the name of the colouring with which it begins.
    `size`: pixels of the window. A window returns None when it is closed, `screenshot` its path.

    **Raises:** `UserError` for a month or a colouring that is not there, and where nothing can be drawn.
    """
    options: dict[str, Any] = {"step": find_step(contents, month), "choice": find_choice(contents, colour)}
    if size is not None and not all(LEAST <= each <= MOST for each in size):
        raise UserError(f"size = {size}: give width and height between {LEAST} and {MOST} pixels")
    require_place(screenshot)
    if screenshot is not None:
        return write(Window(contents, size=size or SIZE, off_screen=True, **options), check_screenshot(screenshot))
    if displays.in_notebook():
        return embed(Window(contents, size=size or NOTEBOOK_SIZE, notebook=True, **options))
    show(Window(contents, size=size or SIZE, **options))
    return None


def write(window: Window, path: Path) -> Path:
    """Write what a window off screen shows."""
    try:
        window.draw()
        return window.screenshot(path)
    finally:
        window.plotter.close()


def show(window: Window) -> None:
    """Open the window, empty at first, and let it be used until it is closed."""
    plotter = window.plotter
    plotter.show(title=window.contents.title, interactive_update=True, auto_close=False)
    window.choose_quality()
    window.draw(progress=True)
    plotter.iren.start()
    plotter.close()


def require_trame() -> None:
    """Raise `UserError` with the remedy where the packages of the widget are missing."""
    try:
        import ipywidgets  # noqa: F401
        import trame_pyvista.jupyter  # noqa: F401
        import trame_vtk  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"the view in a notebook lacks a package ({error.name or 'trame'}): {displays.NOTEBOOK_REMEDY}"
        ) from error


def embed(window: Window) -> Any:
    """The window as a widget of a notebook, drawn by the kernel: sliders, menu and mouse work as on a screen.

    Above it what the keys do as the notebook's own controls, since a notebook keeps the keys for itself.
    """
    import ipywidgets

    window.draw()
    window.choose_quality()
    width, height = window.plotter.window_size
    with without_webassembly():
        frame = window.plotter.show(
            jupyter_backend="server",
            return_viewer=True,
            jupyter_kwargs={"add_menu": False, "width": f"{width}px", "height": f"{height}px"},
        )
    viewer = getattr(frame, "viewer", None)
    if viewer is not None:
        window.on_change.append(viewer.update)
        # The browser asks for a new picture by itself only when the wheel is turned.
        window.plotter.iren.style.AddObserver("EndInteractionEvent", lambda *_: viewer.update())
    return ipywidgets.VBox([ipywidgets.HBox(make_controls(window)), frame])


@contextlib.contextmanager
def without_webassembly() -> Iterator[None]:
    """Keep trame from fetching VTK for the browser from a server far away, which a view drawn here does not need."""
    name = "trame.widgets.vtklocal"
    there = name in sys.modules
    if not there:
        sys.modules[name] = None  # pyright: ignore[reportArgumentType]
    try:
        yield
    finally:
        if not there:
            sys.modules.pop(name, None)


def make_controls(window: Window) -> list[Any]:
    """Months to play through and a list of colourings, bound to the window in both directions."""
    import ipywidgets

    contents, last = window.contents, len(window.contents.months) - 1
    colours = ipywidgets.Dropdown(
        options=[(choice.title, number) for number, choice in enumerate(contents.choices)],
        value=window.choice,
        description="Colour by",
    )
    cuts = [("none", None), *((f"across {name}", axis) for axis, name in enumerate("xyz"))]
    cut = ipywidgets.Dropdown(options=cuts, value=None, description="Cut")
    back = ipywidgets.Button(description="Camera back")
    controls: list[Any] = [colours, cut, back]

    def cut_axis() -> int | None:
        return window.cut_axis if window.is_cut else None

    def follow_cut(change: dict[str, Any]) -> None:
        if change["new"] != cut_axis():
            window.cut(on=change["new"] is not None, axis=change["new"])

    colours.observe(lambda change: window.colour_by(change["new"]), "value")
    cut.observe(follow_cut, "value")
    back.on_click(lambda _: window.press("r"))
    follow: list[Callable[[], None]] = [
        lambda: setattr(colours, "value", window.choice),
        lambda: setattr(cut, "value", cut_axis()),
    ]
    if last > 0:
        play = ipywidgets.Play(value=window.step, min=0, max=last, interval=700)
        months = ipywidgets.SelectionSlider(
            options=[(f"{month:g}", number) for number, month in enumerate(contents.months)],
            value=window.step,
            description="Month",
            continuous_update=False,
        )
        ipywidgets.link((play, "value"), (months, "value"))
        months.observe(
            lambda change: window.show_step(change["new"]) if change["new"] != window.step else None, "value"
        )
        follow.append(lambda: setattr(months, "value", window.step))
        controls = [play, months, *controls]
    window.on_change += follow
    return controls
