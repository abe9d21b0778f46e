"""A load case and a smoother of one's own: one function or class each, used as everything else is."""

from functools import partial

import equinox as eqx
import numpy as np
import pytest

from trabfem.analysis.solve import solve as solve_bone
from trabfem.cli import main
from trabfem.errors import UserError
from trabfem.mechanics import loads
from trabfem.mechanics.levels import SmoothedLevel
from trabfem.mechanics.loads.base import Affine, LoadCase, grip_both_faces, make_gradient
from trabfem.mechanics.multigrid import KCycle
from trabfem.mechanics.operator import Field
from trabfem.mechanics.smoothers import Chebyshev, Jacobi, Smoother
from trabfem.mechanics.solve import solve
from trabfem.specimen import from_mask

SPACING = (0.03, 0.04, 0.05)


def pull_across(axis: str, strain: float | None = None, displacement: float | None = None, depth: float = 0.0):
    """Frictionless plates on the two faces across x or y."""
    number = "xyz".index(axis)
    motion = Affine(make_gradient((number, number, 1.0)), number)
    return LoadCase(f"pull-{axis}", grip_both_faces(number, axis), motion, strain, displacement, depth)


def test_a_new_load_case_is_a_function_and_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(loads.BY_NAME, "pull-x", partial(pull_across, "x"))
    bone = from_mask(np.ones((5, 4, 6), bool), SPACING)
    found = solve_bone(bone, loads.by_name("pull-x", strain=0.02), youngs=3000)
    assert found.force == pytest.approx(3000 * 0.02 * 4 * 0.04 * 6 * 0.05, rel=1e-6)
    assert found.apparent_modulus == pytest.approx(3000, rel=1e-6)
    bone.save(tmp_path / "block.npz")
    assert main(["solve", str(tmp_path / "block.npz"), "--load", "pull-x", "--youngs", "3000"]) == 0
    assert "3000 MPa" in capsys.readouterr().out


def test_a_load_that_says_nothing_or_too_much_is_refused() -> None:
    with pytest.raises(UserError, match="^strain = None: "):
        loads.platens()
    with pytest.raises(UserError, match="^displacement = 0.1: "):
        loads.platens(strain=0.1, displacement=0.1)
    with pytest.raises(UserError, match="^strain = 0: "):
        loads.uniaxial(0)
    with pytest.raises(UserError, match="^load = twist: .*platens"):
        loads.by_name("twist")
    assert loads.shear("yz", displacement=0.1, depth=0.02).at(-0.3) == loads.shear("yz", -0.3, depth=0.02)


def bone() -> np.ndarray:
    """Random pores, a solid core along z, two Young's moduli."""
    random = np.random.default_rng(5)
    modulus = np.where(random.random((14, 12, 13)) < 0.5, 1000.0, 0.0)
    modulus[4:9, 4:9] = 2000.0
    return modulus


class Richardson(eqx.Module):
    """One plain step of the length 1/lambda_max, before and after the coarse correction."""

    @property
    def applications(self) -> int:
        return 1

    def __call__(self, level: SmoothedLevel, force: Field, u: Field | None = None) -> Field:
        step = level.jacobi(force if u is None else force - level.apply(u)) / level.largest
        return step if u is None else u + step


@pytest.mark.parametrize("smoother", [Jacobi(), Jacobi(steps=3, damping=1.0), Chebyshev(degree=3), Richardson()])
def test_every_smoother_ends_in_the_same_force(smoother: Smoother) -> None:
    case = loads.platens(-0.01)
    usual = solve(bone(), SPACING, case)
    other = solve(bone(), SPACING, case, cycle=KCycle(smoother=smoother))
    assert other.converged and other.relative_residual <= 1e-6
    assert other.reaction_force == pytest.approx(usual.reaction_force, rel=3e-6)
    assert other.iterations != usual.iterations or smoother.applications != 2
    spent = other.iterations * (2 * smoother.applications + 1)
    assert spent < other.fine_applications < spent + 2 * other.iterations


def test_chebyshev_is_the_better_polynomial_of_the_same_work() -> None:
    chebyshev, jacobi = (
        solve(bone(), SPACING, loads.platens(-0.01), cycle=KCycle(smoother=smoother))
        for smoother in (Chebyshev(degree=3), Jacobi(steps=3))
    )
    assert chebyshev.iterations <= jacobi.iterations
