"""A study cut short at a random moment, in every way in which it can be: what is finished stays, and the rest goes on.

In one process, since a fault costs a tenth of a process that starts. `pytest -m slow -n 0 tests/test_runs_faults.py`
injects 200 faults, eight of them signals to a process; without `-m slow` it is a sample.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import trabfem as tf
from faults import NO_SPACE, Disk, Kill, inside, watch
from plates import bone, carry_out
from trabfem.errors import UserError
from trabfem.remodelling.model import Model, State
from trabfem.remodelling.saved import take_apart
from trabfem.remodelling.settings import Settings, smooth_settings
from trabfem.remodelling.start import add_initial_pits
from trabfem.runs import compare, files, runner
from trabfem.runs.compare import resume
from trabfem.runs.members import make_members
from trabfem.runs.plan import Plan
from trabfem.runs.resuming import read_start, write_start
from trabfem.runs.runner import Bone

ARMS = {"Untreated": "", "Denosumab": "denosumab 0-6; disuse 0.8 4-8"}
ASKED: dict[str, Any] = {"years": 0.4, "months_per_step": 1.6, "seed": 3, "n": 12}
SETTINGS = {"smooth": smooth_settings(), "BMUs": Settings()}
CHANGES: tuple[dict[str, Any], ...] = (
    {"arms": ARMS | {"Denosumab": "alendronate 0-6"}},
    {"seed": 4},
    {"months_per_step": 1.2},
    {"settings": smooth_settings(apparent_stress=0.7)},
    {"n": 13},
)
SLOW, SAMPLE = 192, 10


def asked(kind: str, **changed: Any) -> dict[str, Any]:
    return {"arms": ARMS, **ASKED, "settings": SETTINGS[kind], **changed}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the locks, which are empty."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def complete(folder: Path) -> dict[str, bytes]:
    """The months that count as finished: those up to the state of their run."""
    found = {}
    for state in folder.rglob("state.h5"):
        months = list(files.month_files(state.parent).values())[: files.read_state(state)[1]["step"] + 1]
        found |= {str(month.relative_to(folder)): month.read_bytes() for month in months}
    return found


def facts_of(path: Path) -> dict[str, Any]:
    facts = files.read_state(path)[1]
    for solution in facts["solutions"]:
        del solution["setup_s"], solution["solve_s"]
    return facts


def header_of(folder: Path) -> dict[str, Any]:
    header = json.loads((folder / "run.json").read_text())
    del header["timing_s"], header["notes"][-1]
    return header


def assert_same_study(one: Path, two: Path) -> None:
    """All that both folders hold, except for seconds spent."""
    a, b = contents(one), contents(two)
    assert a.keys() == b.keys()
    for name in a:
        if name.endswith(".h5"):
            x, y = inside(one / name), inside(two / name)
            differ = [key for key in x if x[key] != y.get(key) and key != "facts"]
            assert x.keys() == y.keys() and not differ, f"{name}: {differ}"
        elif name != "run.json":
            assert a[name] == b[name], name
        if name.endswith("state.h5"):
            assert facts_of(one / name) == facts_of(two / name), name
    assert header_of(one) == header_of(two)


def assert_one_sentence(error: UserError) -> None:
    assert "\n" not in str(error) and 20 < len(str(error)) < 400


def assert_readable(folder: Path) -> None:
    """The study opens, or says in a sentence why not; every month that is there can be read."""
    try:
        study = tf.open(folder)
    except UserError as error:
        assert_one_sentence(error)
        return
    for arm in study:
        assert all(arm.bone(month).shape == study.shape for month in arm.months)
        assert all(len(values) == len(arm.table["month"]) for values in arm.table.values())


def assert_refused(attempt: Callable[[], object], folder: Path, said: str = ".") -> None:
    before = contents(folder)
    with pytest.raises(UserError, match=said) as caught:
        attempt()
    assert_one_sentence(caught.value)
    assert contents(folder) == before


def digest(state: State, given: Mapping[str, Any], *others: object) -> str:
    """Hash of all that a step depends on, to the last bit."""
    arrays, facts = take_apart(state)
    for solution in facts["solutions"]:
        del solution["setup_s"], solution["solve_s"]
    found = hashlib.sha256(json.dumps(facts, sort_keys=True).encode() + repr(others).encode())
    for name, value in sorted({**arrays, **given}.items()):
        found.update(name.encode() + (np.asarray(value).tobytes() if hasattr(value, "shape") else repr(value).encode()))
    return found.hexdigest()


class Memory:
    """Remembers what follows from a state, so that it is computed once: a state that differs in a bit is a miss."""

    def __init__(self) -> None:
        self.known: dict[str, State] = {}
        self.misses = 0

    def of(self, function: Callable[..., State]) -> Callable[..., State]:
        def remembered(state: State, model: Model, forcing: Any, *timing: Any) -> State:
            given = vars(forcing)
            if function is add_initial_pits:  # the arms of a member share them
                given = {name: given[name] for name in ("frequency_before", "depth_before")}
            key = digest(state, given, function.__name__, model.seed, model.settings)
            if key not in self.known:
                self.misses += 1
                self.known[key] = function(state, model, forcing, *timing)
            return self.known[key]

        return remembered


@pytest.fixture
def memory() -> Iterator[Memory]:
    """Steps are computed once, and so is the bone of month 0, which is the same for every study of a plan."""
    memory, bones = Memory(), {}

    def of(plan: Plan, folder: Path | None = None) -> Bone:
        key = " ".join(plan.mark(arm, make_members(plan.seed, plan.members)[0]) for arm in plan.arms)
        if key not in bones:
            bones[key] = Bone.of(plan)
        model, start = bones[key].model, bones[key].start
        if folder is not None and read_start(folder, model, plan.specimen) is None:
            write_start(folder, start, model, plan.specimen)
        return Bone(plan, model, start)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "Bone", type("Known", (), {"of": staticmethod(of)}))
        for name in ("step", "add_initial_pits", "load_for_first_step"):
            patch.setattr(runner, name, memory.of(getattr(runner, name)))
        yield memory


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int]]:
    """Studies that nothing happened to, and how many operations they did to the disk."""
    found = {}
    for kind in SETTINGS:
        out = tmp_path_factory.mktemp("whole") / kind
        with watch(Disk(out, 0, Disk.kill, random.Random(0))) as disk:
            carry_out(out=out, **asked(kind))
        found[kind] = out, disk.count
    return found


def go_on(kind: str, folder: Path) -> None:
    """From the folder alone; where not even run.json stood, with everything said again."""
    if (folder / "run.json").exists():
        resume(folder, progress=False)
    else:
        assert not complete(folder)
        assert_refused(lambda: resume(folder, progress=False), folder)
        carry_out(out=folder, resuming=True, **asked(kind))


def cut(
    folder: Path, at: int, event: Callable[[Disk], None], chance: random.Random, work: Callable[[], object]
) -> Disk:
    """Carry out `work` with a fault; UserErrors of it are looked at."""
    with watch(Disk(folder, at, event, chance)) as disk:
        try:
            work()
        except (Kill, KeyboardInterrupt):
            pass
        except UserError as error:
            assert_one_sentence(error)
            assert "No space left" in str(error)
    return disk


def once_full(disk: Disk) -> None:
    """No space for one file alone; removing one needs none."""
    if not disk.doing.startswith("unlink"):
        raise NO_SPACE


def interrupt(_: Disk) -> None:
    raise KeyboardInterrupt


def jump(patch: pytest.MonkeyPatch, chance: random.Random) -> None:
    """The clock of the wall jumps by years, either way; that of the machine forwards, as after a sleep."""
    days, real, steady, counter = chance.uniform(-4000, 4000), time.time, time.monotonic, time.perf_counter
    patch.setattr(time, "time", lambda: real() + 86400 * days)
    patch.setattr(time, "monotonic", lambda: steady() + 86400 * abs(days))
    patch.setattr(time, "perf_counter", lambda: counter() + 86400 * abs(days))


def second(disk: Disk) -> None:
    """Another process reads the folder, and tries to go on with it."""
    assert_readable(disk.folder)
    if (disk.folder / "run.json").exists() and (disk.folder / "specimen.h5").exists():
        assert_refused(lambda: resume(disk.folder, progress=False), disk.folder, "another process")


def older(folder: Path, chance: random.Random) -> None:
    """The folder says that another version has written it: refused, and left so."""
    states = sorted(folder.rglob("state.h5"))
    if chance.random() < 0.5 or not states:
        known = (folder / "run.json").read_text()
        (folder / "run.json").write_text(json.dumps(json.loads(known) | {"format": 2}))
        assert_refused(lambda: tf.open(folder), folder, "another version of trabfem")
        assert_refused(lambda: resume(folder, progress=False), folder, "another version of trabfem")
        (folder / "run.json").write_text(known)
        return
    state, known = (path := chance.choice(states)), path.read_bytes()
    with h5py.File(state, "r+") as file:
        file.attrs["format"] = 2
    assert_refused(lambda: resume(folder, progress=False), folder, "another version of trabfem")
    state.write_bytes(known)


def inject(way: str, kind: str, out: Path, operations: int, chance: random.Random) -> None:
    """One fault at a random operation, and the study gone on with."""
    at = chance.randint(1, operations)

    def start() -> None:
        carry_out(out=out, **asked(kind))

    events: dict[str, Callable[[Disk], None]] = {
        "full": Disk.fill, "full for a moment": once_full, "interrupt": interrupt, "second process": second,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        events["clock"] = lambda _: jump(patch, chance)
        cut(out, at, events.get(way, Disk.kill), chance, start)
    if way in ("second process", "clock"):
        return
    kept = complete(out)
    assert_readable(out)
    begun = (out / "run.json").exists() and any(out.rglob("state.h5"))
    if way == "changed" and begun:
        change = chance.choice(CHANGES)
        assert_refused(lambda: carry_out(out=out, resuming=True, **asked(kind, **change)), out)
    if way == "older" and begun:
        older(out, chance)
    while way == "again and again" and chance.random() < 0.7:
        cut(out, chance.randint(1, operations), Disk.kill, chance, lambda: go_on(kind, out))
        assert_readable(out)
    go_on(kind, out)
    now = contents(out)
    assert all(now[name] == data for name, data in kept.items())


WAYS = (
    "kill", "full", "full for a moment", "interrupt", "second process", "clock", "changed", "older", "again and again",
)  # fmt: skip


@pytest.mark.parametrize("count", [SAMPLE, pytest.param(SLOW, marks=pytest.mark.slow)])
def test_a_fault_at_any_moment(count: int, tmp_path: Path, whole: dict[str, tuple[Path, int]], memory: Memory) -> None:
    """Whatever happened, and whenever: the study ends as the one to which nothing happened.

    Nothing is computed twice, so that every state read from a folder has to be the one that was left, to the bit; every
    tenth study is computed in full.
    """
    failed = []
    for kind in SETTINGS:
        carry_out(**asked(kind))
    for number in range(count):
        chance = random.Random(f"{count} {number}")
        way, kind = WAYS[number % len(WAYS)], ("smooth", "BMUs")[number // len(WAYS) % 2]
        out, (reference, operations) = tmp_path / str(number), whole[kind]
        known, misses = dict(memory.known), memory.misses
        if in_full := number % 10 == 9:
            memory.known.clear()
        try:
            inject(way, kind, out, operations, chance)
            assert_same_study(reference, out)
            assert in_full or memory.misses == misses, "a state that was read differs from the one that was written"
        except Exception as error:
            failed.append(f"{number}, {way}, {kind}: {type(error).__name__}: {str(error)[:300]}")
        memory.known |= known
    assert not failed, f"{len(failed)} of {count}: " + "\n".join(failed)


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_finished_study_is_left_as_it_is(kind: str, whole: dict[str, tuple[Path, int]]) -> None:
    out, _ = whole[kind]
    for change in (*CHANGES, {"years": 0.3}):
        assert_refused(lambda: carry_out(out=out, resuming=True, **asked(kind, **change)), out)  # noqa: B023
    assert_refused(lambda: carry_out(out=out, **asked(kind)), out, "is not empty")
    before = complete(out)
    resume(out, progress=False)
    assert complete(out) == before
    assert bone(n=12).shape == tf.open(out).shape
