"""Methods in words: the specimen, its finite elements, its load, its strength, its structure."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trabfem import constants
from trabfem.errors import UserError
from trabfem.render.page.library import cite
from trabfem.render.page.wording import (
    counted,
    fixed,
    listing,
    minus,
    months,
    number,
    paragraph,
    rounded,
    say,
    section,
    sentence,
)
from trabfem.render.resolution import ENOUGH
from trabfem.runs import store
from trabfem.runs.columns import COMPARED, find_label
from trabfem.runs.study import Study
from trabfem.schedule import parse
from trabfem.specimen import SMALLEST_FILL

MONTH_ZERO, TIME = "Month 0 is ", "time "
ESTIMATED = "loads estimated from the scan"
AXIAL = {
    "platens": "axial compression along z between plates bonded to the end faces",
    "uniaxial": "axial compression along z between frictionless plates",
}
AXES = "xyz"


def settings_of_header(header: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that the header holds; empty where it holds none."""
    return header.get("settings") or {}


def preparation_of(study: Study) -> list[str]:
    """The notes on how the scan was read and prepared, as sentences."""
    return [sentence(note) for note in study.notes if not note.startswith((MONTH_ZERO, TIME))]


def describe_specimen(study: Study) -> dict[str, Any]:
    """Name, lattice, preparation, and the scan's own bone volume, stiffness and strength."""
    header, spacing = study.header, study.spacing
    cubes = len({f"{edge:.6g}" for edge in spacing}) == 1
    edges = number(spacing[0]) if cubes else " × ".join(number(edge) for edge in spacing)
    scan = {name: (header.get("scan") or {}).get(label) for name, label in COMPARED.items()}
    lattice = " × ".join(number(count) for count in study.shape)
    sides = " × ".join(rounded(side, 4) or "" for side in study.size)
    first = say(
        "The specimen{name} was a block of {lattice} {kind} of {edges} mm ({sides} mm).",
        name=f" ({name})" if (name := header.get("specimen")) else "",
        lattice=lattice, kind="cubic voxels with an edge" if cubes else "voxels", edges=edges, sides=sides,
    )  # fmt: skip
    start = say(
        "Its bone volume fraction (BV/TV) was {volume}, its stiffness {stiffness} N/mm and its estimated failure load "
        "{strength} N.",
        volume=rounded(scan["BV/TV"]), stiffness=rounded(scan["stiffness"], 4), strength=rounded(scan["strength"], 4),
    )  # fmt: skip
    prepared = paragraph(*preparation_of(study))
    return section("Specimen", paragraph(first, synthetic(study), start), prepared and f"Preparation. {prepared}")


def synthetic(study: Study) -> str:
    """A sentence where the bone is one of those that come with trabfem, voxel by voxel."""
    if study.folder is None or not is_shipped(study.folder, str(study.header.get("specimen", ""))):
        return ""
    return "It is a synthetic structure that comes with the software, made by a seeded generator, and not a scan."


@functools.lru_cache(maxsize=8)
def is_shipped(folder: Any, name: str) -> bool:
    """Whether the bone of a study's folder is the shipped specimen of this name, but for bone that was removed."""
    from trabfem.specimen import read
    from trabfem.specimen.readers import find_shipped

    try:
        find_shipped(name)
        ours, theirs = store.read_specimen(folder).fill, read(name).fill
    except (UserError, OSError, ValueError):
        return False
    bone = ours > 0
    return ours.shape == theirs.shape and bool(bone.any()) and bool(np.array_equal(ours[bone], theirs[bone]))


def describe_elements(study: Study) -> dict[str, Any]:
    """Elements, tissue, tolerance and precision."""
    asked = settings_of_header(study.header)
    if not asked:
        return section("Finite elements")
    tissue = (asked.get("tissue_modulus"), asked.get("poisson"))
    accepted = say(
        "A solve was accepted when the relative residual, recomputed in double precision {residual}, and the estimated "
        "relative error of the energy {energy} were both at most {rtol}; it had at most {most} iterations.",
        rtol=asked.get("rtol"), most=asked.get("max_iterations"), residual=cite("van der Vorst & Ye 2000"),
        energy=cite("Meurant & Tichý 2019"),
    )  # fmt: skip
    precision = say("Precision: {precision}.", precision=study.header.get("precision"))
    return section("Finite elements", paragraph(ELEMENTS, *say_tissue(*tissue)), paragraph(SOLVER, accepted, precision))


ELEMENTS = (
    "Every voxel with bone in it was one eight-node hexahedral element with trilinear displacements, integrated "
    "exactly."
)
SOLVER = (
    f"Equilibrium was found without assembling a matrix, by flexible conjugate gradients {cite('Notay 2000')} with a "
    "multigrid preconditioner whose coarse elements are split where bone is not connected "
    f"{cite('Dick 2011', 'Notay & Vassilevski 2008')}."
)


