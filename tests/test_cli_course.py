"""`trabfem course` and `trabfem agents`: tables for people, JSON for programs, mistakes with a sentence."""

import json
from pathlib import Path

import pytest

from trabfem.biology.agents import FORMULARY
from trabfem.biology.course import Course, course
from trabfem.biology.patient import Patient
from trabfem.cli import main
from trabfem.schedule import loads, parse

ASKED = [
    "course",
    "--age",
    "65",
    "--menopause-age",
    "50",
    "--schedule",
    "denosumab 0-24; disuse 0.5 0-6",
    "--years",
    "3",
]


def test_course_for_programs_and_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Path] = []
    monkeypatch.setattr(Course, "plot", lambda self, path: drawn.append(path))
    files = ["--out", str(tmp_path / "a.csv"), "--plot", str(tmp_path / "a.png")]
    assert main([*ASKED, *files, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    known = course(Patient("female", 65.0, 50.0), "denosumab 0-24; disuse 0.5 0-6", years=3)
    assert answer["columns"]["BMD spine change (%)"] == pytest.approx(known.change("bmd_spine").tolist())
    assert answer["columns"]["CTX change high (%)"] == pytest.approx(known.high["ctx"].tolist())
    assert answer["understood"] == list(known.understood)
    assert answer["schedule"] == "denosumab 0-24; disuse 0.5 0-6"
    assert (tmp_path / "a.csv").read_text().startswith("month,E2 (pg/mL),")
    assert drawn == [tmp_path / "a.png"]


def test_course_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(ASKED) == 0
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines if line and line[0].isdigit()] == ["0", "6", "12", "24", "36"]
    assert "denosumab, injection 60 mg every 6 months (the standard dose), months 0-24: 4 doses" in out
    assert "act on voxels" in out


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--years", "200"], "--years 200: give a number"),
        (["--schedule", "denosumb 0-12"], "write denosumab"),
        (["--sex", "male", "--hormonal-status", "natural"], "natural"),
    ],
)
def test_mistakes_of_a_course(extra: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["course", *extra]) == 2
    assert said in capsys.readouterr().err


def test_agents_lists_all_that_a_schedule_may_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in (*FORMULARY.names, *loads.WORDS, "START-STOP", "once a week"))
    assert main(["agents", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [agent["name"] for agent in answer["agents"]] == list(FORMULARY.names)
    for agent in answer["agents"]:
        assert all(parse(text).treatments[0].agent == agent["name"] for text in agent["write"])
    for word, load in answer["loads"].items():
        assert parse(load["example"]).loading.changes[0].kind == word


def test_one_agent_with_its_numbers_and_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "Denosumab"]) == 0
    out = capsys.readouterr().out
    assert "12837 ng/mL" in out and "Martinez-Reina" in out and "'denosumab 60mg 0-36'" in out
    assert main(["agents", "alendronate", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["write"] == ["alendronate 0-36", "alendronate 10mg 0-36", "alendronate 70mg/week 0-36"]
    assert answer["constants"]["onset"]["unit"] == "1/year"
    assert main(["agents", "denosumb"]) == 2
    assert "write denosumab" in capsys.readouterr().err


def test_examples_in_the_help_are_read() -> None:
    import shlex

    from trabfem.cli import agents as agents_command
    from trabfem.cli import application
    from trabfem.cli import course as course_command

    for command in (agents_command.agents, course_command.course):
        (example,) = [
            line for line in (command.__doc__ or "").splitlines() if line.strip().startswith("Example: trabfem ")
        ]
        tokens = shlex.split(example.split("trabfem ", 1)[1])
        found, bound, _ = application().parse_args(tokens, exit_on_error=False, print_error=False)
        assert found is command
        if "schedule" in bound.arguments:
            assert parse(bound.arguments["schedule"]).treatments
