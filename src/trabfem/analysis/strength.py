"""The load at which a bone fails: by a criterion on the linear solution, or by tissue that yields."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np

from trabfem.analysis.report import Report, Row
from trabfem.analysis.solve import (
    COMPRESSION,
    BoneSolution,
    check_one_modulus,
    check_solver_options,
    check_strain,
    largest_modulus,
    prepare,
    require_memory_for,
    solve,
)
from trabfem.device import device_name
from trabfem.errors import UserError
from trabfem.mechanics import strength as criteria
from trabfem.mechanics import yielding
from trabfem.mechanics.loads import LoadCase
from trabfem.mechanics.strength import Criterion, FailureLoad
from trabfem.mechanics.yielding import Tissue, YieldCurve
from trabfem.specimen import Bone, MoreReading, Specimen, tissue_moduli
from trabfem.specimen.materials import Profile, choose_tissue, find_profile

Method = Literal["pistoia", "nonlinear"]


@dataclass(frozen=True, repr=False)
class CriterionStrength(Report):
    """Failure load by Pistoia's criterion on a linear solution; signed as the load, compression negative."""

    elastic: BoneSolution
    failure: FailureLoad

    @property
    def bone(self) -> Specimen:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.elastic.bone

    @property
    def failure_load(self) -> float:
        """N."""
        return self.failure.failure_load

    @property
    def converged(self) -> bool:
        """Whether the linear solve converged."""
        return self.elastic.converged

    @property
    def title(self) -> str:
        return f"Strength of {self.elastic.title}"

    @property
    def trouble(self) -> str:
        return self.elastic.trouble

    @property
    def rows(self) -> tuple[Row, ...]:
        failure = self.failure
        return (
            ("failure load", failure.failure_load, None, "N", str(failure.criterion)),
            ("factor", failure.factor, None, "", "failure load over the applied load"),
            ("EES", failure.ees, None, "", "energy-equivalent strain exceeded in that part of the tissue"),
            *(row for row in self.elastic.rows if row[0] in ("stiffness", "apparent modulus", "BV/TV", "residual")),
        )

    def save(self, path: str | Path, field: str | None = None) -> Path:
        """Write fields of the linear solution, as `BoneSolution.save` does, or the table (.csv) to a new file."""
        return super().save(path) if Path(path).suffix.lower() == ".csv" else self.elastic.save(path, field)

    def as_dict(self) -> dict[str, Any]:
        """Plain values by the names of the command line's JSON."""
        failure = self.failure
        return {
            "method": "pistoia",
            "failure_load_N": failure.failure_load,
            "pistoia_factor": failure.factor,
            "ees": failure.ees,
            "criterion": dataclasses.asdict(failure.criterion) | {"youngs_MPa": failure.youngs},
            "load": self.elastic.solution.case.name,
            **self.elastic.as_dict(),
        }