def say_tissue(modulus: float | None, poisson: float | None) -> tuple[str, str]:
    """Young's modulus and Poisson's ratio of the tissue, and what a partly filled voxel has of them."""
    return (
        say(
            "Tissue was linear elastic and isotropic with a Young's modulus of {modulus} MPa{modulus_source} and a "
            "Poisson's ratio of {poisson}{poisson_source}.",
            modulus=modulus, modulus_source=source_of(modulus, constants.TISSUE_MODULUS, "Pistoia 2002"),
            poisson=poisson, poisson_source=source_of(poisson, constants.POISSON_RATIO, "Zysset 1999"),
        ),
        say(
            "A partly filled voxel had that modulus times its fraction of bone, and was void where the fraction was "
            "below {least}.",
            least=SMALLEST_FILL if modulus is not None else None,
        ),
    )  # fmt: skip


def source_of(value: float | None, constant: constants.Constant, key: str) -> str:
    """The citation of a number, where it is the constant's."""
    return f" {cite(key)}" if value == constant.value else ""


def describe_load(study: Study) -> dict[str, Any]:
    """The loads of a usual day, and what stiffness and strength refer to."""
    asked = settings_of_header(study.header)
    activities = asked.get("activities") or []
    if not activities and asked.get("apparent_stress") is None:
        return section("Load")
    turned = turning_arms(study)
    stress = asked.get("apparent_stress")
    said = describe_activities(activities) if activities else describe_axial(study, float(stress or 0.0), bool(turned))
    estimated = any(ESTIMATED in note for note in study.notes)
    mixture = (
        "The mixture was estimated from the specimen: the weights with which unit loads strain its surface most evenly "
        f"{cite('Christen 2012', 'Christen 2014')}."
    )
    kept = "Loads were prescribed as forces and kept as the bone changed, so a bone that weakens is strained more."
    layers = asked.get("frozen_layers")
    frozen = say(
        "The {layers} at either end of the block along z did not remodel.",
        layers=None if not layers else "voxel layer" if layers == 1 else counted(layers, "voxel layer"),
    )
    return section("Load", paragraph(said, mixture if estimated else "", say_turning(turned), kept, frozen))


def turning_arms(study: Study) -> list[str]:
    """Names of the arms whose schedule turns the load."""
    found = []
    for arm in study.arms:
        try:
            turns = parse(arm.schedule).loading.turns
        except UserError:  # a folder of another version may have words that are not known here
            turns = "direction" in arm.schedule
        found += [arm.name] if turns else []
    return found


def say_turning(arms: Sequence[str]) -> str:
    """What it takes to turn a load."""
    if not arms:
        return ""
    return (
        f"As the load of {listing(arms)} turns, the loads of all arms were mean stresses of the whole block, made of "
        "six cases of kinematic uniform boundary conditions (KUBC), which can be turned; no plates were loaded. The "
        "block is stiffer under them than between plates."
    )


def loaded_by_plates(study: Study) -> bool:
    """Whether stiffness and strength are those of compression by plates."""
    activities = settings_of_header(study.header).get("activities") or []
    if turning_arms(study):
        return False
    return not activities or first_case(activities) in AXIAL


def first_case(activities: Sequence[Mapping[str, Any]]) -> str:
    """The load case that stiffness and strength refer to."""
    return next(iter(activities[0]["stress"]), "")


def describe_axial(study: Study, stress: float, turned: bool = False) -> str:
    """Axial compression by an apparent stress."""
    (x, y, _), area = study.size, study.size[0] * study.size[1]
    return say(
        "The usual load was {case}, with an apparent stress of {stress} MPa over the whole cross-section of {x} × {y} "
        "mm, that is {force} N.",
        case="axial compression along z" if turned else AXIAL["platens"], stress=stress,
        x=rounded(x, 4), y=rounded(y, 4), force=rounded(stress * area),
    )  # fmt: skip


def describe_activities(activities: Sequence[Mapping[str, Any]]) -> str:
    """Each activity with its load cases, stresses and cycles."""
    counts = [float(each.get("cycles", 1.0)) for each in activities]
    unequal = len(set(counts)) > 1
    parts = []
    for each, count in zip(activities, counts, strict=True):
        stresses = [f"{case} {minus(f'{value:.3g}')} MPa" for case, value in each["stress"].items() if value]
        cycles = f", {number(count)} {'cycle' if count == 1 else 'cycles'} a day" if unequal else ""
        parts.append(f"{each['name']} ({listing(stresses)}{cycles})")
    share = "in proportion to their cycles" if unequal else "with equal weights"
    adding = f" Energies of activities add {share}." if len(activities) > 1 else ""
    cases = (
        " Negative stresses are compressions; load cases are named as in the software. Stiffness and strength are "
        f"those under {first_case(activities)} alone."
    )
    return f"A usual day consisted of {listing(parts)}.{adding}{cases}"


