"""Damaged files of every family end in values or in one sentence: no crash, no hang, no code run, bounded memory."""

import pytest

pytest.importorskip("resource", reason="memory and time are limited by what only Unix has")

from fuzzing import FAMILIES, MEMORY, run_family  # noqa: E402

NEEDED = {"vtk": "pyvista", "medical": "SimpleITK"}


def check(family: str, count: int, folder) -> None:
    found, bad = run_family(family, count, folder)
    assert bad == []
    assert found["read"] + found["refused"] == count
    assert found["refused"] > count / 10 and found["read"] > 0
    assert found["peak kB"] * 1024 < MEMORY / 4
    assert not (folder / "code-was-run").exists()


@pytest.mark.parametrize("family", list(FAMILIES))
def test_some_damaged_files(family, tmp_path) -> None:
    pytest.importorskip(NEEDED.get(family, "numpy"))
    check(family, 60, tmp_path / family)


@pytest.mark.slow
@pytest.mark.parametrize("family", list(FAMILIES))
def test_many_damaged_files(family, tmp_path) -> None:
    pytest.importorskip(NEEDED.get(family, "numpy"))
    check(family, 20_000, tmp_path / family)
