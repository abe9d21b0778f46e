"""Can VTK draw here? Asked once, in a process of its own.

On a machine without an OpenGL library an off-screen VTK render does not raise: it kills the process with a segmentation
fault. So a small picture is drawn in a subprocess, with one kind of window after the other, and the first kind that
gives the right pixels is set for this process through `VTK_DEFAULT_OPENGL_WINDOW`.
"""

import functools
import os
import subprocess
import sys
from dataclasses import dataclass

from trabfem.errors import UserError

WINDOW_VARIABLE = "VTK_DEFAULT_OPENGL_WINDOW"
INSTALL = "run `apt-get install libosmesa6` (or `apt-get install libegl1 libgl1 libx11-6 libxrender1`)"
TIMEOUT_S = 90
NOT_INSTALLED = 42

SMALL_PICTURE = f"""
import importlib.util, os, sys
if importlib.util.find_spec("pyvista") is None:
    sys.exit({NOT_INSTALLED})
import pyvista
plotter = pyvista.Plotter(off_screen=True, window_size=(32, 32))
plotter.set_background("white")
plotter.add_mesh(pyvista.Box(), color="red", lighting=False)
pixels = plotter.screenshot(return_img=True)
asked = os.environ.get("{WINDOW_VARIABLE}")
if asked and plotter.render_window.GetClassName() != asked:
    sys.exit(1)
red, white = tuple(pixels[16, 16, :3]), tuple(pixels[0, 0, :3])
sys.exit(0 if red == (255, 0, 0) and white == (255, 255, 255) else 1)
"""


@dataclass(frozen=True)
class Probe:
    """What the probe found: `window` is the VTK class that draws ("" for VTK's own choice)."""

    works: bool
    window: str
    message: str


def candidate_windows() -> list[str]:
    """VTK window classes to try, in order: the user's own choice first; "" leaves the choice to VTK.

    Without a display VTK's own choice tries X first and prints a warning before it turns to EGL, so EGL is asked for
    by name there. A named window that VTK replaces by another counts as failed: it would warn at every picture.
    """
    chosen = os.environ.get(WINDOW_VARIABLE)
    first = [chosen] if chosen else []
    if sys.platform != "linux":
        return first or [""]
    if os.environ.get("DISPLAY") and not chosen:
        first = [""]
    return list(dict.fromkeys([*first, "vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow", ""]))


def try_window(window: str) -> int:
    """Exit code of a subprocess that draws a small picture with `window`; 0 when its pixels are right."""
    environment = {name: value for name, value in os.environ.items() if name != WINDOW_VARIABLE}
    environment |= {WINDOW_VARIABLE: window} if window else {}
    try:
        done = subprocess.run(
            [sys.executable, "-c", SMALL_PICTURE],
            env=environment,
            timeout=TIMEOUT_S,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (subprocess.TimeoutExpired, OSError):
        return 1
    return done.returncode


@functools.cache
def probe() -> Probe:
    """The answer, found once per process; sets `VTK_DEFAULT_OPENGL_WINDOW` to the window that works."""
    for window in candidate_windows():
        code = try_window(window)
        if code == 0:
            # An empty name makes VTK warn of a window class that it does not know.
            if window:
                os.environ[WINDOW_VARIABLE] = window
            else:
                os.environ.pop(WINDOW_VARIABLE, None)
            return Probe(True, window, f"VTK draws off screen with {window or 'its default window'}")
        if code == NOT_INSTALLED:
            return Probe(False, "", "no pictures of the bone: pyvista is not installed; run `pip install pyvista`")
    return Probe(
        False,
        "",
        "no pictures of the bone: VTK finds no working OpenGL library on this machine; "
        f"{INSTALL} and then `trabfem render` on the run folder",
    )


def rendering_works() -> bool:
    """Whether VTK can draw off screen in this environment."""
    return probe().works


def require_rendering() -> None:
    """Raise `UserError` with the remedy where VTK cannot draw."""
    if not probe().works:
        raise UserError(probe().message)
