"""Young's modulus of each voxel of a specimen: of one tissue, by label, from density, or as given; and profiles."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from trabfem import constants
from trabfem.constants import Constant
from trabfem.errors import UserError
from trabfem.specimen.voxels import Specimen

LEAST_MODULUS = 100.0
"""MPa. Tissue of bone has 1 to 30 GPa: less than this for all of it is most likely a mistake of the unit."""
SMALLEST_FILL = 1e-3
"""Share of bone below which a voxel is void to mechanics: it would only make the equations worse conditioned."""
MG_PER_G = 1000.0
PER_UNIT = {"g/cm3": 1.0, "mg/cm3": MG_PER_G, "MPa": 1.0, "GPa": 1000.0}
"""In how many of a law's units 1 g/cm³ is, and how many MPa its unit of the modulus is."""
Density = Literal["mineral", "ash", "apparent"]


def tissue_moduli(bone: Specimen | Float[np.ndarray, "x y z"], youngs: float) -> Float[np.ndarray, "x y z"]:
    """Young's modulus of every voxel, MPa, in proportion to its fill; a fill below 0.1 % is void.

    The full voxel has the specimen's `modulus`, or `youngs` where there is none, as in an array of fill fractions.
    """
    fill, modulus = (bone.fill, bone.modulus) if isinstance(bone, Specimen) else (bone, None)
    return (youngs if modulus is None else modulus) * np.where(fill < SMALLEST_FILL, 0.0, fill)


def convert_density(mineral: Float[np.ndarray, "*voxels"], to: Density) -> Float[np.ndarray, "*voxels"]:
    r"""Density in g/cm³ as `to` defines it, from mg HA/cm³ as scanners are calibrated; below 0 it is 0.

    $$\rho_\mathrm{ash} = 0.877\,\rho_\mathrm{HA} + 0.079, \qquad \rho_\mathrm{app} = \rho_\mathrm{ash} / 0.6$$

    in g/cm³. "mineral": as calibrated; "ash": mineral left after burning, over the volume with pores; "apparent": wet
    mass without marrow over that volume. Source: Schileo et al., J. Biomech. 41:2483 (2008).
    """
    density = np.asarray(mineral, np.float64) / MG_PER_G
    if to != "mineral":
        density = constants.ASH_PER_MINERAL.value * density + constants.ASH_AT_NO_MINERAL.value
    if to == "apparent":
        density = density / constants.ASH_PER_APPARENT.value
    return np.maximum(density, 0.0)


@dataclass(frozen=True)
class DensityLaw:
    r"""A modulus from density, $E = a\,\rho^b$, with its units, the density it was fitted to, and its source."""

    name: str
    a: float
    b: float
    density: Density
    """What it takes for density; see `convert_density`."""
    source: str
    density_unit: Literal["g/cm3", "mg/cm3"] = "g/cm3"
    modulus_unit: Literal["MPa", "GPa"] = "MPa"

    def modulus(self, mineral: Float[np.ndarray, "*voxels"]) -> Float[np.ndarray, "*voxels"]:
        """Young's modulus, MPa, of voxels with `mineral` mg HA/cm³."""
        density = convert_density(mineral, self.density) * PER_UNIT[self.density_unit]
        return self.a * PER_UNIT[self.modulus_unit] * density**self.b

    def __str__(self) -> str:
        unit = f"{self.modulus_unit}, {self.density} density in {self.density_unit}"
        return f"{self.name}: E = {self.a:g} rho^{self.b:g} ({unit}; {self.source})"


def _law(name: str, density: Density, a: Constant, b: Constant) -> DensityLaw:
    return DensityLaw(name, a.value, b.value, density, a.source)


DENSITY_LAWS = {
    law.name: law
    for law in (
        _law("morgan-vertebra", "apparent", constants.MORGAN_VERTEBRA_A, constants.MORGAN_VERTEBRA_B),
        _law("morgan-tibia", "apparent", constants.MORGAN_TIBIA_A, constants.MORGAN_TIBIA_B),
        _law("morgan-trochanter", "apparent", constants.MORGAN_TROCHANTER_A, constants.MORGAN_TROCHANTER_B),
        _law("morgan-femoral-neck", "apparent", constants.MORGAN_FEMORAL_NECK_A, constants.MORGAN_FEMORAL_NECK_B),
        _law("morgan-pooled", "apparent", constants.MORGAN_POOLED_A, constants.MORGAN_POOLED_B),
        _law("keller-pooled", "ash", constants.KELLER_POOLED_A, constants.KELLER_POOLED_B),
    )
}
"""Published laws by name. They were fitted to specimens of some mm: a voxel of them is a piece of porous bone."""


