"""`trabfem homogenize` and the loads beyond the axial ones, as programs see them."""

import json
from pathlib import Path

import numpy as np
import pytest

from trabfem.cli import main
from trabfem.mechanics.hexahedron import elasticity

KEYS = (
    "stiffness_MPa order engineering_constants best_orthotropic asymmetry num_elements num_nodes num_dofs iterations "
)
KEYS += "fine_applications relative_residual energy_error setup_s solve_s device precision"


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("homogenize") / "block.npz"
    np.savez(path, mask=np.ones((6, 5, 4), np.uint8), spacing_zyx_mm=(0.05, 0.04, 0.03))
    return path


@pytest.mark.parametrize("bc", ["kubc", "pmubc", "periodic", "direct"])
def test_stiffness_of_a_solid_block(block: Path, bc: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["homogenize", str(block), "--bc", bc, "--youngs", "5000", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(KEYS.split()) <= set(result)
    np.testing.assert_allclose(result["stiffness_MPa"], 5000 * elasticity(0.3), atol=0.01)
    assert result["order"] == ["xx", "yy", "zz", "yz", "zx", "xy"]
    assert result["engineering_constants"]["Ezz"] == pytest.approx(5000, rel=1e-5)
    assert result["best_orthotropic"]["engineering_constants"]["Gxy"] == pytest.approx(5000 / 2.6, rel=1e-5)


def test_homogenize_for_people(block: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["homogenize", str(block)]) == 0
    out, err = capsys.readouterr()
    assert "stiffness, MPa" in out and "stress xx" in out and "Exx 6829" in out and err == ""


def test_no_convergence_is_code_3_and_names_the_cases(block: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["homogenize", str(block), "--bc", "pmubc", "--rtol", "1e-13", "--max-iterations", "1", "--json"])
    out, err = capsys.readouterr()
    assert code == 3 and "pmubc-yz" in err and len(json.loads(out)["stiffness_MPa"]) == 6


def test_shear_and_bending_loads(block: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", str(block), "--load", "symmetric-shear-zx", "--strain", "0.01", "--json"]) == 0
    shear = json.loads(capsys.readouterr().out)
    assert shear["apparent_modulus_MPa"] == pytest.approx(6829 / 2.6, rel=1e-5)
    assert shear["reaction_force_N"] == pytest.approx(6829 / 2.6 * 0.01 * 0.12 * 0.2, rel=1e-5)
    assert "moment_N_mm" not in shear
    assert main(["solve", str(block), "--load", "bending-y", "--strain", "0.01", "--json"]) == 0
    bent = json.loads(capsys.readouterr().out)
    assert bent["moment_N_mm"] == pytest.approx(bent["reaction_force_N"] * 0.06, rel=1e-12)
    assert bent["moment_N_mm"] == pytest.approx(68.29 * 0.2 * 0.12**2 / 6, rel=0.2)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["homogenize", "BLOCK", "--bc", "sticky"], "sticky"),
        (["homogenize", "BLOCK", "--poisson", "0.5"], "--poisson"),
        (["solve", "BLOCK", "--load", "shear-zz"], "shear-zz"),
        (["solve", "BLOCK", "--depth", "-1"], "depth"),
    ],
)
def test_mistakes_are_one_sentence(
    block: Path, arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(block) if a == "BLOCK" else a for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and word in err
