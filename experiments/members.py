"""What experiments on members share: how large, how many, in which steps, and the words below the figure."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import trabfem as tf

BONE = "vertebra_64"


@dataclass(frozen=True)
class Scale:
    """Voxels a side of the shipped vertebra (None: all of it), months a step, members, and how many processes."""

    size: int | None
    months_per_step: float
    members: int
    workers: int | None = None


def ask_scale(description: str | None, whole: Scale, quick: Scale) -> Scale:
    """The scale that the command line asks for; the first line of `description` goes into its help."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller block, fewer members, longer steps")
    parser.add_argument("--members", type=int, help="how many members")
    parser.add_argument("--size", type=int, help="voxels a side, at most 64")
    parser.add_argument("--workers", type=int, help="processes that run side by side (default: one a core)")
    options = parser.parse_args()
    usual = quick if options.quick else whole
    members = options.members or usual.members
    return Scale(options.size or usual.size, usual.months_per_step, members, options.workers)


def compare_arms(
    scale: Scale, patient: tf.Patient, arms: Mapping[str, str], years: float, settings: tf.Settings | None = None
) -> tf.Study:
    """Every arm (name → schedule) for the same members on the shipped vertebra."""
    return tf.compare(
        BONE, patient, arms, years=years, months_per_step=scale.months_per_step, members=scale.members,
        settings=settings or tf.Settings(), workers=scale.workers, crop=scale.size,
    )  # fmt: skip


def describe(study: tf.Study) -> str:
    """What stands below the figure."""
    count = len(study.arms[0].members)
    band = "nine in ten further members would fall within the bands"
    return f"Mean of {count} members; {band}; {study.header['specimen']}, {study.shape[0]} voxels a side"
