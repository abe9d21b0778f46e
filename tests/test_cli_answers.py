"""What programs rely on: one JSON object with the promised keys, right numbers in it, and the exit code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trabfem.cli import COMMANDS, main

SOLVE_KEYS = (
    "num_elements num_nodes num_dofs iterations fine_applications relative_residual energy_error setup_s solve_s "
    "device precision reaction_force_N stiffness_N_per_mm apparent_modulus_MPa sed_mean_MPa"
).split()
STRUCTURE_KEYS = [
    "TV", "BV", "BV/TV", "BS", "BS/TV", "BS/BV", "Tb.Th", "Tb.Th SD", "Tb.Th max", "Tb.Sp", "Tb.Sp SD", "Tb.Sp max",
    "Tb.N", "Tb.N direct", "Tb.1/N.SD", "Conn.D", "SMI", "pBV/BV", "rBV/BV", "DA", "DA lines",
]  # fmt: skip
SPACING = (0.03, 0.04, 0.05)
SHAPE = (4, 5, 6)
CONFIG = """
years = 0.5
months_per_step = 3
[specimen]
path = "bone.npz"
[[arm]]
name = "Untreated"
[[arm]]
name = "Denosumab"
schedule = "denosumab 0-6"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A solid block with three unequal edges in both senses, and a lattice of struts to remodel."""
    folder = tmp_path_factory.mktemp("cli")
    np.savez(folder / "block.npz", mask=np.ones(SHAPE[::-1], np.uint8), spacing_zyx_mm=SPACING[::-1])
    inside = np.arange(18) % 9 < 4
    x, y, z = np.meshgrid(inside, inside, inside, indexing="ij")
    struts = (x & y) | (y & z) | (z & x)
    np.savez(folder / "bone.npz", mask=struts.astype(np.uint8), spacing_zyx_mm=np.full(3, 0.04))
    (folder / "case.toml").write_text(CONFIG)
    return folder


@pytest.fixture
def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    """A function that runs a command with --json and returns the one object on standard output."""

    def run(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
        assert main([*map(str, arguments), "--json"]) == code
        out, _ = capsys.readouterr()
        assert out.count("\n") == 1
        return json.loads(out)

    return run


def test_solve_of_a_solid_block_is_exact(folder: Path, answer: Any) -> None:
    """Uniaxial: F = E A strain, U = E strain^2 / 2 everywhere, modulus E."""
    result = answer("solve", folder / "block.npz", "--load", "uniaxial", "--strain", "-0.02", "--youngs", "5000")
    assert set(SOLVE_KEYS) <= set(result)
    area, height = 4 * 0.03 * 5 * 0.04, 6 * 0.05
    assert result["reaction_force_N"] == pytest.approx(-5000 * area * 0.02, rel=1e-6)
    assert result["stiffness_N_per_mm"] == pytest.approx(5000 * area / height, rel=1e-6)
    assert result["apparent_modulus_MPa"] == pytest.approx(5000, rel=1e-6)
    assert result["sed_mean_MPa"] == pytest.approx(5000 * 0.02**2 / 2, rel=1e-5)
    assert result["sed_mean_gauss_MPa"] == pytest.approx(5000 * 0.02**2 / 2, rel=1e-5)
    assert (result["num_elements"], result["num_nodes"], result["num_dofs"]) == (120, 210, 630)
    assert (result["shape"], result["spacing_mm"]) == (list(SHAPE), list(SPACING))
    assert result["converged"] and result["relative_residual"] <= 1e-6


def test_displacement_in_place_of_strain(folder: Path, answer: Any) -> None:
    result = answer("solve", folder / "block.npz", "--load", "uniaxial", "--displacement", "-0.003")
    assert result["reaction_force_N"] == pytest.approx(-6829 * 0.024 * 0.01, rel=1e-6)


def test_spacing_option_wins(folder: Path, answer: Any) -> None:
    result = answer("solve", folder / "block.npz", "--load", "uniaxial", "--spacing", "0.06,0.08,0.1")
    assert result["reaction_force_N"] == pytest.approx(-6829 * 4 * 0.024 * 0.01, rel=1e-6)
    assert any("0.06" in note for note in result["notes"])


def test_strength_of_a_solid_block_is_exact(folder: Path, answer: Any) -> None:
    """The same strain everywhere: EES = strain, failure at the critical strain, whatever the strain applied."""
    for strain in ("-0.01", "-0.002"):
        result = answer("strength", folder / "block.npz", "--load", "uniaxial", "--strain", strain)
        assert result["ees"] == pytest.approx(abs(float(strain)), rel=1e-5)
        assert result["pistoia_factor"] == pytest.approx(0.007 / abs(float(strain)), rel=1e-5)
        assert abs(result["failure_load_N"]) == pytest.approx(6829 * 0.024 * 0.007, rel=1e-5)
        assert result["criterion"]["volume"] == 0.02 and result["criterion"]["youngs_MPa"] == pytest.approx(6829)
    doubled = answer("strength", folder / "block.npz", "--load", "uniaxial", "--critical-strain", "0.014")
    assert abs(doubled["failure_load_N"]) == pytest.approx(6829 * 0.024 * 0.014, rel=1e-5)


def test_nonlinear_strength_of_a_solid_block_is_exact(folder: Path, answer: Any) -> None:
    result = answer("strength", folder / "block.npz", "--method", "nonlinear", "--load", "uniaxial", "--youngs", "1000")
    tissue, curve = result["tissue"], result["curve"]
    strain = tissue["compression"] + 0.002 / (1 - tissue["hardening"])
    assert result["failure_strain"] == pytest.approx(-strain, rel=2e-3)
    stiffness = curve["force_N"][1] / curve["strain"][1]
    stress = tissue["compression"] + tissue["hardening"] * (strain - tissue["compression"])
    assert result["failure_load_N"] == pytest.approx(-stiffness * stress, rel=2e-3)
    assert result["linear_solves"] >= len(curve["strain"]) - 1


def test_no_convergence_is_code_3_with_the_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", str(folder / "block.npz"), "--rtol", "1e-13", "--max-iterations", "1", "--json"]) == 3
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert not result["converged"] and result["relative_residual"] > 1e-13 and result["reaction_force_N"] < 0
    assert "not converged" in err and err.count("\n") == 1


def test_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", str(folder / "block.npz"), "--load", "uniaxial"]) == 0
    out, err = capsys.readouterr()
    assert (
        "apparent modulus" in out
        and "6829 MPa" in out
        and "solver error" in out
        and "nothing of scan" in out
        and "relative residual" in out
        and err == ""
    )


def test_morphometry(folder: Path, answer: Any) -> None:
    result = answer("morphometry", folder / "bone.npz")
    assert list(result["units"])[: len(STRUCTURE_KEYS)] == STRUCTURE_KEYS
    assert {each for each in result["units"] if each not in STRUCTURE_KEYS} == {
        f"MIL{n}{axis}" for n in (1, 2, 3) for axis in ("", " x", " y", " z")
    }
    assert set(result["units"]) <= set(result)
    inside = 8 / 18
    assert result["BV/TV"] == pytest.approx(3 * inside**2 - 2 * inside**3, rel=1e-6)


def test_generate_is_read_back(tmp_path: Path, answer: Any) -> None:
    made = answer("generate", "--site", "vertebra", "--size", "32", "--seed", "3", "--out", tmp_path / "bone.npz")
    again = answer("morphometry", made["file"])
    assert again["BV/TV"] == pytest.approx(made["BV/TV"], abs=0.005)
    assert again["shape"] == made["shape"] and again["spacing_mm"] == pytest.approx(made["spacing_mm"])


def test_doctor(answer: Any) -> None:
    result = answer("doctor", "--device", "cpu")
    assert result["devices"][0]["platform"] == "cpu" and result["precision"]["float64_works"] is True
    assert result["versions"]["jax"] and isinstance(result["rendering"]["works"], bool)


def test_trial(tmp_path: Path, answer: Any) -> None:
    table = tmp_path / "trial.csv"
    header = "trial,sex,age,years_since_menopause,schedule,measure,month,value\n"
    table.write_text(header + "T,female,65,15,denosumab 0-12,bmd_lumbar_spine,12,5\nT,female,65,15,,hope,12,5\n")
    result = answer("trial", table, "--out", tmp_path / "out.csv")
    [row], [refused] = result["rows"], result["refused"]
    assert row["predicted_low"] < row["predicted"] < row["predicted_high"]
    assert row["error"] == pytest.approx(row["predicted"] - 5) and "hope" in refused["reason"]
    assert (tmp_path / "out.csv").read_text().count("\n") == 2


def test_simulate_and_resume(folder: Path, tmp_path: Path, answer: Any) -> None:
    common = ("simulate", folder / "bone.npz", "--months-per-step", "2", "--members", "1")
    common = (*common, "--schedule", "denosumab 0-12", "--out")
    whole = answer(*common, tmp_path / "whole", "--years", "0.5")
    answer(*common, tmp_path / "parts", "--years", "0.33333333333333")
    resumed = answer("simulate", "--out", tmp_path / "parts", "--years", "0.5", "--resume")
    assert resumed["columns"] == whole["columns"] and {"BV/TV", "failure load (N)"} <= set(whole["columns"])


def test_an_ensemble_answers_with_bands(folder: Path, tmp_path: Path, answer: Any) -> None:
    asked = ("simulate", folder / "bone.npz", "--months-per-step", "2", "--years", "0.34", "--out", tmp_path / "many")
    result = answer(*asked, "--ensemble", "2", "--schedule", "disuse 0.5 0-2; denosumab 0-4")
    bone = result["columns"]["BV/TV"]
    assert result["runs"] == 2 and len(set(bone["first"])) == 2 and len(set(bone["last"])) == 2
    assert bone["last_low"] < min(bone["last"]) < bone["last_mean"] < max(bone["last"]) < bone["last_high"]
    assert result["statistics"]["members"] == 2 and len(result["summary"]) == 1
    assert result["understood"] == {
        "disuse_0_5_0_2_denosumab_0_4": [
            "denosumab, injection 60 mg every 6 months (the standard dose), months 0-4: 1 dose",
            "usual loads x 0.5, months 0-2",
        ]
    }
    assert "failure load (N) high" in (tmp_path / "many/bands.csv").read_text()


def test_compare_writes_a_run(folder: Path, answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "run"
    result = answer("compare", folder / "case.toml", "--out", out, "--members", "1")
    assert [arm["slug"] for arm in result["arms"]] == ["untreated", "denosumab"]
    assert set(result["summary"]["untreated"]) == {"BV/TV_change_%", "stiffness_change_%", "strength_change_%"}
    assert all(Path(file).is_file() for file in result["files"])
    assert (out / "timeseries.csv").read_text().count("\n") == 1 + 2 * 3
    assert {file.name for file in (out / "denosumab/member_0000").glob("month_*.h5")} == {
        f"month_000{k}.h5" for k in (0, 3, 6)
    }
    assert json.loads((out / "run.json").read_text())["years"] == 0.5
    before = (out / "run.json").read_bytes()
    assert main(["compare", str(folder / "case.toml"), "--out", str(out)]) == 2
    assert (out / "run.json").read_bytes() == before
    assert "not empty" in capsys.readouterr().err


def test_compare_with_members_prints_bands_and_gains(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "members"
    assert main(["compare", str(folder / "case.toml"), "--out", str(out), "--ensemble", "2"]) == 0
    said, _ = capsys.readouterr()
    assert "Change, %, mean of 2 members" in said and "points of %, mean of 2 members" in said
    assert "Band: nine in ten further members" in said
    header = json.loads((out / "run.json").read_text())
    first, second = (arm["slug"] for arm in header["arms"])
    mean, low, high = (header["summary"][first][f"strength_change_%{end}"] for end in ("", "_low", "_high"))
    assert low < mean < high and f"{mean:+.1f}" in said and f"[{low:+.1f}, {high:+.1f}]" in said
    gained = header["over_the_first_arm"][second]
    keys = [f"BV/TV_points{end}" for end in ("", "_mean_low", "_mean_high")]
    mean, low, high = (gained[key] for key in keys)
    assert f"{mean:+.1f}" in said and f"[{low:+.1f}, {high:+.1f}]" in said and " chance" in said
    assert (out / "figures/strength_over_time.png").is_file()


def test_a_hypogonadal_man_is_simulated(folder: Path, tmp_path: Path, answer: Any) -> None:
    asked = ("simulate", folder / "bone.npz", "--months-per-step", "4", "--years", "0.34", "--smooth", "--members", "1")
    man = ("--sex", "male", "--age", "60")
    values = {}
    for status in ("eugonadal", "hypogonadal"):
        result = answer(*asked, *man, "--hormonal-status", status, "--out", tmp_path / status)
        values[status] = result["columns"]["E2 (pg/mL)"]["first"][0]
        header = json.loads((tmp_path / status / "run.json").read_text())
        assert header["patient"]["hormonal_status"] == status
    assert values["hypogonadal"] < 0.7 * values["eugonadal"]


def test_every_command_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert main([command, "--help"]) == 0
        out, _ = capsys.readouterr()
        assert f"Example: trabfem {command}" in " ".join(out.split()), command


def test_shell_completion_knows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    from trabfem.cli import application

    script = application().generate_completion(prog_name="trabfem", shell="bash")
    assert all(command in script for command in COMMANDS)
    assert main(["--install-completion", "--help"]) == 0 and "completion" in capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out, _ = capsys.readouterr()
    assert all(command in out for command in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from trabfem import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"