@dataclass(frozen=True, repr=False)
class YieldStrength(Report):
    """The apparent curve of a bone up to its 0.2 % offset yield; signed as the load, compression negative."""

    elastic: BoneSolution
    """At the first point of the curve."""
    curve: YieldCurve
    tissue: Tissue

    @property
    def bone(self) -> Specimen:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.elastic.bone

    @property
    def failure_load(self) -> float:
        """N, where the curve meets the elastic line moved by a strain of 0.2 %."""
        return self.curve.failure_load

    @property
    def yielded_share(self) -> float:
        """Part of the bone beyond its yield strain at failure."""
        return float(np.interp(abs(self.curve.failure_strain), abs(self.curve.strain), self.curve.yielded))

    @property
    def converged(self) -> bool:
        """Whether every solve, and the softening at every point, converged."""
        return self.curve.converged

    @property
    def title(self) -> str:
        return f"Strength of {self.elastic.title}"

    @property
    def trouble(self) -> str:
        return "" if self.converged else "a solve on the way did not converge: allow more iterations"

    @property
    def rows(self) -> tuple[Row, ...]:
        criterion = (
            f"0.2 % offset; tissue yields at {self.tissue.tension:g} pulled, {self.tissue.compression:g} pressed"
        )
        return (
            ("failure load", self.failure_load, None, "N", criterion),
            ("failure strain", self.curve.failure_strain, None, "", "apparent strain at that load"),
            ("yielded", self.yielded_share, None, "", "part of the bone beyond its yield strain by then"),
            *(row for row in self.elastic.rows if row[0] in ("stiffness", "apparent modulus", "BV/TV", "residual")),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values by the names of the command line's JSON."""
        curve, elastic = self.curve, self.elastic
        tissue = {"youngs_MPa": elastic.youngs, "poisson": elastic.solution.mesh.poisson}
        return {
            "method": "nonlinear",
            "failure_load_N": curve.failure_load,
            "failure_strain": curve.failure_strain,
            "yielded_share": self.yielded_share,
            "curve": {"strain": curve.strain, "force_N": curve.force, "yielded_share": curve.yielded},
            "linear_solves": curve.solves,
            "tissue": dataclasses.asdict(self.tissue) | tissue,
            "load": elastic.solution.case.name,
            **elastic.as_dict(),
        }


Strength = CriterionStrength | YieldStrength


def strength(
    bone: Bone,
    method: Method = "pistoia",
    load: LoadCase = COMPRESSION,
    *,
    critical_volume: float | None = None,
    critical_strain: float | None = None,
    youngs: float | None = None,
    poisson: float | None = None,
    profile: Profile | str | None = None,
    rtol: float = 1e-6,
    max_iterations: int = 300,
    spacing: object = None,
    threshold: float | None = None,
    crop: int | None = None,
    clean: bool = True,
    **more: Unpack[MoreReading],
) -> Strength:
    """Failure load of a bone.

    - `method` "pistoia": where `critical_volume` of the tissue is strained beyond `critical_strain` in a linear solve
      (0.02 and 0.007 if left out; Pistoia et al., Bone 30:842, 2002; the force does not depend on how far `load` goes);
      "nonlinear": the 0.2 % offset yield of the whole, with tissue that softens beyond its yield strains, by some tens
      of linear solves; of `load` only kind and sign count
    - `profile`: modulus, Poisson's ratio, volume and strain as they were calibrated together for a scanner, "xtremect1"
      or "xtremect2"; none of the four goes beside it. The nonlinear method takes the first two of them
    - all else as for `solve.solve`

    **Raises:** `UserError` for a bone or a value that cannot be used, and where nothing yields by a strain of 3 %.
    """
    for name, value in (("critical_volume", critical_volume), ("critical_strain", critical_strain)):
        if value is not None and not 0 < value < 1:
            raise UserError(f"{name} = {value:g}: give a number between 0 and 1")
        if value is not None and method == "nonlinear":
            raise UserError(f"{name} = {value:g}: it belongs to the method pistoia; leave it out for nonlinear")
    criterion = choose_criterion(profile, youngs, poisson, critical_volume, critical_strain)
    options: dict[str, Any] = {"rtol": rtol, "max_iterations": max_iterations}
    if method == "nonlinear":
        tissue, options["poisson"] = choose_tissue(profile, youngs, poisson)
        check_solver_options(tissue, **options)
        check_strain(load)
        specimen = prepare(bone, clean, spacing=spacing, threshold=threshold, crop=crop, **more)
        check_one_modulus(specimen, youngs, profile)
        require_memory_for(specimen, solutions=2)
        return _nonlinear(specimen, load, tissue, options)
    if method != "pistoia":
        raise UserError(f"method = {method}: give pistoia or nonlinear")
    reading: dict[str, Any] = {"spacing": spacing, "threshold": threshold, "crop": crop, "clean": clean, **more}
    elastic = solve(bone, load, youngs=youngs, poisson=poisson, profile=profile, **options, **reading)
    # Where moduli differ between voxels, they no longer say how much of a voxel is bone.
    share = None if elastic.bone.modulus is None else elastic.bone.fill
    return CriterionStrength(elastic, criteria.pistoia(elastic.solution, criterion, share))


def choose_criterion(
    profile: Profile | str | None,
    youngs: float | None,
    poisson: float | None,
    volume: float | None,
    strain: float | None,
) -> Criterion:
    """Pistoia's criterion of a profile, or as given; UserError for a profile beside any of the four numbers."""
    given = {"youngs": youngs, "poisson": poisson, "critical_volume": volume, "critical_strain": strain}
    found, criterion = find_profile(profile, **given), criteria.PISTOIA_2002
    if found is not None:
        volume, strain = found.pistoia_volume, found.pistoia_strain
    chosen = (criterion.volume if volume is None else volume, criterion.strain if strain is None else strain)
    if chosen == (criterion.volume, criterion.strain):
        return criterion
    return dataclasses.replace(criterion, name="Pistoia", volume=chosen[0], strain=chosen[1])


def _nonlinear(bone: Specimen, load: LoadCase, youngs: float, options: dict[str, Any]) -> YieldStrength:
    tissue = Tissue()
    compressive = math.copysign(1, load.travel(bone.shape, bone.spacing)) < 0
    modulus = tissue_moduli(bone, youngs)
    curve = yielding.strength(modulus, bone.spacing, load.at, tissue=tissue, compressive=compressive, **options)
    return YieldStrength(BoneSolution(bone, curve.elastic, largest_modulus(bone, youngs), device_name()), curve, tissue)
