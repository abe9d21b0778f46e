"""The run folder: run.json, timeseries.csv, and for each arm one file per month and the state to go on from."""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from trabfem.errors import UserError
from trabfem.mechanics.mesh import HexMesh, Lengths
from trabfem.mechanics.solve import Solution
from trabfem.specimen import Specimen

from . import checkpoint, load_history
from .bmu import Units
from .checkpoint import Rows
from .cost import added, in_words
from .coupling import Scene, State
from .loading import moduli

if TYPE_CHECKING:
    from .simulate import Trajectory

PACKAGES = ("trabfem", "jax", "numpy", "scipy", "equinox", "diffrax", "h5py")
PRECISION = "float32 inside, float64 residual and displacement"
COMPARED = {"BV/TV": "BV/TV", "stiffness": "stiffness (N/mm)", "strength": "failure load (N)"}
STATE_ARRAYS = ("phi", "fill", "energy", "reference")
STATE_NUMBERS = ("step", "background", "removed", "disconnected", "resorbed", "young_start", "failure_load")
UNITS = "unit_"
DISPLACEMENT = "displacement_"
SOLUTION_FACTS = (
    "reaction_force stiffness apparent_modulus energy iterations fine_applications relative_residual energy_error "
    "converged setup_s solve_s"
).split()


@dataclass(frozen=True)
class Arm:
    """A name for people, its folder, and its schedule as text."""

    name: str
    slug: str
    schedule: str


@dataclass
class RunFolder:
    """Where a run of one or several arms stands on disk; `config` is what it was asked to do."""

    path: Path
    kind: str
    name: str
    arms: Sequence[Arm]
    specimen: Specimen
    seed: int
    config: Mapping[str, Any]
    rows: dict[str, Rows] = field(default_factory=dict)

    def open(self) -> None:
        """Write run.json as far as it is known, so that an unfinished run can be read; sweep up after a kill.

        UserError where another kind of run is there, which would be written over.
        """
        known = checkpoint.read_json(self.path / "run.json").get("kind", self.kind)
        if known != self.kind:
            raise UserError(
                f"{self.path} holds a run of kind {known!r}, not {self.kind!r}: repeat the options that it was started "
                "with, --ensemble as well, or give --out another folder"
            )
        for folder in (self.path, *(self.path / arm.slug for arm in self.arms)):
            checkpoint.sweep(folder)
        checkpoint.write_json(self.path / "run.json", self.header())

    def header(self) -> dict[str, Any]:
        """What run.json says before there are results."""
        return {
            "kind": self.kind,
            "name": self.name,
            "arms": [dataclasses.asdict(arm) for arm in self.arms],
            "specimen": self.specimen.name,
            "notes": list(self.specimen.notes),
            "spacing_mm": list(self.specimen.spacing),
            "shape": list(self.specimen.shape),
            "config": described(self.config),
            "versions": versions(),
            "device": jax.devices()[0].device_kind,
            "precision": PRECISION,
            "seed": self.seed,
        }

    def save(self, arm: Arm, state: State, rows: Rows, scene: Scene, mark: str) -> None:
        """One month: its fields, the table, and last the state that makes it count."""
        folder = self.path / arm.slug
        checkpoint.write_month(folder, rows[-1]["month"], state.fill, state.energy, scene.spacing, arm.name)
        self.rows[arm.slug] = rows
        table = [(known.name, known.slug, self.rows[known.slug]) for known in self.arms if known.slug in self.rows]
        checkpoint.write_table(self.path / "timeseries.csv", table)
        checkpoint.write_state(folder / "state.h5", arrays_of(state), facts_of(state) | {"rows": rows, "mark": mark})

    def load(self, arm: Arm, scene: Scene, mark: str) -> tuple[State | None, Rows]:
        """The last state that `save` wrote and its rows; nothing when there is none."""
        path = self.path / arm.slug / "state.h5"
        if not path.exists():
            return None, []
        arrays, facts = checkpoint.read_state(path)
        if facts["mark"] != mark:
            raise UserError(
                f"{path} belongs to a run with another specimen, patient, schedule, seed or settings: "
                "repeat the options it was started with, or give --out another folder"
            )
        self.rows[arm.slug] = facts["rows"]
        return state_of(arrays, facts, scene), facts["rows"]

    def close(self, done: Sequence["Trajectory"]) -> None:
        """Write run.json again with the change in each arm, the time spent, and how the arms ended."""
        arms = list(zip(self.arms, done, strict=True))
        timing = added([run.timing for run in done])
        spent = in_words(timing, [run.table for run in done])
        report = {
            "notes": [*self.specimen.notes, spent] if spent else list(self.specimen.notes),
            "timing_s": timing,
            "summary": {arm.slug: summary(run) for arm, run in arms},
            "trouble": {arm.slug: run.trouble for arm, run in arms if run.trouble},
            "ended": {arm.slug: run.ended for arm, run in arms if run.ended},
        }
        checkpoint.write_json(self.path / "run.json", self.header() | report)


