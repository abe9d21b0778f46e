"""What the colours of a picture say: the energy that the bone carries, or how far its surface has moved."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.colors import Colormap, LogNorm, Normalize

from trabfem.render import panels, style
from trabfem.render.panels import Layer
from trabfem.render.surface import Surface

LOST_OPACITY = 0.45
LEAST_MOVE_UM = 1.0  # a scale below this would colour the noise of the surface


@dataclass(frozen=True)
class Scene:
    """One panel before its colours are chosen.

    `light`: openness of each point, 0..1. `energy`: energy density of the tissue there, kPa. `moved`: distance of each
    point from the bone of the start, µm, negative where bone was resorbed; None for the start itself. `lost`: outline
    of the bone that is gone.
    """

    title: str
    subtitle: str
    surface: Surface
    light: Float[np.ndarray, "points"]
    energy: Float[np.ndarray, "points"]
    moved: Float[np.ndarray, "points"] | None = None
    lost: Surface | None = None


@dataclass(frozen=True)
class Scale:
    """A colour scale and its label with the unit; `extend`: the ends beyond which values keep the end's colour."""

    norm: Normalize
    colours: Colormap
    label: str
    extend: str

    def rgb(self, values: Float[np.ndarray, "points"]) -> UInt8[np.ndarray, "points 3"]:
        """Colours of `values`."""
        return style.to_rgb(values, self.norm, self.colours)


@runtime_checkable
class Colouring(Protocol):
    """A way to colour all scenes of a picture on one scale."""

    @property
    def name(self) -> str:
        """Name of the picture's file without suffix."""
        ...

    @property
    def shows_lost(self) -> bool:
        """Whether lost bone is drawn, and needs a key."""
        ...

    def scale(self, scenes: list[Scene]) -> Scale:
        """The scale that all scenes share."""
        ...

    def layers(self, scene: Scene, scale: Scale) -> list[Layer]:
        """The coloured surfaces of one scene."""
        ...


def energy_scale(values: list[Float[np.ndarray, "_"]], label: str = "Tissue strain energy density (kPa)") -> Scale:
    """Scale for positive values that may span decades."""
    norm = style.shared_norm(values)
    return Scale(norm, style.energy_map(), label, "both" if isinstance(norm, LogNorm) else "max")


def linear_scale(values: list[Float[np.ndarray, "_"]], label: str) -> Scale:
    """Scale from 0 for values that are not negative, to their 98th percentile rounded up."""
    return Scale(Normalize(0.0, _largest(values)), style.energy_map(), label, "max")


def signed_scale(values: list[Float[np.ndarray, "_"]], label: str) -> Scale:
    """Scale for values of both signs, symmetric about 0."""
    limit = _largest([np.abs(part) for part in values])
    return Scale(Normalize(-limit, limit), style.change_map(), label, "both")


def _largest(values: list[Float[np.ndarray, "_"]]) -> float:
    """The 98th percentile of all values, rounded up; 1 where there is none above 0."""
    pooled = np.concatenate(values) if values else np.zeros(0)
    most = float(np.percentile(pooled, 98)) if len(pooled) else 0.0
    return style.round_up(most) if most > 0 else 1.0


@dataclass(frozen=True)
class Energy:
    """Strain energy density of the tissue."""

    name: str = "before_after"
    shows_lost: bool = False

    def scale(self, scenes: list[Scene]) -> Scale:
        """Logarithmic where the energies span more than a decade."""
        return energy_scale([scene.energy for scene in scenes])

    def layers(self, scene: Scene, scale: Scale) -> list[Layer]:
        """The surface alone."""
        return [Layer(scene.surface, panels.shade(scale.rgb(scene.energy), scene.light))]


@dataclass(frozen=True)
class Change:
    """How far the surface has moved since the start, and the outline of what is gone."""

    name: str = "bone_change"
    shows_lost: bool = True

    def scale(self, scenes: list[Scene]) -> Scale:
        """Symmetric about no change; the surfaces' 98th percentile rounded up."""
        moved = [np.abs(scene.moved) for scene in scenes if scene.moved is not None and len(scene.moved)]
        most = float(np.percentile(np.concatenate(moved), 98)) if moved else 0.0
        limit = style.round_up(max(most, LEAST_MOVE_UM))
        return Scale(Normalize(-limit, limit), style.change_map(), "Surface shift, − lost, + formed (µm)", "both")

    def layers(self, scene: Scene, scale: Scale) -> list[Layer]:
        """The surface, and over it the lost bone as red glass."""
        moved = np.zeros(len(scene.energy)) if scene.moved is None else scene.moved
        drawn = [Layer(scene.surface, panels.shade(scale.rgb(moved), scene.light))]
        if scene.lost is not None:
            drawn.append(Layer(scene.lost, one_colour(len(scene.lost.points), style.LOST), LOST_OPACITY))
        return drawn


def one_colour(count: int, colour: tuple[float, float, float]) -> UInt8[np.ndarray, "count 3"]:
    """One colour for `count` points."""
    return np.tile(np.round(255 * np.array(colour)).astype(np.uint8), (count, 1))
