"""Is there a screen for a window, a notebook for a widget? Asked before anything is computed."""

import os
import subprocess
import sys
from typing import Any

from trabfem.errors import UserError
from trabfem.render import probe

X_WINDOW = "vtkXOpenGLRenderWindow"
SMALL_WINDOW = f"""
import sys
from vtkmodules.vtkRenderingOpenGL2 import {X_WINDOW}
window = {X_WINDOW}()
window.SetShowWindow(False)
window.SetSize(16, 16)
window.Render()
sys.exit(0 if window.SupportsOpenGL() else 1)
"""
REMEDY = (
    "give `screenshot=` a file for the picture, open the report page report.html in a browser, or take `xvfb-run`, "
    "`ssh -X` or, under Windows, WSL 2 with its WSLg"
)
NOTEBOOK_REMEDY = "run `pip install 'trabfem[viewer]'` and start the notebook anew"


def in_notebook() -> bool:
    """Whether a cell of a notebook is running."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


def x_window_works() -> bool:
    """Whether VTK draws on the X display, asked in a process of its own: where it cannot, it ends the one that asks."""
    options: dict[str, Any] = {"timeout": probe.TIMEOUT_S, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.run([sys.executable, "-c", SMALL_WINDOW], **options).returncode == 0
    except (subprocess.TimeoutExpired, OSError):
        return False


def require_screen() -> None:
    """Raise `UserError` with the remedy where no window can open; on Linux choose VTK's window of X11."""
    if sys.platform != "linux":
        return
    if not os.environ.get("DISPLAY"):
        if os.environ.get("WAYLAND_DISPLAY"):
            raise UserError(
                "this Wayland session has no X display, which VTK's windows need: install xwayland (`apt-get install "
                f"xwayland`) and log in anew; or {REMEDY}"
            )
        raise UserError(f"this machine has no display for a window: {REMEDY}")
    if not x_window_works():
        display = os.environ["DISPLAY"]
        raise UserError(
            f"no window opens on the display {display}: see that it is there and may be used (`xdpyinfo`) and that "
            f"OpenGL is installed (`apt-get install libgl1 libgl1-mesa-dri`); or {REMEDY}"
        )
    os.environ[probe.WINDOW_VARIABLE] = X_WINDOW
