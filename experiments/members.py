"""What experiments on members share: how many, on which bone, in which steps, and the words below the figure."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from trabfem.config import SpecimenConfig, read_specimen
from trabfem.remodelling.ensemble import follow
from trabfem.remodelling.simulate import Trajectory

from trabfem.biology.patient import Patient
from trabfem.cli.common import progress_lines
from trabfem.device import keep_compiled_programs
from trabfem.remodelling.settings import Settings
from trabfem.specimen import Specimen


@dataclass(frozen=True)
class Scale:
    """Voxels a side of the shipped vertebra (None: all of it), months a step, members, and how many run at a time."""

    size: int | None
    months_per_step: float
    members: int
    workers: int = 1


def scale_asked_for(description: str | None, whole: Scale, quick: Scale) -> Scale:
    """The scale that the command line asks for; the first line of `description` goes into its help."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller block, fewer members, longer steps")
    parser.add_argument("--members", type=int, help="how many members")
    parser.add_argument("--size", type=int, help="voxels a side, at most 64")
    parser.add_argument("--workers", type=int, default=1, help="processes that run members side by side")
    options = parser.parse_args()
    usual = quick if options.quick else whole
    members = options.members or usual.members
    return Scale(options.size or usual.size, usual.months_per_step, members, options.workers)


def through_every_arm(
    scale: Scale, patient: Patient, arms: Mapping[str, str], years: float, settings: Settings
) -> tuple[dict[str, list[Trajectory]], Specimen]:
    """Every arm (name → schedule) for the same members on the shipped vertebra, and that bone."""
    keep_compiled_programs()
    specimen = read_specimen(SpecimenConfig(crop=scale.size))
    found = follow(
        specimen, patient, arms, scale.members, years=years, months_per_step=scale.months_per_step, settings=settings,
        workers=scale.workers, progress=progress_lines(),
    )  # fmt: skip
    return found, specimen


def below(specimen: Specimen, scale: Scale) -> str:
    """What stands below the figure."""
    return f"Median and 5-95 % of {scale.members} members; {specimen.name}, {specimen.shape[0]} voxels a side"
