"""A mistake ends with exit code 2, one sentence on standard error, nothing on standard output, nothing written."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trabfem.cli import main

SPACING = np.full(3, 0.03)
BLOCK = np.ones((6, 6, 6), np.uint8)


def gapped() -> np.ndarray:
    mask = BLOCK.copy()
    mask[3] = 0
    return mask


def with_nan() -> np.ndarray:
    gray = np.linspace(0, 1, 216).reshape(6, 6, 6)
    gray[1, 2, 3] = np.nan
    return gray


ARRAYS = {
    "void.npz": {"mask": 0 * BLOCK},
    "gapped.npz": {"mask": gapped()},
    "nan.npz": {"gray": with_nan()},
    "gray.npz": {"gray": np.arange(216).reshape(6, 6, 6)},
    "nothing.npz": {"other": BLOCK},
    "good.npz": {"mask": BLOCK},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with one good specimen and every kind of bad one."""
    for name, arrays in ARRAYS.items():
        np.savez(tmp_path / name, spacing_zyx_mm=SPACING, **arrays)
    np.savez(tmp_path / "unscaled.npz", mask=BLOCK)
    (tmp_path / "empty.npz").touch()
    (tmp_path / "broken.npz").write_bytes(b"PK not really")
    (tmp_path / "note.docx").write_text("no bone")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    monkeypatch.chdir(tmp_path)
    return tmp_path


