"""Months that are written while the next ones are computed."""

import threading

import numpy as np
import pytest

import trabfem as tf
from trabfem.runs import runner, saving
from trabfem.runs.saving import Writer


def test_an_overlapped_writer_keeps_the_order_and_does_not_wait():
    go, written = threading.Event(), []

    def wait() -> None:
        go.wait(10)
        written.append(0)

    with Writer(overlapped=True) as writer:
        writer(wait)
        for number in range(1, 4):
            writer(lambda number=number: written.append(number))
        assert written == []
        go.set()
    assert written == [0, 1, 2, 3]


def test_a_writer_that_is_not_overlapped_writes_at_once():
    written = []
    with Writer(overlapped=False) as writer:
        writer(lambda: written.append(1))
        assert written == [1]


def test_an_error_of_writing_is_raised():
    def full() -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"), Writer(overlapped=True) as writer:
        writer(full)
        writer.finish()
    with pytest.raises(OSError, match="no space"), Writer(overlapped=True) as writer:
        writer(full)


def test_an_error_of_computing_goes_first_and_what_was_given_is_written():
    written = []

    def full() -> None:
        written.append(1)
        raise OSError("no space left")

    with pytest.raises(ZeroDivisionError), Writer(overlapped=True) as writer:
        writer(full)
        raise ZeroDivisionError
    assert written == [1]


def test_not_too_many_months_wait_in_memory(monkeypatch):
    monkeypatch.setattr(saving, "MOST_WAITING", 2)
    waiting, most = [], []

    def write() -> None:
        most.append(len(waiting))
        waiting.pop()

    with Writer(overlapped=True) as writer:
        for number in range(6):
            waiting.append(number)
            writer(write)
    assert max(most) <= 4


def test_a_run_written_beside_computing_is_the_same(monkeypatch, tmp_path):
    bone, woman = tf.generate("vertebra", 1, 24), tf.Patient("female", age=51, menopause_age=51)

    def simulate(name: str) -> tf.Study:
        return tf.simulate(bone, woman, "", years=0.25, members=1, workers=1, out=tmp_path / name)

    alone = simulate("alone")
    monkeypatch.setattr(runner, "Writer", lambda: Writer(overlapped=True))
    beside = simulate("beside")
    assert sorted(p.name for p in (tmp_path / "beside").rglob("*.h5")) == sorted(
        p.name for p in (tmp_path / "alone").rglob("*.h5")
    )
    for month in (0, 1, 2, 3):
        one, two = (study.arms[0].bone(month=month).fill for study in (alone, beside))
        np.testing.assert_array_equal(one, two)