def describe_strength(study: Study) -> dict[str, Any]:
    """Pistoia's criterion, where a failure load stands in the table."""
    if not any(arm.column("failure load") is not None for arm in study.arms):
        return section("Strength")
    volume, strain = constants.PISTOIA_VOLUME_FRACTION.value, constants.PISTOIA_CRITICAL_STRAIN.value
    along = STIFFNESS if loaded_by_plates(study) else STIFFNESS_KUBC
    return section("Strength", paragraph(say_criterion(volume, strain), along))


STIFFNESS_KUBC = (
    "Stiffness is the force along z over the travel of the end faces while all faces of the block are strained "
    "uniformly along z; strength refers to the same case."
)
STIFFNESS = "Stiffness is the force over the travel of the plates."


def say_criterion(volume: float | None, strain: float | None) -> str:
    """Pistoia's criterion with its two numbers."""
    return say(
        "The failure load was estimated from the linear solution by the criterion of Pistoia and co-workers {source}: "
        "bone fails at the force at which {volume} % of its tissue is strained beyond an energy-equivalent strain of "
        "{strain} %, the strain being √(2U/E) with the energy density U at the centroid of a voxel and its modulus E.",
        source=cite("Pistoia 2002"), volume=rounded(volume and 100 * volume), strain=rounded(strain and 100 * strain),
    )  # fmt: skip


def describe_structure(study: Study) -> dict[str, Any]:
    """How the indices in the table were measured, and when."""
    asked, step = settings_of_header(study.header), study.header.get("months_per_step")
    shown = [name for name in ("Tb.Th", "Conn.D", "Tb.N") if has_values(study, name)]
    ways = {
        "Tb.Th": "trabecular thickness (Tb.Th) is the mean over the bone of the diameter of the largest sphere that "
        f"fits inside {cite('Hildebrand & Rüegsegger 1997')}",
        "Conn.D": "connectivity density (Conn.D) follows from the Euler characteristic "
        f"{cite('Odgaard & Gundersen 1993')}",
        "Tb.N": "trabecular number (Tb.N) is 1/(Tb.Th + Tb.Sp) with the separation Tb.Sp measured as thickness of the "
        "marrow",
    }
    if not shown:
        return section("Structure")
    named = (
        f"Indices are named as in {cite('Bouxsein 2010')}. BV/TV is the mean filling of the voxels; "
        f"{listing(ways[name] for name in shown)}."
    )
    thick, apart = (how_often(asked.get(key), step) for key in ("thickness_every", "number_every"))
    measured = [("Tb.Th and Conn.D were", thick), ("Tb.N was", apart)]
    said = [f"{what} measured {how}." for what, how in measured if how and what.split()[0] in shown]
    return section("Structure", paragraph(named, *said, describe_bmd(study)))


def how_often(every: int | None, step: float | None) -> str:
    """ "every nine months, and at the first and last month"; nothing where it is not known."""
    if every is None or step is None:
        return ""
    if not every:
        return "at the first and last month only"
    often = "month" if every * step == 1 else months(every * step)
    return f"every {often}, and at the first and last month"


def describe_bmd(study: Study) -> str:
    """What BMD stands for, where it is measured."""
    if not has_values(study, "BMD"):
        return ""
    return (
        "Bone mineral density (BMD) is the mineral of the block over that of solid bone with the mineral of month 0; "
        "it equals BV/TV at month 0."
    )


def has_values(study: Study, name: str) -> bool:
    """Whether any arm has a finite value in the column of this name."""
    columns = [arm.column(name) for arm in study.arms]
    return any(values is not None and np.isfinite(values).any() for values in columns)


def say_resolution(voxels: float | None = None) -> str:
    """From how many voxels on struts are resolved, and how many they had at month 0 where that is known."""
    had = say("Trabeculae were {voxels} voxels thick on average at month 0.", voxels=fixed(voxels))
    least = f"Struts of fewer than about {counted(round(ENOUGH), 'voxel')} across are resolved poorly, in structure and"
    return paragraph(had, f"{least} in stiffness, whatever the error of the solver.")


def voxels_a_strut(study: Study) -> float | None:
    """Mean thickness at month 0 over the voxel's edge; None where thickness was not measured."""
    thickness = [
        value
        for arm in study.arms
        for run in arm.members
        for value in run.table.get(find_label("Tb.Th"), [])[:1]
        if value is not None and math.isfinite(value)
    ]
    return float(np.mean(thickness)) / max(study.spacing) if thickness else None