CASES = {
    "no such file": (["solve", "absent.npz"], ["absent.npz"]),
    "empty file": (["solve", "empty.npz"], ["empty.npz", "empty"]),
    "broken file": (["solve", "broken.npz"], ["broken.npz"]),
    "no array": (["solve", "nothing.npz"], ["nothing.npz", "mask"]),
    "unknown suffix": (["solve", "note.docx"], ["note.docx", ".docx"]),
    "folder in place of a file": (["solve", "full"], ["full"]),
    "all void": (["solve", "void.npz"], ["void", "all void"]),
    "disconnected": (["solve", "gapped.npz"], ["gapped", "one end face to the other"]),
    "disconnected strength": (["strength", "gapped.npz"], ["gapped"]),
    "disconnected simulate": (["simulate", "gapped.npz", "--out", "new"], ["gapped"]),
    "nan": (["solve", "nan.npz"], ["nan", "NaN"]),
    "threshold out of range": (["morphometry", "gray.npz", "--threshold", "700"], ["gray", "700", "215"]),
    "no spacing": (["solve", "unscaled.npz"], ["unscaled.npz", "--spacing"]),
    "zero spacing": (["solve", "good.npz", "--spacing", "0"], ["0 mm"]),
    "negative spacing": (["solve", "good.npz", "--spacing", "-0.03"], ["-0.03 mm"]),
    "micrometres": (["solve", "good.npz", "--spacing", "30"], ["0.03"]),
    "metres": (["solve", "good.npz", "--spacing", "3e-5"], ["0.03"]),
    "spacing in words": (["solve", "good.npz", "--spacing", "thin"], ["--spacing thin"]),
    "two spacings": (["solve", "good.npz", "--spacing", "0.1,0.2"], ["--spacing 0.1,0.2"]),
    "unknown load": (["solve", "good.npz", "--load", "twist"], ["twist", "platens"]),
    "zero strain": (["solve", "good.npz", "--strain", "0"], ["--strain 0"]),
    "strain and displacement": (["solve", "good.npz", "--strain", "1", "--displacement", "1"], ["--displacement"]),
    "modulus": (["solve", "good.npz", "--youngs", "-3"], ["--youngs -3"]),
    "poisson": (["solve", "good.npz", "--poisson", "0.5"], ["--poisson 0.5"]),
    "tolerance": (["solve", "good.npz", "--rtol", "0"], ["--rtol 0"]),
    "criterion": (["strength", "good.npz", "--critical-volume", "2"], ["--critical-volume 2"]),
    "method": (["strength", "good.npz", "--method", "guess"], ["guess", "pistoia"]),
    "unknown option": (["solve", "good.npz", "--strian", "1"], ["--strian"]),
    "unknown command": (["slove", "good.npz"], ["slove", "solve"]),
    "missing argument": (["solve"], ["SPECIMEN"]),
    "option without value": (["solve", "good.npz", "--strain"], ["--strain"]),
    "not a number": (["solve", "good.npz", "--strain", "much"], ["much"]),
    "unknown device": (["doctor", "--device", "tpu"], ["tpu"]),
    "unknown agent": (["simulate", "good.npz", "--out", "new", "--schedule", "vitamin 0-3"], ["vitamin", "denosumab"]),
    "overlap": (
        ["simulate", "good.npz", "--out", "new", "--schedule", "alendronate 0-12; alendronate 6-24"],
        ["alendronate 0-12", "alendronate 6-24", "overlap"],
    ),
    "reversed": (["simulate", "good.npz", "--out", "new", "--schedule", "denosumab 9-3"], ["denosumab 9-3"]),
    "age": (["simulate", "good.npz", "--out", "new", "--age", "-4"], ["-4"]),
    "years": (["simulate", "good.npz", "--out", "new", "--years", "0"], ["--years 0"]),
    "ensemble": (["simulate", "good.npz", "--out", "new", "--ensemble", "0"], ["--members 0"]),
    "members of a comparison": (["compare", "--out", "new", "--members", "0"], ["--members 0"]),
    "full folder": (["simulate", "good.npz", "--out", "full"], ["full", "not empty"]),
    "full folder compare": (["compare", "--out", "full"], ["full", "not empty"]),
    "file as folder": (["compare", "--out", "note.docx"], ["note.docx"]),
    "strain in per cent": (["solve", "good.npz", "--strain", "1"], ["--strain 1:", "a fraction, 0.01 for 1 %"]),
    "strain of a strength": (["strength", "good.npz", "--method", "nonlinear", "--strain", "-2"], ["--strain -2:"]),
    "long way": (["solve", "good.npz", "--displacement", "-0.05"], ["--displacement -0.05:", "at most 0.018"]),
    "nonlinear with a volume": (
        ["strength", "good.npz", "--method", "nonlinear", "--critical-volume", "0.05"],
        ["--critical-volume 0.05:", "pistoia", "leave it out"],
    ),
    "nonlinear with a strain": (
        ["strength", "good.npz", "--method", "nonlinear", "--critical-strain", "0.01"],
        ["--critical-strain 0.01:", "pistoia"],
    ),
    "resume with a seed": (["simulate", "--resume", "--out", "full", "--seed", "3"], ["--seed:", "leave it out"]),
    "resume with a schedule": (
        ["simulate", "--resume", "--out", "full", "--schedule", "denosumab 0-6"],
        ["--schedule:", "give the specimen"],
    ),
    "resume with a crop": (["compare", "--resume", "--out", "full", "--crop", "20"], ["--crop:", "give the config"]),
    "resume in quick": (["compare", "--resume", "--out", "full", "--quick"], ["--quick:"]),
    "resume with a spacing": (["compare", "--resume", "--out", "full", "--spacing", "0.03"], ["--spacing:"]),
    "spacing without a specimen": (["course", "--spacing", "0.03"], ["--spacing 0.03", "no specimen"]),
    "menopause of a man": (["course", "--sex", "male", "--menopause-age", "50"], ["--menopause-age 50", "a man"]),
    "pictures over others": (["render", "full", "--out", "full"], ["full", "not empty"]),
    "resume nothing": (["compare", "--resume"], ["--out"]),
    "existing file": (["generate", "--size", "24", "--out", "good.npz"], ["good.npz"]),
    "unknown site": (["generate", "--site", "elbow", "--out", "elbow.npz"], ["elbow", "vertebra"]),
    "tiny": (["generate", "--size", "2", "--out", "tiny.npz"], ["2"]),
    "no folder": (["generate", "--size", "24", "--out", "absent/a.npz"], ["absent"]),
    "no run": (["render", "full"], ["full", "run.json"]),
    "no table": (["trial", "absent.csv"], ["absent.csv"]),
    "not a table": (["trial", "note.docx"], ["note.docx"]),
    "no config": (["compare", "absent.toml"], ["absent.toml"]),
    "config is a folder": (["compare", "full"], ["full"]),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b"" for p in folder.rglob("*")}


