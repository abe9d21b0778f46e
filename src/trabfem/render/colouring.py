"""What the colours of a picture say: what the bone carries, what has become of it, how thick and how old it is.

A new colouring is a `Colouring` in `COLOURINGS`, from which pictures, films, the window and the report take it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.colors import Colormap, LogNorm, Normalize

from trabfem.errors import UserError
from trabfem.render import panels, style
from trabfem.render.bones import LOST_GAP, DrawnBone
from trabfem.render.panels import Layer

LOST_OPACITY = 0.45
LEAST_MOVE_UM = 1.0  # a scale below this would colour the noise of the surface
Key = tuple[str, tuple[float, float, float], float]
"""What a colour means: its words, the colour and its opacity."""
LOST_KEY: Key = ("outline of lost bone", style.LOST, LOST_OPACITY)
GAINED_KEY: Key = ("new bone", style.GAINED, 1.0)


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


def energy_scale(values: list[Float[np.ndarray, "_"]], label: str = "Tissue strain energy density (MPa)") -> Scale:
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


def shift_scale(values: list[Float[np.ndarray, "_"]], label: str) -> Scale:
    """`signed_scale` of a shift in µm, never finer than the noise of the surface."""
    return signed_scale([*values, np.full(1 + sum(map(len, values)) // 10, LEAST_MOVE_UM)], label)


def _largest(values: list[Float[np.ndarray, "_"]]) -> float:
    """The 98th percentile of all values, rounded up; 1 where there is none above 0."""
    pooled = np.concatenate(values) if values else np.zeros(0)
    most = float(np.percentile(pooled[np.isfinite(pooled)], 98)) if np.isfinite(pooled).any() else 0.0
    return style.round_up(most) if most > 0 else 1.0


@dataclass(frozen=True)
class Colouring:
    """A way to colour all bones of a picture on one scale.

    `name`: on the command line. `title`: in a menu. `label`: of the scale, with the unit. `values`: of the points of a
    bone, None where it has none. `scale`: makes the scale of the values of all bones; None where `keys` say what the
    colours are. `shows_lost`: whether the outline of lost bone is drawn as well.
    """

    name: str
    title: str
    label: str
    values: Callable[[DrawnBone], Float[np.ndarray, "points"] | None]
    make_scale: Callable[[list[np.ndarray], str], Scale] | None
    shows_lost: bool = False
    keys: tuple[Key, ...] = ()

    def has(self, bones: Sequence[DrawnBone]) -> bool:
        """Whether the bones can be coloured so."""
        return all(self.values(bone) is not None for bone in bones[:1])

    def scale(self, bones: Sequence[DrawnBone]) -> Scale | None:
        """The scale that all bones share. **Raises:** `UserError` where the study does not hold the values."""
        if self.make_scale is None:
            return None
        found = [self.values(bone) for bone in bones]
        known = [values for values in found if values is not None]
        if len(known) < len(found):
            raise UserError(f"colour = {self.name}: this study does not hold it; run it anew or take another colour")
        return self.make_scale(known, self.label)

    def rgb(self, bone: DrawnBone, scale: Scale | None) -> UInt8[np.ndarray, "points 3"]:
        """Colours of the points of a bone, before light falls on them."""
        values = self.values(bone)
        assert values is not None
        if scale is not None:
            return scale.rgb(values)
        mixed = np.outer(1 - values, style.BONE) + np.outer(values, style.GAINED)
        return np.round(255 * mixed).astype(np.uint8)

    def layers(self, bone: DrawnBone, scale: Scale | None) -> list[Layer]:
        """The coloured surface, and over it the lost bone as red glass where it is shown."""
        drawn = [Layer(bone.surface, panels.shade(self.rgb(bone, scale), bone.light))]
        if self.shows_lost and bone.lost is not None:
            drawn.append(Layer(bone.lost, one_colour(len(bone.lost.points), style.LOST), LOST_OPACITY))
        return drawn


def share_gained(bone: DrawnBone) -> Float[np.ndarray, "points"]:
    """0..1: a half where the surface lies `LOST_GAP` outside that of the start; within a third of it either side it
    goes from 0 to 1, so that the edge of new bone is as smooth as the bone."""
    gap = 1e3 * LOST_GAP * min(bone.spacing)
    return np.clip(0.5 + 1.5 * (bone.shift - gap) / gap, 0, 1)


ENERGY = Colouring(
    "energy", "Strain energy density", "Tissue strain energy density (MPa)", lambda bone: bone.energy, energy_scale
)
SHIFT = Colouring(
    "shift",
    "Surface shift",
    "Surface shift, − lost, + formed (µm)",
    lambda bone: bone.shift,
    shift_scale,
    shows_lost=True,
    keys=(LOST_KEY,),
)
COLOURINGS = {
    each.name: each
    for each in (
        ENERGY,
        Colouring(
            "strain", "Effective strain", "Energy-equivalent strain (µε)", lambda bone: bone.strain, energy_scale
        ),
        SHIFT,
        Colouring("change", "Lost and gained", "", share_gained, None, shows_lost=True, keys=(LOST_KEY, GAINED_KEY)),
        Colouring("thickness", "Local thickness", "Local thickness (mm)", lambda bone: bone.thickness, linear_scale),
        Colouring("age", "Tissue age", "Tissue age (years)", lambda bone: bone.age, linear_scale),
    )
}


def find_colouring(name: str) -> Colouring:
    """The colouring called `name`; UserError where there is none."""
    if name not in COLOURINGS:
        raise UserError(f"colour = {name}: give one of {', '.join(COLOURINGS)}")
    return COLOURINGS[name]


def one_colour(count: int, colour: tuple[float, float, float]) -> UInt8[np.ndarray, "count 3"]:
    """One colour for `count` points."""
    return np.tile(np.round(255 * np.array(colour)).astype(np.uint8), (count, 1))
