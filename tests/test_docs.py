"""The documentation without a build: links, navigation, the data behind its tables, public names, worked examples."""

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#[^)\s]*)?\)")
HOOKS = DOCS / "hooks"


def hook(name: str):
    """A module of the build's hooks."""
    sys.path.insert(0, str(HOOKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(HOOKS))


def in_nav() -> list[str]:
    nav = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    return re.findall(r"[\w/]+\.md", nav)


def tutorials() -> list[str]:
    return [f"tutorials/{path.stem}.md" for path in sorted((DOCS / "tutorials").glob("*.py"))]


def names_of(path: Path) -> str:
    return str(path.relative_to(DOCS))


@pytest.mark.parametrize("page", PAGES, ids=names_of)
def test_links_resolve(page: Path) -> None:
    made = {DOCS / name for name in [*tutorials(), *(path for _, path, _ in hook("api").pages())]}
    for target in filter(None, LINK.findall(page.read_text(encoding="utf-8"))):
        place = (page.parent / target).resolve()
        assert place.exists() or place in made, f"{names_of(page)} links to {target}"


def test_every_page_is_in_the_navigation_once() -> None:
    written = [names_of(page) for page in PAGES]
    assert sorted(in_nav()) == sorted([*written, *tutorials()])


def test_every_asked_table_is_made_and_every_made_one_asked() -> None:
    asked = [name for page in PAGES for name in re.findall(r"<!-- made: (\w+) -->", page.read_text(encoding="utf-8"))]
    functions = re.findall(r"^def (\w+)\(\) -> str:", (HOOKS / "made.py").read_text(), re.MULTILINE)
    known = re.findall(r"^        (\w+),$", (HOOKS / "made.py").read_text().split("MADE: dict")[1], re.MULTILINE)
    assert set(asked) == set(known)
    assert set(known) <= set(functions)


def test_pages_speak_to_nobody_elses_server() -> None:
    own = [*HOOKS.glob("*.py"), *DOCS.glob("stylesheets/*"), DOCS / "javascripts/katex/start.js"]
    for path in [ROOT / "mkdocs.yml", *own]:
        assert not re.search(r"https?://(?!keepachangelog)", path.read_text()), path
    sheet = (DOCS / "javascripts/katex/katex.min.css").read_text()
    fonts = re.findall(r"url\(([^)]+)\)", sheet)
    assert fonts
    assert all((DOCS / "javascripts/katex" / font).is_file() for font in fonts)
    assert (DOCS / "javascripts/katex/LICENSE").read_text().startswith("The MIT License")


def test_tutorials_are_valid_python_with_text_between() -> None:
    cells = hook("run_cells")
    for name in tutorials():
        found = cells.split((DOCS / name).with_suffix(".py").read_text(encoding="utf-8"))
        assert found[0][0] == cells.TEXT
        assert found[0][1].startswith("# ")
        assert sum(kind == cells.CODE for kind, _ in found) >= 3
        for kind, text in found:
            if kind == cells.CODE:
                compile(text, name, "exec")


def test_cells_show_what_they_print_and_end_with(tmp_path: Path) -> None:
    cells = hook("run_cells")
    names: dict = {}
    shown = cells.shown("print('said')\nx = 2\nx + 1", names, tmp_path, 0)
    assert (shown["text"], shown["html"], shown["figures"]) == ("said\n3", "", [])
    shown = cells.shown("class T:\n    def _repr_html_(self): return '<b>t</b>'\nT()", names, tmp_path, 1)
    assert (shown["text"], shown["html"]) == ("", "<b>t</b>")
    assert cells.shown("x", names, tmp_path, 2)["text"] == "2"


def test_every_public_name_is_on_the_api_page() -> None:
    api = hook("api")
    text = dict((path, text) for _, path, text in api.pages())["api/index.md"]
    import trabfem

    assert sorted(api.public_names()) == sorted(n for n in getattr(trabfem, "__all__", ()) if not n.startswith("_"))
    for name in api.public_names():
        assert f"## tf.{name}\n" in text or f'heading: "tf.{name}"\n' in text


def test_every_module_is_on_an_api_page() -> None:
    api = hook("api")
    text = "\n".join(text for _, _, text in api.pages())
    for path in (ROOT / "src" / "trabfem").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        room = path.relative_to(ROOT / "src" / "trabfem").parts[0]
        if path.stem not in ("__init__", "__main__", "constants") and room != "cli":
            assert f"::: {name}\n" in text, name


def peer_figures() -> list[dict]:
    return json.loads((ROOT / "tests" / "peer_figures.json").read_text(encoding="utf-8"))["figures"]


@pytest.mark.parametrize("figure", peer_figures(), ids=lambda figure: figure["id"])
def test_recorded_figures_lie_within_what_their_test_allows(figure: dict) -> None:
    if "theirs" in figure:
        assert figure["ours"] == pytest.approx(figure["theirs"], rel=figure["limit"])
    else:
        assert 0 < figure["difference"] <= figure["limit"]


@pytest.mark.parametrize("figure", peer_figures(), ids=lambda figure: figure["id"])
def test_peers_figures_are_those_that_the_tests_check(figure: dict) -> None:
    """Those of test_mechanics_peers.py are read from here by id, and nowhere else is such a number written."""
    source = (ROOT / "tests" / figure["test"]).read_text()
    if figure["test"] == "test_mechanics_peers.py":
        assert f'"{figure["id"]}"' in source
        assert not any(float(number) == figure.get("theirs") for number in re.findall(r"\d+\.\d+", source))
    else:
        limits = {float(number) for number in re.findall(r"\d+(?:\.\d+)?e-\d+", source)}
        assert figure["limit"] in limits


def test_every_key_of_a_configuration_has_a_meaning_and_no_other_has() -> None:
    made, meanings = hook("made"), hook("config_meanings")
    text, table, found = made.configuration(), "", set()
    for heading, key in re.findall(r"^### `?\[*(\w+)|^\| `(\w+)` \|", text, re.MULTILINE):
        table = {"": table, "Top": ""}.get(heading, f"{heading}.")
        found |= {f"{table}{key}"} if key else set()
    assert found == set(meanings.MEANINGS)
    with pytest.raises(KeyError, match="config_meanings"):
        meanings.of("specimen.colour")


SOURCES = [*PAGES, *sorted((DOCS / "tutorials").glob("*.py"))]
"""What the documentation is written in."""
COMMANDS = [
    (path, line.removeprefix("# ").strip())
    for path in [*SOURCES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for line in path.read_text(encoding="utf-8").splitlines()
    if re.match(r"(# )?(\.venv/bin/)?trabfem [a-z-]", line)
]


@pytest.mark.parametrize(("path", "line"), COMMANDS, ids=[line for _, line in COMMANDS])
def test_commands_that_pages_show_are_understood(path: Path, line: str) -> None:
    from trabfem.cli import application

    tokens = shlex.split(line.split("  #")[0])[1:]
    application().parse_args(tokens, exit_on_error=False, print_error=False)


def test_schedules_that_the_page_shows_are_understood() -> None:
    from trabfem.biology import prescription

    text = (DOCS / "howto" / "schedule.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z]+ [^`]*\d-+\d+[^`]*)` \|", text, re.MULTILINE)
    rows += re.findall(r"```text\n([a-z].*)\n```", text)
    assert len(rows) >= 8
    for row in rows:
        assert prescription.describe(row)


def test_the_configuration_that_the_page_shows_is_read(tmp_path: Path) -> None:
    from trabfem.runs import config

    text = (DOCS / "howto" / "configuration.md").read_text(encoding="utf-8")
    (tmp_path / "my.toml").write_text(text.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    found = config.load(tmp_path / "my.toml")
    assert [str(arm.schedule) for arm in found.arms] == ["", "denosumab 0-24; alendronate 24-36"]
    assert found.specimen.spacing == 0.034


def test_formulas_have_nothing_that_their_typesetter_refuses() -> None:
    """KaTeX wants an operator name in braces where it is an index; TeX does not."""
    for path in [*SOURCES, *(ROOT / "src").rglob("*.py")]:
        assert not re.search(r"[_^]\\(max|min|log|exp|lim|det)\b", path.read_text(encoding="utf-8")), path


def test_files_of_a_run_that_the_page_names_are_those_written() -> None:
    from trabfem.runs import files, store

    text = (DOCS / "howto" / "run_folder.md").read_text(encoding="utf-8")
    written = re.findall(r"^    (\S+)  ", store.__doc__ or "", re.MULTILINE)
    assert len(written) >= 6
    for name in written:
        assert re.search(rf"`{name.replace('MEMBER', 'member_0000')}`", text), name
    assert f"format {files.FORMAT}" in text


BLOCK = re.compile(r'^```python title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
IN_USE = "in use"
RUN_ALL = """
import json, sys, traceback
said = {}
for kind, code in json.loads(sys.stdin.read()).items():
    try:
        exec(compile(code, kind, "exec"), {"__name__": "example"})
        said[kind] = ""
    except BaseException:
        said[kind] = traceback.format_exc()
print(json.dumps(said))
"""


def examples() -> dict[str, list[tuple[str, str]]]:
    """(file or "in use", code) of every block of a worked example of CONTRIBUTING, by its heading."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = text.split("[start:extend]")[1].split("[end:extend]")[0]
    sections = (section.split("\n", 1) for section in text.split("\n## ")[1:])
    return {heading: BLOCK.findall(body) for heading, body in sections if "```python" in body}


def put_in(block: str, file: Path) -> list[str]:
    """Add to a file the lines of a block that it lacks, and return them.

    Imports go in front of the first one. A line goes below the line that stands before it in the block, at the end of
    the bracket where `...` is between; one that gives a new value to a name that the file has replaces it.
    """
    lines, added, above, at_end = file.read_text(encoding="utf-8").splitlines(), [], "", False
    for line in filter(str.strip, block.splitlines()):
        if line.strip() == "...":
            at_end = True
        elif line in lines:
            above = above if line in ")]}" else line
        else:
            added.append(line)
            name = re.match(r"\w+: [^=]+ = (?=.)", line)
            same = [n for n, old in enumerate(lines) if name and old.startswith(name[0])]
            if line.startswith(("import ", "from ")):
                lines.insert(next(n for n, old in enumerate(lines) if old.startswith(("import ", "from "))), line)
            elif same:
                lines[same[0]] = line
            else:
                assert above, f"{file.name} has no place for {line!r}"
                place = lines.index(above) + 1
                while at_end and lines[place] not in (")", "]", "}"):
                    place += 1
                lines.insert(place, line)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return added


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
    """What running each example said ("" where it ran), and how many files and lines it took, by heading.

    All are put into one copy of the package and run there in one process, since the start of JAX is what takes time.
    """
    copy = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    cost, in_use = {}, {}
    for heading, blocks in examples().items():
        files = lines = 0
        for title, code in blocks:
            if title == IN_USE:
                in_use[heading] = code
            elif (copy / title).exists():
                lines += len(put_in(code, copy / title))
            else:
                (copy / title).write_text(code, encoding="utf-8")
                files += 1
        cost[heading] = (files, lines)
    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL], cwd=copy, env=environment, input=json.dumps(in_use), capture_output=True,
        text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), cost


@pytest.mark.parametrize("heading", examples())
def test_worked_examples_of_contributing_run(heading: str, extended) -> None:
    said, _ = extended
    assert said[heading] == ""


def test_what_each_kind_costs_is_what_its_example_takes(extended) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| ([a-z][\w ,]+) \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    _, cost = extended
    said = {kind: (int(files), int(lines)) for kind, files, lines in table}
    assert list(said.values()) == list(cost.values())
    for kind, heading in zip(said, cost, strict=True):
        assert kind.split(",")[0] in re.sub("^An? ", "", heading).lower() + " of the multigrid", (kind, heading)
