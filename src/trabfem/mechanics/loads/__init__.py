"""Load cases, each a function of strain or displacement. To add one, write a function and add it to `BY_NAME`."""

from collections.abc import Callable
from functools import partial

from ...errors import UserError
from .axial import STRETCH, confined, fixed_base, platens, uniaxial
from .base import AXES, AXIAL, FACES, STRAINS, Affine, Grips, LoadCase, Triple, Turn, nodes_on_face, unit_strain
from .force import ForcePlate
from .shear import shear, symmetric_shear
from .turning import bending, torsion
from .uniform import direct, kubc, pmubc

__all__ = [
    "AXES",
    "AXIAL",
    "BY_NAME",
    "FACES",
    "STRAINS",
    "STRETCH",
    "Affine",
    "ForcePlate",
    "Grips",
    "Load",
    "LoadCase",
    "Triple",
    "Turn",
    "bending",
    "by_name",
    "confined",
    "direct",
    "fixed_base",
    "kubc",
    "nodes_on_face",
    "platens",
    "pmubc",
    "shear",
    "symmetric_shear",
    "torsion",
    "uniaxial",
    "unit_strain",
]

Load = LoadCase | ForcePlate

BY_NAME: dict[str, Callable[..., LoadCase]] = {
    "uniaxial": uniaxial,
    "platens": platens,
    "fixed-base": fixed_base,
    "confined": confined,
    **{f"shear-{plane}": partial(shear, plane) for plane in STRAINS[3:]},
    **{f"symmetric-shear-{plane}": partial(symmetric_shear, plane) for plane in STRAINS[3:]},
    "bending-x": partial(bending, "x"),
    "bending-y": partial(bending, "y"),
    "torsion": torsion,
    **{f"kubc-{case}": partial(kubc, case) for case in STRAINS},
    **{f"pmubc-{case}": partial(pmubc, case) for case in STRAINS},
    **{f"direct-{case}": partial(direct, case) for case in STRAINS},
}
"""Functions of (strain, displacement, depth) by the name that the command line and configuration files use."""


def by_name(name: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0) -> LoadCase:
    """The load case of that name; at most one of strain and displacement (mm), default strain -0.01."""
    if name not in BY_NAME:
        raise UserError(f"load = {name}: it is not known; choose one of {', '.join(BY_NAME)}")
    if strain is None and displacement is None:
        strain = -0.01
    return BY_NAME[name](strain, displacement, depth)
