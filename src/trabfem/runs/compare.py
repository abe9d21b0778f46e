"""The public functions: compare arms on one bone, simulate one arm, resume a study."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trabfem.biology.patient import Patient
from trabfem.device import device_name, keep_compiled_programs
from trabfem.errors import UserError
from trabfem.memory import need_of_run, require_memory
from trabfem.remodelling.loading.estimation import adopt_estimated_loads
from trabfem.remodelling.settings import Settings
from trabfem.remodelling.timing import add_timings, describe_timing
from trabfem.schedule import Schedule
from trabfem.schedule.writing import last_month
from trabfem.specimen import Specimen, as_specimen, keep_load_path
from trabfem.specimen.resampling import resample_to_cubes

from . import files, store, summary
from .arm import Arm, as_arms
from .columns import COMPARED
from .defaults import MEMBERS
from .plan import Plan, plan_from_table
from .pool import carry_out_all
from .processes import choose_workers
from .progress import Progress, open_progress
from .resuming import go_on, read_known_header, require_same
from .runner import Batch, Bone, Run, make_batches, read_known_rows
from .store import Key, RunFolder, Store
from .study import Study, make_study
from .trajectory import Trajectory
from .versions import versions

PRECISION = "float32 inside, float64 residual and displacement"
DEFAULTS = Settings()


def compare(
    bone: Any,
    patient: Patient,
    arms: Mapping[str, str | Schedule] | Sequence[Arm],
    *,
    years: float = 5.0,
    months_per_step: float = 1.0,
    members: int = MEMBERS,
    seed: int = 1,
    settings: Settings = DEFAULTS,
    load: Literal["axial", "estimated"] = "axial",
    out: str | Path | None = None,
    workers: int | None = None,
    client: Any = None,
    progress: Progress | bool = True,
    name: str = "",
    **reading: Any,
) -> Study:
    """Bone over years under several schedules (arms), from the same specimen and patient.

    - `bone`: a `Specimen`, a path, the name of a shipped specimen, or an array (x, y, z) with `spacing=` (mm);
      `reading` (`spacing`, `threshold`, `crop`) as in `read`. Bone that bears no load is removed, with a note
    - `arms`: name → schedule, such as `{"Untreated": "", "Denosumab": "denosumab 0-60"}`; the others are
      compared with the first
    - `years`: duration; `months_per_step`: length of a step
    - `members`: number of runs of every arm, each with its own seed and draw of the cell model's parameters. With
      several the study shows means with bands (see `runs.statistics`), and each arm's gain over the first one member by
      member, with a word on whether chance explains it
    - `load`: compression by `settings.apparent_stress` along z, or "estimated": the mixture of loads that loads the
      surface of this bone most evenly (Christen et al. 2012)
    - `out`: folder to write, new or empty; without it the bones of the first and last month are kept in memory
    - `workers`: number of processes of this machine; by default one for each core if the study is worth it
    - `client`: a `dask.distributed.Client`, whose workers take the place of processes (or another executor of
      `concurrent.futures`); with `out` they all have to see that folder
    - `progress`: True shows a bar, False nothing, or give a callback
    - `name`: title; of the patient and the arms if left out

    After Ctrl-C, `resume` continues from the folder. **Raises:** `UserError` for anything that cannot be run.
    """
    plan = make_plan(
        as_specimen(bone, **reading), patient, as_arms(arms), years=years, months_per_step=months_per_step,
        members=members, seed=seed, settings=settings, load=load, name=name,
    )  # fmt: skip
    return run(plan, out, workers=workers, client=client, progress=progress)


def make_plan(
    specimen: Specimen,
    patient: Patient,
    arms: Sequence[Arm],
    *,
    settings: Settings = DEFAULTS,
    load: Literal["axial", "estimated"] = "axial",
    **numbers: Any,
) -> Plan:
    """The plan for the load-bearing part of `specimen`; `load` "estimated" estimates the loads from it."""
    plan = Plan(prepare_bone(specimen), patient, tuple(arms), settings=settings, **numbers)
    if load == "axial":
        return plan
    keep_compiled_programs()
    specimen, settings = adopt_estimated_loads(plan.specimen, settings)
    return dataclasses.replace(plan, specimen=specimen, settings=settings)


def prepare_bone(specimen: Specimen) -> Specimen:
    """What remodelling takes of a specimen: its load-bearing part, on cubes, with one modulus for all tissue."""
    specimen = resample_to_cubes(specimen)
    if specimen.modulus is not None:
        note = "Remodelling has one modulus for all tissue: the moduli of the specimen are left out."
        specimen = dataclasses.replace(specimen, modulus=None, notes=(*specimen.notes, note))
    return keep_load_path(specimen)


def simulate(bone: Any, patient: Patient, schedule: str | Schedule = "", **options: Any) -> Study:
    """One arm of `compare`, with the same options."""
    text = str(schedule)
    options = {"name": f"Simulation, {text or 'untreated'}"} | options
    return compare(bone, patient, {text or "Untreated": schedule}, **options)


def resume(
    folder: str | Path,
    *,
    years: float | None = None,
    members: int | None = None,
    workers: int | None = None,
    client: Any = None,
    progress: Progress | bool = True,
) -> Study:
    """Continue the study in `folder`, every run from its last month; all options are read from the folder.

    `years` and `members` may be larger than before. **Raises:** `UserError` where the folder is no study, is being
    written by another process, or has runs beyond `years` already; the folder is not changed then.
    """
    folder = Path(folder)
    header = store.read_header(folder)
    step = header["months_per_step"]
    if years is not None and last_month(years) < step:
        raise UserError(f"years = {years:g}: the study in {folder} goes in steps of {step:g} months; give more")
    changed = {"years": years, "members": members}
    table = {**header, **{key: value for key, value in changed.items() if value is not None}}
    plan = plan_from_table(table, store.read_specimen(folder))
    return run(plan, folder, resuming=True, workers=workers, client=client, progress=progress)


def run(
    plan: Plan,
    out: str | Path | None = None,
    *,
    resuming: bool = False,
    workers: int | None = None,
    client: Any = None,
    progress: Progress | bool = True,
    order: Sequence[int] | None = None,
) -> Study:
    """Carry out a plan. `workers` None: see `choose_workers`. `order` of the members has no effect on results."""
    if workers is not None and workers < 1:
        raise UserError(f"workers = {workers}: give at least 1")
    keep_compiled_programs()
    if out is None:
        return _run(plan, None, resuming, workers, client, progress, order)
    with files.lock_folder(Path(out)):
        return _run(plan, Path(out), resuming, workers, client, progress, order)


def _run(
    plan: Plan,
    out: Path | None,
    resuming: bool,
    workers: int | None,
    client: Any,
    progress: Progress | bool,
    order: Sequence[int] | None,
) -> Study:
    require_memory(need_of_run(plan.specimen.fill.size))
    workers = choose_workers(plan) if workers is None else workers
    work = make_batches(plan, workers if client is None else None, order)
    plan, written, folders = (plan, None, {}) if out is None else begin_writing(out, plan, work, resuming)
    header = describe(plan) if written is None else written.header
    began = time.perf_counter()
    bone = Bone.of(plan, out)
    shared = time.perf_counter() - began

    def record(runs: Sequence[Run]) -> None:
        if written is not None:
            written.record({(run.arm.slug, run.member.number): run.rows for run in runs})

    done: dict[str, dict[int, Trajectory]] = {arm.slug: {} for arm in plan.arms}
    with open_progress(progress) as callback:
        for found in carry_out_all(
            plan, work, folders, bone=bone, workers=workers, client=client, resume=resuming, progress=callback,
            after_month=record,
        ):  # fmt: skip
            for arm, member, trajectory in found:
                done[arm.slug][member.number] = trajectory
            if written is not None:
                written.finish(done, report(plan, bone, done, shared))
    header |= report(plan, bone, done, shared) | store.summaries(header["arms"], done)
    return make_study(header, done, out)


def begin_writing(
    out: Path, plan: Plan, work: Sequence[Batch], resuming: bool
) -> tuple[Plan, Store, dict[Key, RunFolder]]:
    """The plan with the months of what is in `out` already, the writer, and the folder of every run.

    Nothing is written before it is sure that the plan can be carried out there.
    """
    known = read_known_header(out) if resuming else {}
    require_same(known, plan, out)
    folders = {
        (arm.slug, member.number): RunFolder(out / arm.slug / member.folder, plan.mark(arm, member))
        for batch in work
        for arm, member in batch
    }
    rows = read_known_rows(plan, folders) if resuming else {}
    plan = go_on(plan, known, rows)
    written = Store(out, describe(plan))
    written.rows = rows
    written.begin(plan.specimen, resuming)
    return plan, written, folders


def describe(plan: Plan) -> dict[str, Any]:
    """The content of run.json before there are results."""
    return plan.table() | {
        "kind": store.KIND,
        "format": files.FORMAT,
        "understood": plan.describe_schedules(),
        "specimen": plan.specimen.name,
        **plan.specimen.place.as_dict(),
        "shape": list(plan.specimen.shape),
        "columns": store.column_table(),
        "statistics": summary.definitions(plan.members),
        "versions": versions(),
        "device": device_name(),
        "precision": PRECISION,
        "notes": list(plan.specimen.notes),
    }


def report(plan: Plan, bone: Bone, done: Mapping[str, Mapping[int, Trajectory]], shared: float) -> dict[str, Any]:
    """The content of run.json that depends on results: notes, the scan, time spent, and which members are done."""
    runs = [run for each in done.values() for _, run in sorted(each.items())]
    timing = add_timings([{"start": shared}, *(run.timing for run in runs)])
    scan = describe_scan(bone)
    spent = describe_timing(timing, [run.table for run in runs])
    members = [{"number": n, "done": all(n in each for each in done.values())} for n in range(plan.members)]
    return {
        "notes": [*plan.specimen.notes, describe_month_zero(plan, scan, runs), *([spent] if spent else [])],
        "scan": scan,
        "timing_s": timing,
        "device": ", ".join(sorted({run.device for run in runs})),
        "members_done": members,
    }


def describe_scan(bone: Bone) -> dict[str, float]:
    """Bone volume, stiffness (N/mm) and strength (N) of the scan, before the initial pits."""
    state = bone.start
    stiffness = 0.0 if state.solution is None else abs(state.solution.stiffness)
    values = (float(np.asarray(state.fill).mean(dtype=float)), stiffness, state.failure_load)
    return dict(zip(COMPARED.values(), values, strict=True))


def describe_month_zero(plan: Plan, scan: Mapping[str, float], runs: Sequence[Trajectory]) -> str:
    """A sentence on the bone of month 0 and how its strength differs from that of the scan."""
    column = COMPARED["strength"]
    if plan.settings.bmus is None:
        return f"Month 0 is the scan itself: failure load {scan[column]:.4g} N."
    starts = sorted({float(f"{run.table[column][0]:.4g}") for run in runs})
    span = f"{starts[0]:.4g} N" if len(starts) == 1 else f"{starts[0]:.4g} to {starts[-1]:.4g} N over the members"
    return (
        "Month 0 is the scan after seven months in which BMUs dug and refilled pits in balance, as the pits of a scan "
        f"cannot be told from its shape: failure load {span}, of the scan itself {scan[column]:.4g} N."
    )
