"""The twelve lines of the README, on a bone in hand, a file and an array; and what the public names are."""

from pathlib import Path

import numpy as np
import pytest

import trabfem as tf
from plates import bone


def test_the_lines_of_the_readme(tmp_path: Path) -> None:
    scan = tmp_path / "scan.npz"
    bone(n=16).save(scan)
    specimen = tf.read(scan)
    assert 0.1 < tf.morphometry(specimen)["BV/TV"] < 0.5
    solution = tf.solve(specimen, tf.platens(strain=-0.01))
    assert solution.apparent_modulus > 0 and solution.energy_error < 1e-3
    assert solution.fields()["von_mises"].shape == specimen.shape
    solution.save(tmp_path / "fields.vti")
    assert tf.strength(specimen).failure_load != 0
    assert tf.homogenize(specimen, bc="pmubc").stiffness.shape == (6, 6)
    woman = tf.Patient("female", age=50, menopause_age=51)
    arms = {"Untreated": "", "Denosumab": "denosumab 0-60"}
    study = tf.compare(
        specimen, woman, arms, years=0.5, months_per_step=3, members=2, out=tmp_path / "study", progress=False
    )
    assert len(study.table) == 6 and study["Denosumab"].bone(month=6).shape == specimen.shape
    again = tf.open(tmp_path / "study")
    assert again.table.rows == study.table.rows
    course = tf.course(woman, "denosumab 0-36; alendronate 36-60")
    assert course.months[-1] == 60 and course.change("bmd_spine")[-1] > 0


def test_a_bone_is_named_in_any_way(tmp_path: Path) -> None:
    """A specimen, a file, an array with its spacing: the same answer; and one sentence where something is missing."""
    specimen = bone(n=16)
    file = tmp_path / "scan.npz"
    specimen.save(file)
    ways = [tf.solve(specimen), tf.solve(file), tf.solve(specimen.mask, spacing=specimen.spacing)]
    assert len({way.force for way in ways}) == 1
    with pytest.raises(tf.UserError, match="spacing = not given"):
        tf.solve(np.ones((4, 4, 4)))


@pytest.mark.parametrize("name", tf.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(tf, name)
    assert name in dir(tf)
    assert isinstance(found, str) or (found.__doc__ or "").strip(), f"{name} has no docstring"


def test_names_for_type_checkers_are_the_public_ones() -> None:
    import ast

    tree = ast.parse(Path(tf.__file__ or "").read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {alias.asname or alias.name for node in block.body for alias in node.names}  # type: ignore[attr-defined]
    assert typed == set(tf.HOMES)
