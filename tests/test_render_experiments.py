"""Figures of the remodelling experiments: they hold what they were given, and refuse nothing to draw."""

from pathlib import Path

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.render import mechanisms, resolution

BONE = np.linspace(1.0, 0.7, 5)


def test_exponent_is_the_slope_through_the_start() -> None:
    assert mechanisms.exponent([(BONE, BONE**2.5)]) == pytest.approx(2.5)
    assert mechanisms.exponent([(BONE, BONE), (BONE, BONE**2)]) == pytest.approx(1.5)


def test_mechanisms_are_drawn(tmp_path: Path) -> None:
    panels = {"Strength": {"Pits": [(BONE, BONE**2), (BONE, BONE**1.8)], "Thinning": [(BONE, BONE**1.1)]}}
    path = mechanisms.draw(panels, tmp_path / "new" / "figure.png", "a note")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UserError, match="no path to draw"):
        mechanisms.draw({"Strength": {}}, tmp_path / "none.png")


def test_resolution_is_drawn(tmp_path: Path) -> None:
    struts = np.array([7.0, 3.5, 2.3])
    panels = {"vertebra": (struts, {"modulus": np.array([1.0, 1.02, 0.9])})}
    assert resolution.draw(panels, tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UserError, match="no result to draw"):
        resolution.draw({}, tmp_path / "none.png")
