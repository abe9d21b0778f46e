"""Is there a screen for a window, a notebook for a widget? Asked before anything is computed."""

import os
import sys

from trabfem.errors import UserError
from trabfem.render import probe

X_WINDOW = "vtkXOpenGLRenderWindow"
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
    # In a process of its own: without a server or an OpenGL library VTK ends the process that asks.
    if probe.try_window(X_WINDOW) != 0:
        display = os.environ["DISPLAY"]
        raise UserError(
            f"no window opens on the display {display}: see that it is there and may be used (`xdpyinfo`) and that "
            f"OpenGL is installed (`apt-get install libgl1 libgl1-mesa-dri`); or {REMEDY}"
        )
    os.environ[probe.WINDOW_VARIABLE] = X_WINDOW
