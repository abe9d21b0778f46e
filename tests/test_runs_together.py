"""The runs of a batch with their bones solved as one mesh: each has the numbers that it has alone."""

from collections.abc import Sequence

import numpy as np
import pytest

from plates import WOMAN, bone
from trabfem.remodelling import together
from trabfem.runs import runner
from trabfem.runs.arm import as_arms
from trabfem.runs.plan import Plan
from trabfem.runs.runner import Bone, Run, make_batches, march, prepare_runs

ARMS = {"Untreated": "", "Oestrogen": "estrogen 0-12; disuse 0.7 1-2"}
COLUMNS = ("BV/TV", "failure load (N)", "stiffness (N/mm)", "SED mean (MPa)")


@pytest.fixture(scope="module")
def study() -> Bone:
    return Bone.of(Plan(bone(n=14), WOMAN, as_arms(ARMS), members=2, years=0.25, months_per_step=1.0, seed=3))


def run_together(study: Bone, chosen: Sequence[int]) -> list[Run]:
    batch = [one for batch in make_batches(study.plan, 1) for one in batch]
    runs = prepare_runs([batch[number] for number in chosen], study, {}, resume=False)
    march(runs, together=True)
    return runs


@pytest.fixture(scope="module")
def runs(study: Bone) -> list[Run]:
    return run_together(study, range(4))


def compare_rows(one: Run, two: Run, tolerance: float) -> None:
    assert len(one.rows) == len(two.rows) == 4 and not one.trouble and not one.ended
    for a, b in zip(one.rows, two.rows, strict=True):
        compared = [name for name in COLUMNS if name in a]
        assert len(compared) >= 2
        for name in compared:
            assert a[name] == pytest.approx(b[name], rel=tolerance)


@pytest.mark.parametrize("number", range(4))
def test_a_run_has_the_numbers_that_it_has_alone(study: Bone, runs: list[Run], number: int) -> None:
    [alone] = run_together(study, [number])
    compare_rows(runs[number], alone, 1e-6)
    assert [row["iterations"] for row in runs[number].rows] == [row["iterations"] for row in alone.rows]
    assert np.abs(np.asarray(runs[number].state.phi) - np.asarray(alone.state.phi)).max() < 1e-6


def test_runs_in_turn_have_the_same_numbers(study: Bone, runs: list[Run]) -> None:
    batch = [one for batch in make_batches(study.plan, 1) for one in batch]
    in_turn = prepare_runs(batch, study, {}, resume=False)
    march(in_turn, together=False)
    for one, two in zip(runs, in_turn, strict=True):
        compare_rows(one, two, 1e-5)
        assert one.timing["solve"] > 0 and one.timing["set-up"] > 0 and one.timing["surface"] > 0


def test_a_run_that_has_ended_leaves_the_others_as_they_are(study: Bone, runs: list[Run]) -> None:
    batch = [one for batch in make_batches(study.plan, 1) for one in batch]
    fewer = prepare_runs(batch, study, {}, resume=False)

    def stop_one(all_runs: Sequence[Run]) -> None:
        if all_runs[1].state.step == 1:
            all_runs[1].ended = "stopped here"

    march(fewer, after_month=stop_one, together=True)
    assert len(fewer[1].rows) == 2
    for number in (0, 2, 3):
        compare_rows(fewer[number], runs[number], 1e-6)


def test_one_process_has_all_runs_in_a_batch_where_that_pays(study: Bone, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not together.pays_together() and len(make_batches(study.plan, 1)) == 2
    monkeypatch.setattr(runner, "pays_together", lambda: True)
    [batch] = make_batches(study.plan, 1)
    assert len(batch) == 4
    assert len(make_batches(study.plan, 2)) == 2
    assert all(len(batch) == 1 for batch in make_batches(study.plan, None))
