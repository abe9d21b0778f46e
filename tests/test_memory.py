"""What work takes is said before it begins, and what does not fit is refused with the remedy."""

import logging
from pathlib import Path

import numpy as np
import pytest

from trabfem import memory
from trabfem.analysis.solve import solve
from trabfem.errors import UserError
from trabfem.mechanics.mesh import count_unknowns
from trabfem.specimen import from_mask


def column() -> np.ndarray:
    mask = np.zeros((8, 8, 8), bool)
    mask[2:6, 2:6, :] = True
    return mask


def test_unknowns_are_three_for_each_corner() -> None:
    assert count_unknowns(np.ones((2, 3, 4), bool)) == 3 * 3 * 4 * 5
    assert count_unknowns(column()) == 3 * 5 * 5 * 9


def test_what_does_not_fit_is_refused_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_device_memory", lambda: 1e6)
    with pytest.raises(UserError, match=r"the solve of 675 unknowns takes about 0\.3\d* GiB .* crop .*, coarsen"):
        solve(from_mask(column(), 0.05))


def test_much_is_said_and_little_is_not(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "trabfem.memory"):
        memory.require_memory(memory.Need("a solve", 1e9, 100e9))
        assert not caplog.messages
        memory.require_memory(memory.Need("a solve", 50 * 2.0**30, 100 * 2.0**30))
    assert caplog.messages == ["a solve takes about 50 GiB of memory, 100 GiB are free"]


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory._left_in_container() == float("inf")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._left_in_container() == float("inf")
    for name, text in (("max", "1000"), ("current", "900"), ("stat", "anon 500\ninactive_file 300\n")):
        (tmp_path / f"memory.{name}").write_text(f"{text}\n")
    assert memory._left_in_container() == 400
    assert memory.free_memory() == 400


def test_more_bones_and_solutions_need_more() -> None:
    one, six = (memory.need_of_solve(1_000_000, 2_000_000, solutions=n).needed for n in (1, 6))
    assert six - one == 5 * 24e6
    assert memory.need_of_run(64**3).needed < memory.need_of_run(128**3).needed
