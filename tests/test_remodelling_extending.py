"""A rule of one's own: one class and one line in a registry, named in a configuration as every other is."""

from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Bool
from scipy import ndimage

from plates import bone, carry_out
from trabfem.errors import UserError
from trabfem.remodelling import rules
from trabfem.remodelling.model import create_model
from trabfem.remodelling.rules.protocol import Pits, Shape, Voxels
from trabfem.remodelling.settings import Settings
from trabfem.remodelling.surface.differences import Grid
from trabfem.runs import config
from trabfem.runs.compare import resume
from trabfem.runs.study import Study

KEPT = 0.75


def surface_of(fill: np.ndarray) -> np.ndarray:
    """Voxels with bone that share a face with a voxel without any."""
    return (fill > 0) & np.asarray(ndimage.binary_dilation(fill == 0), bool)


class Toy(eqx.Module):
    """Whatever load and cells do, a surface voxel keeps the same share of its bone each step. State: the fill."""

    h: float
    frozen_layers: int = eqx.field(static=True)
    digs: ClassVar[bool] = False

    @classmethod
    def of(cls, h: float, fastest: float, gain: float, smoothing: float, frozen_layers: int) -> "Toy":
        return cls(h, frozen_layers)

    def begin(self, fill: Voxels) -> Voxels:
        return fill

    def fill(self, state: Shape) -> Shape:
        return state

    def distance(self, state: Shape) -> Shape:
        return (state - 0.5) * self.h

    def remove(self, state: Shape, voxels: Bool[np.ndarray | Array, "x y z"]) -> Shape:
        return jnp.where(voxels, jnp.float32(0), state)

    def free_voxels(self, shape: tuple[int, ...]) -> Voxels:
        inner = np.zeros(shape, np.float32)
        inner[:, :, self.frozen_layers : shape[2] - self.frozen_layers] = 1
        return inner

    def advance(self, state: Shape, ratio: Grid, bias: float, dt: float, pits: Pits | None = None) -> Voxels:
        fill = np.asarray(state)
        return np.where(surface_of(fill) & (self.free_voxels(fill.shape) > 0), np.float32(KEPT) * fill, fill)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one line."""
    monkeypatch.setitem(rules.BY_NAME, "toy", Toy)


def settings_of_file(folder: Path) -> Settings:
    """Those of a configuration that says nothing but the name of the rule."""
    path = folder / "case.toml"
    path.write_text('rule = "toy"\n')
    return config.make_settings(config.load(path))


def two_steps(folder: Path) -> Study:
    settings = settings_of_file(folder)
    return carry_out({"Untreated": ""}, folder / "out", years=0.5, months_per_step=3.0, settings=settings)


@pytest.mark.slow
def test_a_new_rule_is_a_class_and_a_line(registered: None, tmp_path: Path) -> None:
    """Two steps thin the free surface to the square of the share that a step keeps, and leave all else as it was."""
    [run] = two_steps(tmp_path).arms[0].members
    assert run.months == [0, 3, 6] and not run.trouble and not run.ended
    first = bone().fill
    thinned = surface_of(first)
    thinned[:, :, [0, -1]] = False
    assert thinned.sum() > 0.2 * np.count_nonzero(first) and (first[~thinned] > 0).any()
    assert np.array_equal(run.fill_first, first)
    assert np.array_equal(run.fill_last, np.where(thinned, np.float32(KEPT) ** 2 * first, first))
    assert run.table["BV/TV"] == pytest.approx(
        [first.mean(), *(np.where(thinned, KEPT**step * first, first).mean() for step in (1, 2))], rel=1e-6
    )
    stiffness = run.table["stiffness (N/mm)"]
    assert stiffness[0] > 1.02 * stiffness[1] > 1.02**2 * stiffness[2] > 0


def test_a_run_with_a_new_rule_is_resumed_by_its_name(registered: None, tmp_path: Path) -> None:
    study = two_steps(tmp_path)
    assert study.header["settings"]["rule"] == "toy"
    [longer] = resume(tmp_path / "out", years=0.75, progress=False).arms[0].members
    before, after = study.arms[0].members[0].fill_last, longer.fill_last
    thinned = surface_of(before)
    thinned[:, :, [0, -1]] = False
    assert longer.months == [0, 3, 6, 9]
    assert np.abs(after - np.where(thinned, KEPT * before, before)).max() <= 0.5001 / 255


def test_a_name_that_is_not_registered_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="^rule = toy: choose one of level-set, grey-advection, binary-flips$"):
        settings_of_file(tmp_path)


def test_a_rule_that_does_not_dig_takes_no_bmus(registered: None, tmp_path: Path) -> None:
    """A configuration leaves them out by itself; settings that ask for both are refused in one sentence."""
    assert settings_of_file(tmp_path).bmus is None
    said = "^rule = toy: it has no smooth surface for BMUs to dig; take level-set, or leave the BMUs out$"
    with pytest.raises(UserError, match=said):
        create_model(bone(), Settings(rule=Toy))
    with pytest.raises(UserError, match=said):
        carry_out({"Untreated": ""}, years=0.5, months_per_step=3.0, settings=Settings(rule=Toy))
