"""The arms side by side to turn in three dimensions: as one HTML file for a browser, or in a window on this screen."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trabfem.errors import UserError
from trabfem.render import panels, probe, style
from trabfem.render.colouring import ENERGY
from trabfem.render.picture import place_in
from trabfem.render.scenes import Scene, scenes_of
from trabfem.runs.study import Study, open_study

if TYPE_CHECKING:
    import pyvista

PITCH = 1.25  # distance of neighbours in sides of the volume
LABEL_HEIGHT = 0.07  # in sides of the volume
WINDOW = (1600, 900)  # the shape of most browser windows or wider
REMEDY = "run `pip install 'trabfem[viewer]'`"


def export_html(study: Path | str | Study, path: Path | str | None = None, scenes: list[Scene] | None = None) -> Path:
    """Write one HTML file with the bone before and after in each arm; it opens in any browser, without a server.

    `path`: default `viewer.html` in the study's folder. `UserError` where the folder is no study, VTK cannot draw, or
    the viewer extra is not installed.
    """
    study = open_study(study)
    path = place_in(study, path, "viewer.html")
    probe.require_rendering()
    import pyvista

    plotter = pyvista.Plotter(off_screen=True, window_size=list(WINDOW))
    try:
        exporter = getattr(plotter, "trame", None)
        if exporter is None:
            raise UserError(f"the browser viewer needs trame-pyvista: {REMEDY}")
        fill_plotter(plotter, study, scenes)
        path.parent.mkdir(parents=True, exist_ok=True)
        exporter.export_html(str(path))
    except ImportError as error:
        raise UserError(f"the browser viewer lacks a package ({error.name or 'trame'}): {REMEDY}") from error
    finally:
        plotter.close()
    return path


def show(study: Path | str | Study) -> None:
    """Open a window with the bone before and after in each arm; `UserError` where there is no display."""
    study = open_study(study)
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError("this machine has no display for a window: write the browser viewer or the pictures instead")
    import pyvista

    plotter = pyvista.Plotter(window_size=list(WINDOW))
    fill_plotter(plotter, study, None)
    plotter.show(title=study.name)


def fill_plotter(plotter: "pyvista.Plotter", study: Study, scenes: list[Scene] | None) -> None:
    """Put the scenes in a row along x, each over its label, and the camera in front of the row."""
    import pyvista

    scenes = scenes_of(study) if scenes is None else scenes
    scale = ENERGY.scale([scene.bone for scene in scenes])
    side = max(study.size)
    for place, scene in enumerate(scenes):
        shift = np.array([place * PITCH * study.size[0], 0.0, 0.0])
        layers = [
            replace(layer, surface=replace(layer.surface, points=layer.surface.points + shift))
            for layer in ENERGY.layers(scene.bone, scale)
        ]
        panels.add_layers(plotter, layers)
        centre = shift + np.array([study.size[0] / 2, 0.0, -2 * LABEL_HEIGHT * side])
        text = pyvista.Text3D(
            scene.title, height=LABEL_HEIGHT * side, depth=0.0, center=tuple(centre), normal=(0.0, -1.0, 0.0)
        )
        plotter.add_mesh(text, color=style.INK, lighting=False, render=False)
    row = ((len(scenes) - 1) * PITCH + 1) * study.size[0]
    view = panels.view_of((row, study.size[1], study.size[2]), azimuth=-90.0, elevation=15.0)
    panels.aim(plotter, view)
    # The browser draws in perspective whatever is set here: a distance from which the row fills the window.
    needed = max(view.half_height, view.half_width * WINDOW[1] / WINDOW[0]) / np.tan(
        np.radians(plotter.camera.view_angle / 2)
    )
    plotter.camera.parallel_projection = False
    plotter.camera.position = np.asarray(plotter.camera.focal_point) + (needed + study.size[1]) * view.towards
    plotter.reset_camera_clipping_range()