def assign_moduli(
    specimen: Specimen,
    *,
    by_label: Mapping[int, float] | None = None,
    law: DensityLaw | str | None = None,
    moduli: Float[np.ndarray, "x y z"] | None = None,
    youngs: float | None = None,
) -> Specimen:
    """The specimen with a Young's modulus of its own in every voxel, from exactly one of three.

    - `by_label`: MPa for the labels of the specimen; `youngs`: for bone under labels that are not named there
    - `law`: a law, or the name of one in `DENSITY_LAWS`, of the specimen's density
    - `moduli`: MPa of every voxel

    The modulus is that of the full voxel: a partly filled one has its share of it. Notes say what was assigned.

    **Raises:** `UserError` where none or several of the three are given, the specimen has no labels or density, bone
    has a label without a modulus, or a modulus is negative, not finite or not on the grid of the bone.
    """
    given = [name for name, value in (("by_label", by_label), ("law", law), ("moduli", moduli)) if value is not None]
    if len(given) != 1:
        raise UserError(f"by_label, law, moduli: give exactly one of them, not {' and '.join(given) or 'none'}")
    if youngs is not None and by_label is None:
        raise UserError(f"youngs = {youngs:g}: the modulus follows from {given[0]}; leave it out")
    bone = specimen.fill >= SMALLEST_FILL
    if by_label is not None:
        modulus, note = _moduli_by_label(specimen, by_label, youngs, bone)
    elif law is not None:
        modulus, note = _moduli_by_law(specimen, law, bone)
    else:
        modulus, note = _moduli_as_given(specimen, np.asarray(moduli), bone)
    most = float(modulus[bone].max()) if bone.any() else 0.0
    if 0 < most < LEAST_MODULUS:
        note += f" {most:g} MPa at most is soft for bone: if these are GPa, give MPa."
    return dataclasses.replace(specimen, modulus=modulus.astype(np.float32), notes=(*specimen.notes, note))


def _moduli_by_label(
    specimen: Specimen, by_label: Mapping[int, float], youngs: float | None, bone: Bool[np.ndarray, "x y z"]
) -> tuple[np.ndarray, str]:
    if specimen.labels is None:
        raise UserError(f"{specimen.name}: the specimen has no labels, so no moduli by label; give a file of labels")
    for label, value in (*by_label.items(), *([("others", youngs)] if youngs is not None else [])):
        if not (math.isfinite(value) and value >= 0):
            raise UserError(f"{specimen.name}: the modulus {value:g} MPa of label {label} is not one; give 0 or more")
    found, number = np.unique(specimen.labels, return_inverse=True)
    used = np.bincount(number.reshape(-1), bone.reshape(-1), len(found)) > 0
    unnamed = [label for label in found[used].tolist() if label not in by_label]
    if unnamed and youngs is None:
        raise UserError(
            f"{specimen.name}: bone of label {unnamed[0]} has no modulus (there is bone of labels "
            f"{', '.join(map(str, found[used].tolist()))}); name one for each, or a modulus for the others"
        )
    values = np.array([by_label.get(label, youngs or 0.0) for label in found.tolist()], np.float32)
    parts = [f"label {label} {value:g}" for label, value in by_label.items()]
    parts += [f"others {youngs:g}"] if unnamed else []
    absent = sorted(set(by_label) - set(found[used].tolist()))
    missing = f" No bone here has label {', '.join(map(str, absent))}." if absent else ""
    return values[number].reshape(specimen.shape), f"Young's modulus in MPa: {', '.join(parts)}.{missing}"