@pytest.mark.parametrize(("arguments", "words"), CASES.values(), ids=CASES.keys())
def test_mistake(arguments: list[str], words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(folder)
    assert main([*arguments, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("trabfem: ") and err.count("\n") == 1, err
    assert all(word in err for word in words), err
    assert contents(folder) == before


CONFIGS = {
    "misspelt key": ("yeers = 3", ["yeers", "'years'"]),
    "misspelt table key": ("[patient]\nages = 3", ["patient", "ages", "'age'"]),
    "misspelt arm key": ('[[arm]]\nname = "A"\nschedul = ""', ["arm[1]", "schedul", "'schedule'"]),
    "wrong type": ('years = "five"', ["years", "number"]),
    "boolean as number": ("years = true", ["years"]),
    "not a number": ("years = nan", ["years"]),
    "table expected": ("patient = 3", ["patient", "table"]),
    "list expected": ("arm = 3", ["[[arm]]"]),
    "no arm": ("arm = []", ["[[arm]]"]),
    "same name": ('[[arm]]\nname = "A"\n[[arm]]\nname = "A"', ["'A'", "twice"]),
    "nameless": ("[[arm]]\nschedule = ''", ["name", "missing"]),
    "unknown sex": ('[patient]\nsex = "other"', ["other", "'female'"]),
    "unknown agent": ('[[arm]]\nname = "A"\nschedule = "vitamin 0-3"', ["'A'", "vitamin", "alendronate"]),
    "steps longer than the run": ("years = 1\nmonths_per_step = 13", ["months_per_step", "at most 4"]),
    "no stress": ("apparent_stress = 0", ["apparent_stress"]),
    "tiny crop": ("[specimen]\ncrop = 2", ["crop", "2"]),
    "no specimen": ('[specimen]\npath = "absent.npz"', ["absent.npz"]),
    "void specimen": ('[specimen]\npath = "void.npz"', ["void"]),
    "not TOML": ("years = = 3", ["case.toml", "TOML"]),
    "not text": ("years = 3 # \udcff", ["case.toml"]),
}


@pytest.mark.parametrize(("text", "words"), CONFIGS.values(), ids=CONFIGS.keys())
def test_bad_configuration(text: str, words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "case.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
    before = contents(folder)
    assert main(["compare", "case.toml", "--out", "new"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("trabfem: ") and err.count("\n") == 1, err
    assert all(word in err for word in words), err
    assert contents(folder) == before


def test_device_gpu_needs_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import jax

    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    assert main(["solve", "good.npz", "--device", "gpu"]) == 2
    assert "--device gpu" in capsys.readouterr().err


def failing(error: BaseException) -> Callable[..., None]:
    def run(*arguments: object, **options: object) -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code"), [(PermissionError(13, "Permission denied", "x.npz"), 2), (KeyboardInterrupt(), 130)]
)
def test_system_errors(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("trabfem.specimen.readers.read", failing(error))
    assert main(["morphometry", "good.npz"]) == code
    assert capsys.readouterr().err.count("\n") == 1


def test_a_bug_is_not_dressed_as_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trabfem.specimen.readers.read", failing(RuntimeError("bug")))
    with pytest.raises(RuntimeError, match="bug"):
        main(["morphometry", "good.npz"])


def test_as_a_program(folder: Path) -> None:
    command = [sys.executable, "-m", "trabfem", "morphometry", "void.npz", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "") and "Traceback" not in done.stderr
