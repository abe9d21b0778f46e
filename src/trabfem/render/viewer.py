"""The arms side by side to turn in three dimensions: as one HTML file for a browser, or in a window on this screen."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trabfem.errors import UserError
from trabfem.render import panels, probe, style
from trabfem.render.colouring import Energy, Scene
from trabfem.render.run import Run, read_run
from trabfem.render.scenes import scenes_of

if TYPE_CHECKING:
    import pyvista

PITCH = 1.25  # distance of neighbours in sides of the volume
LABEL_HEIGHT = 0.07  # in sides of the volume
WINDOW = (1600, 900)  # the shape of most browser windows or wider
REMEDY = "run `pip install 'trabfem[viewer]'`"


def export_html(run_dir: Path | str | Run, path: Path | str | None = None, scenes: list[Scene] | None = None) -> Path:
    """Write one HTML file with the bone before and after in each arm; it opens in any browser, without a server.

    `path`: default `viewer.html` in the run. `UserError` where the folder is no run, VTK cannot draw, or the viewer
    extra is not installed.
    """
    run = read_run(run_dir)
    path = Path(path) if path is not None else run.folder / "viewer.html"
    probe.require_rendering()
    import pyvista

    plotter = pyvista.Plotter(off_screen=True, window_size=list(WINDOW))
    try:
        exporter = getattr(plotter, "trame", None)
        if exporter is None:
            raise UserError(f"the browser viewer needs trame-pyvista: {REMEDY}")
        fill_plotter(plotter, run, scenes)
        path.parent.mkdir(parents=True, exist_ok=True)
        exporter.export_html(str(path))
    except ImportError as error:
        raise UserError(f"the browser viewer lacks a package ({error.name or 'trame'}): {REMEDY}") from error
    finally:
        plotter.close()
    return path


def show(run_dir: Path | str | Run) -> None:
    """Open a window with the bone before and after in each arm; `UserError` where there is no display."""
    run = read_run(run_dir)
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError("this machine has no display for a window: write the browser viewer or the pictures instead")
    import pyvista

    plotter = pyvista.Plotter(window_size=list(WINDOW))
    fill_plotter(plotter, run, None)
    plotter.show(title=run.name)


def fill_plotter(plotter: "pyvista.Plotter", run: Run, scenes: list[Scene] | None) -> None:
    """Put the scenes in a row along x, each over its label, and the camera in front of the row."""
    import pyvista

    scenes = scenes_of(run) if scenes is None else scenes
    colouring = Energy()
    scale = colouring.scale(scenes)
    side = max(run.size)
    for place, scene in enumerate(scenes):
        shift = np.array([place * PITCH * run.size[0], 0.0, 0.0])
        layers = [
            replace(layer, surface=replace(layer.surface, points=layer.surface.points + shift))
            for layer in colouring.layers(scene, scale)
        ]
        panels.add_layers(plotter, layers)
        centre = shift + np.array([run.size[0] / 2, 0.0, -2 * LABEL_HEIGHT * side])
        text = pyvista.Text3D(
            scene.title, height=LABEL_HEIGHT * side, depth=0.0, center=tuple(centre), normal=(0.0, -1.0, 0.0)
        )
        plotter.add_mesh(text, color=style.INK, lighting=False, render=False)
    row = ((len(scenes) - 1) * PITCH + 1) * run.size[0]
    view = panels.view_of((row, run.size[1], run.size[2]), azimuth=-90.0, elevation=15.0)
    panels.aim(plotter, view)
    # The browser draws in perspective whatever is set here: a distance from which the row fills the window.
    needed = max(view.half_height, view.half_width * WINDOW[1] / WINDOW[0]) / np.tan(
        np.radians(plotter.camera.view_angle / 2)
    )
    plotter.camera.parallel_projection = False
    plotter.camera.position = np.asarray(plotter.camera.focal_point) + (needed + run.size[1]) * view.towards
    plotter.reset_camera_clipping_range()