def _moduli_by_law(
    specimen: Specimen, law: DensityLaw | str, bone: Bool[np.ndarray, "x y z"]
) -> tuple[np.ndarray, str]:
    law = find_law(law)
    if specimen.density is None:
        raise UserError(
            f"{specimen.name}: there is no density in mg HA/cm³, so no modulus from it; read a calibrated scan, "
            "or give slope and intercept of the calibration"
        )
    modulus = law.modulus(specimen.density)
    partly = np.count_nonzero(bone & (specimen.fill < 1))
    scaled = f" {partly} partly filled voxels have their share of it." if partly else ""
    return modulus, f"Young's modulus by {law}: {_describe_range(modulus, bone)}.{scaled}"


def find_law(law: DensityLaw | str) -> DensityLaw:
    """The law, or that of a name; UserError for a name that is not known."""
    if isinstance(law, DensityLaw):
        return law
    if law not in DENSITY_LAWS:
        raise UserError(f"law = {law}: it is not known; choose one of {', '.join(DENSITY_LAWS)}")
    return DENSITY_LAWS[law]


def _moduli_as_given(specimen: Specimen, moduli: np.ndarray, bone: Bool[np.ndarray, "x y z"]) -> tuple[np.ndarray, str]:
    if moduli.shape != specimen.shape:
        raise UserError(
            f"{specimen.name}: the moduli have the shape {moduli.shape}, the bone {specimen.shape}; give them on the "
            "same grid"
        )
    if not np.isfinite(moduli).all() or (moduli < 0).any():
        raise UserError(
            f"{specimen.name}: some of the moduli are negative or not finite; give 0 or more MPa everywhere"
        )
    without = int(np.count_nonzero(bone & (moduli == 0)))
    if without:
        raise UserError(
            f"{specimen.name}: {without} of {int(np.count_nonzero(bone))} voxels with bone have no modulus in the map; "
            "give each of them one, check that the map covers the scan, or leave these voxels out of the bone"
        )
    return moduli, f"Young's modulus of every voxel as given: {_describe_range(moduli, bone)}."


def _describe_range(modulus: np.ndarray, bone: Bool[np.ndarray, "x y z"]) -> str:
    inside = modulus[bone]
    return f"{inside.min():.4g} to {inside.max():.4g} MPa in bone" if inside.size else "no bone"


@dataclass(frozen=True)
class Profile:
    """Tissue and failure criterion that belong together, as calibrated for one kind of scanner."""

    name: str
    youngs: float
    """MPa."""
    poisson: float
    pistoia_volume: float
    """Part of the bone that may exceed the strain."""
    pistoia_strain: float
    """Energy-equivalent strain."""
    source: str


def _profile(name: str, youngs: Constant) -> Profile:
    volume, strain = constants.PISTOIA_VOLUME_FRACTION, constants.PISTOIA_CRITICAL_STRAIN
    source = f"modulus: {youngs.source}; criterion: {strain.source}"
    return Profile(name, youngs.value, constants.POISSON_RATIO.value, volume.value, strain.value, source)


PROFILES = {
    "xtremect1": _profile("xtremect1", constants.XTREMECT1_MODULUS),
    "xtremect2": _profile("xtremect2", constants.XTREMECT2_MODULUS),
}


def find_profile(profile: Profile | str | None, **given: float | None) -> Profile | None:
    """The profile or that of a name; UserError for an unknown one and beside a value `given` that belongs to it."""
    if profile is None:
        return None
    name = profile.name if isinstance(profile, Profile) else profile
    if not isinstance(profile, Profile):
        if profile not in PROFILES:
            raise UserError(f"profile = {name}: it is not known; choose one of {', '.join(PROFILES)}")
        profile = PROFILES[profile]
    for key, value in given.items():
        if value is not None:
            raise UserError(
                f"profile = {name}: modulus, Poisson's ratio and criterion were calibrated together; leave out {key} "
                f"{value:g}, or the profile"
            )
    return profile


def choose_tissue(
    profile: Profile | str | None, youngs: float | None, poisson: float | None, **criterion: float | None
) -> tuple[float, float]:
    """Young's modulus (MPa) and Poisson's ratio of a profile, or as given, or 6829 MPa and 0.3; see `find_profile`."""
    found = find_profile(profile, youngs=youngs, poisson=poisson, **criterion)
    if found is not None:
        return found.youngs, found.poisson
    return (
        constants.TISSUE_MODULUS.value if youngs is None else youngs,
        constants.POISSON_RATIO.value if poisson is None else poisson,
    )