def summary(run: "Trajectory") -> dict[str, float]:
    """Change (%) from the first to the last month of bone volume, stiffness and strength."""
    ends = {name: (run.table[column][0], run.table[column][-1]) for name, column in COMPARED.items()}
    return {f"{name}_change_%": 100 * (last / first - 1) for name, (first, last) in ends.items()}


def arrays_of(state: State) -> dict[str, np.ndarray]:
    """The state's arrays."""
    arrays = {name: getattr(state, name) for name in STATE_ARRAYS}
    arrays |= {f"{DISPLACEMENT}{n}": solution.displacement for n, solution in enumerate(state.solutions)}
    if state.young is not None:
        arrays["young"] = state.young
    if state.units is not None:
        arrays |= {UNITS + name: value for name, value in vars(state.units).items() if isinstance(value, np.ndarray)}
    return arrays


def facts_of(state: State) -> dict[str, Any]:
    """The state's numbers, and of its solution what a later start needs."""
    facts: dict[str, Any] = {name: getattr(state, name) for name in STATE_NUMBERS}
    if state.units is not None:
        facts["units"] = {name: value for name, value in vars(state.units).items() if not isinstance(value, np.ndarray)}
    facts["solutions"] = [{name: getattr(each, name) for name in SOLUTION_FACTS} for each in state.solutions]
    facts["lengths"] = [dataclasses.asdict(each.lengths) for each in state.solutions]
    return facts


def state_of(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], scene: Scene) -> State:
    """The state that `arrays_of` and `facts_of` took apart."""
    fields: dict[str, Any] = {name: arrays[name] for name in STATE_ARRAYS} | {
        name: facts[name] for name in STATE_NUMBERS
    }
    fields["young"] = arrays.get("young")
    if "units" in facts:
        of_units = {name.removeprefix(UNITS): value for name, value in arrays.items() if name.startswith(UNITS)}
        fields["units"] = Units(**of_units, **facts["units"])
    if facts["solutions"]:
        modulus = moduli(arrays["fill"], scene.settings, arrays.get("young"), facts["young_start"])
        # Array lengths are history, and a sum over a longer array may round otherwise: a resumed run keeps them.
        lengths = [Lengths(**each | {"levels": tuple(map(tuple, each["levels"]))}) for each in facts["lengths"]]
        mesh = HexMesh.from_voxels(modulus, scene.spacing, scene.settings.poisson, like=lengths[0])
        cases = load_history.cases(scene.settings.usual)
        parts = zip(cases, lengths, facts["solutions"], strict=True)
        fields["solutions"] = tuple(
            Solution(mesh, case, arrays[f"{DISPLACEMENT}{n}"], lengths=sizes, levels=(), **known)
            for n, (case, sizes, known) in enumerate(parts)
        )
    return State(**fields)


def fingerprint(specimen: Specimen, seed: int, config: Mapping[str, Any]) -> str:
    """A short digest of what a state belongs to."""
    digest = hashlib.sha256(specimen.fill.tobytes())
    digest.update(json.dumps([specimen.spacing, seed, described(config)], sort_keys=True).encode())
    return digest.hexdigest()[:16]


def described(value: Any) -> Any:
    """Plain values of a configuration: dataclasses as tables, functions by name."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: described(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): described(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    if callable(value):
        return getattr(value, "__name__", str(value))
    return checkpoint.plain(value)


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    known = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            known[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            known[package] = "not installed"
    return known
