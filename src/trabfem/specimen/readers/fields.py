"""Which of the fields of a grid or mesh is the bone, and which are its moduli and labels."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers.raw import choose

SOFT, SOFT_OF_TWO = 0.01, 0.1
"""A cell below this part of the stiffest cell's modulus is marrow, where there are many moduli and where two: bone with
moduli from its density varies more than cortex and trabeculae differ."""
MODULUS = re.compile(r"young|modul|^e$|(^|[^a-z])e[ _\-\[(]*(mpa|gpa|pa)\b", re.IGNORECASE)
SMALLEST_MPA, LARGEST_MPA = 1.0, 1e5
"""The stiffest voxel of any bone lies between; beside it the unit is another than MPa."""


@dataclass(frozen=True)
class Choice:
    """The values that say what is bone, and what else the fields hold; all arrays of one shape.

    - `is_mask`: every value but zero is bone
    - `maps`: by the names of `Specimen.maps`
    - `label_names`: what the whole numbers in `values` stand for
    """

    values: np.ndarray
    is_mask: bool = False
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    label_names: Mapping[int, str] = field(default_factory=dict)


def choose_field(
    path: Path, which: str | int | None, names: list[str], load: Callable[[str], np.ndarray], what: str
) -> Choice:
    """The field called `which`; else the only one, or the 0/1 field or labels beside one field of moduli.

    `load` gives the values of a field, `what` says what they are in the plural. UserError where it cannot be known.
    """
    moduli = [name for name in names if MODULUS.search(name)]
    others = [name for name in names if name not in moduli]
    beside = moduli[0] if len(moduli) == 1 else None
    if which is None and beside and len(others) == 1:
        values = load(others[0])
        if is_zero_or_one(values):
            taken, left = others[0], beside
            note = f"Of the {what}, {taken!r} (0 and 1) was taken as the bone and {left!r} as its Young's modulus."
            modulus, said = to_mpa(path, beside, load(beside))
            return Choice(values, maps={"modulus": modulus}, notes=(note, *said))
        if np.issubdtype(values.dtype, np.integer):
            chosen = from_modulus(path, beside, load(beside))
            note = f"The whole numbers {others[0]!r} were taken as labels."
            return Choice(chosen.values, True, {**chosen.maps, "labels": values}, (*chosen.notes, note))
    name = names[choose(path, which, names, what)]
    if name in moduli:
        return from_modulus(path, name, load(name))
    return Choice(load(name))


def is_zero_or_one(values: np.ndarray) -> bool:
    """Whether there are no other values."""
    return values.dtype == bool or bool(np.all((values == 0) | (values == 1)))


def to_mpa(path: Path, name: str, values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Moduli in MPa, and a sentence where they were in another unit; UserError where the unit cannot be MPa."""
    values = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(values)) or values.min() < 0:
        raise UserError(f"{path}: the moduli {name!r} are not all finite and positive, correct the field")
    low = name.lower()
    factor, unit = (1e3, "GPa") if "gpa" in low else (1.0, "MPa")
    if unit == "MPa" and "mpa" not in low and re.search(r"[^a-z]pa\b", low):
        factor, unit = 1e-6, "Pa"
    largest = factor * float(values.max())
    if not SMALLEST_MPA <= largest <= LARGEST_MPA:
        raise UserError(
            f"{path}: the moduli {name!r} reach {largest:g} MPa, which is no bone's; give them in MPa, or in GPa or Pa "
            "with the unit in the field's name"
        )
    note = () if unit == "MPa" else (f"The moduli {name!r} were turned from {unit} into MPa.",)
    return (factor * values).astype(np.float32), note


def from_modulus(path: Path, name: str, values: np.ndarray) -> Choice:
    """Bone by its stiffness: all but cells below one hundredth of the largest modulus, of two below one tenth."""
    modulus, said = to_mpa(path, name, values)
    known = np.unique(modulus)
    stiff = modulus >= (SOFT_OF_TWO if len(known) == 2 else SOFT) * known[-1]
    bone = np.where(stiff, modulus, np.float32(0))
    soft = known[known < bone[stiff].min()]
    note = f"Bone is where the Young's modulus {name!r} is {bone[stiff].min():g} to {bone[stiff].max():g} MPa"
    note += f"; cells of {soft[0]:g} to {soft[-1]:g} MPa were taken as marrow, that is void." if len(soft) else "."
    return Choice(bone, True, {"modulus": bone}, (*said, note))
