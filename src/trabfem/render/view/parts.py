"""Parts of a window: the block's frame, sliders, and what fills a cut."""

from typing import TYPE_CHECKING, Any

import numpy as np

from trabfem.render import panels
from trabfem.render.panels import Layer
from trabfem.render.view.arrangement import Arrangement

if TYPE_CHECKING:
    import pyvista

CUT_COLOUR = (0.98, 0.86, 0.55)
KNOB, TUBE = (0.0, 0.35, 0.55), (0.75, 0.75, 0.75)
KNOB_WIDTH, KNOB_HEIGHT, TUBE_HEIGHT = 14, 20, 4  # pixels


def frame_lines(size: tuple[float, float, float], nearest: tuple[int, ...]) -> "pyvista.PolyData":
    """The edges of a block but the three that meet in its corner nearest the eye, 0 or 1 along each axis."""
    import pyvista

    corners = np.array(list(np.ndindex(2, 2, 2)))
    ends = [(i, j) for i in range(8) for j in range(i) if abs(corners[i] - corners[j]).sum() == 1]
    kept = [pair for pair in ends if not any((corners[end] == nearest).all() for end in pair)]
    return pyvista.PolyData(corners * np.asarray(size), lines=np.array([(2, *pair) for pair in kept]).ravel())


def make_slider(plotter: Any, ground: Any, ends: tuple[float, float], value: float) -> Any:
    """A slider without words on the ground of a window."""
    plotter.subplot(0, 0)
    slider = plotter.add_slider_widget(lambda _: None, ends, value=value, style="modern", title="")
    slider.SetKeyPressActivation(False)
    # Otherwise a slider that is put on goes to the panel where the mouse was last.
    slider.SetDefaultRenderer(ground)
    slider.SetAnimationModeToOff()
    shape: Any = slider.GetRepresentation()
    shape.ShowSliderLabelOff()
    shape.GetSliderProperty().SetColor(*KNOB)
    shape.GetTubeProperty().SetColor(*TUBE)
    return slider


def place_slider(slider: Any, places: Arrangement, row: int) -> None:
    """Put a slider into its row of the strip."""
    (left, y), (right, _) = places.slider(row)
    shape: Any = slider.GetRepresentation()
    shape.GetPoint1Coordinate().SetValue(left, y)
    shape.GetPoint2Coordinate().SetValue(right, y)
    # VTK measures the slider in shares of its length and of the window's height.
    shape.SetSliderLength(KNOB_WIDTH / ((right - left) * places.width))
    shape.SetSliderWidth(KNOB_HEIGHT / places.height)
    shape.SetTubeWidth(TUBE_HEIGHT / places.height)
    shape.SetEndCapLength(0)
    shape.BuildRepresentation()


def cut_actors(plotter: Any, actors: list[Any], layers: list[Layer], plane: Any | None) -> list[Any]:
    """Cut the actors of the active panel by a plane, or no more; returns new actors that fill what is cut open.

    The inside of a closed surface, in one colour and without light, is seen exactly where a section would be.
    """
    for actor in actors:
        actor.mapper.RemoveAllClippingPlanes()
        if plane is not None:
            actor.mapper.AddClippingPlane(plane)
        if actor.prop.opacity == 1:
            actor.prop.culling = "none" if plane is None else "back"
    solid = [layer for layer in layers if layer.opacity == 1 and len(layer.surface.triangles)]
    fillings = []
    for layer in solid if plane is not None else ():
        # A mesh of its own: PyVista empties what an actor showed when that is removed.
        inside = plotter.add_mesh(
            panels.to_mesh(layer), color=CUT_COLOUR, lighting=False, culling="front", render=False, reset_camera=False
        )
        inside.mapper.scalar_visibility = False
        inside.mapper.AddClippingPlane(plane)
        fillings.append(inside)
    return fillings
