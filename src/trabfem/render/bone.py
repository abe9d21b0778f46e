"""One bone: plain, or coloured by a field of its voxels."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from trabfem.errors import UserError
from trabfem.render import panels, probe, style
from trabfem.render.colouring import Scale, energy_scale, one_colour, signed_scale
from trabfem.render.layout import Panel, compose
from trabfem.render.panels import Layer, Painter
from trabfem.render.scenes import volume_fraction
from trabfem.render.shape import drawn_surface
from trabfem.render.surface import sample
from trabfem.specimen import Specimen

PIXELS = 1100


def draw(
    specimen: Specimen,
    *,
    values: Float[np.ndarray, "x y z"] | None = None,
    label: str = "",
    title: str | None = None,
    scale: Callable[[list[np.ndarray], str], Scale] | None = None,
    pixels: int = PIXELS,
) -> Figure:
    """The bone's surface, plain or coloured by `values` of its voxels, of which 0 and NaN say that there is none.

    `label` names the values with their unit. `scale` makes the colour scale; where it is not given, it is symmetric
    about 0 for values of both signs, and logarithmic for positive ones over a decade. `title`: the specimen's name
    where not given. `pixels`: height of the picture. `UserError` where VTK cannot draw, or the shapes differ.
    """
    if values is not None and values.shape != specimen.shape:
        raise UserError(f"values have shape {values.shape}, but the specimen {specimen.shape}: give one a voxel")
    probe.require_rendering()
    surface = drawn_surface(specimen.fill, specimen.spacing)
    light = panels.openness(surface, specimen.fill, specimen.spacing)
    if values is None:
        chosen, rgb = None, one_colour(len(surface.points), style.BONE)
    else:
        on_surface = sample(np.nan_to_num(values), surface.points, specimen.spacing)
        make = scale or (signed_scale if (on_surface < 0).any() else energy_scale)
        chosen = make([on_surface], label)
        rgb = chosen.rgb(on_surface)
    view = panels.view_of(specimen.size_mm)
    with Painter(view, pixels) as painter:
        painted = painter.paint([Layer(surface, panels.shade(rgb, light))])
    drawn = [Panel(specimen.name if title is None else title, volume_fraction(specimen.fill), painted)]
    return compose(drawn, view, chosen, width=style.look().column)
