"""The rooms' walls, read from the import statements: dependencies go down only, drawing stays in render."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
PACKAGE = SOURCE / "trabfem"

EVERYWHERE = {
    "errors",
    "constants",
    "csv_reading",
    "tables",
    "display",
    "device",
    "keyboard",
    "memory",
    "schedule",
    "vti",
}
SIDE_BY_SIDE = {"specimen", "mechanics", "biology"}
BELOW = {
    "__init__": EVERYWHERE | SIDE_BY_SIDE | {"analysis", "remodelling", "runs"},
    "errors": set(),
    "constants": set(),
    "csv_reading": {"errors"},
    "tables": {"errors"},
    "display": set(),
    "device": {"errors"},
    "keyboard": set(),
    "memory": {"errors"},
    "schedule": {"errors", "constants"},
    "vti": {"errors"},
    **dict.fromkeys(SIDE_BY_SIDE, EVERYWHERE),
    "analysis": EVERYWHERE | {"specimen", "mechanics"},
    "remodelling": EVERYWHERE | SIDE_BY_SIDE,
    "runs": EVERYWHERE | SIDE_BY_SIDE | {"analysis", "remodelling"},
    "render": EVERYWHERE | {"specimen", "runs"},
    "cli": EVERYWHERE | SIDE_BY_SIDE | {"__version__", "analysis", "remodelling", "runs", "render"},
    "__main__": {"cli"},
}
READING_VTK = ("vtkmodules.vtkIO", "vtkmodules.vtkCommon", "vtkmodules.util")
"""Parts of VTK that read files and draw nothing."""
DRAWING = {"pyvista", "matplotlib", "vtk", "vtkmodules", "trame"}
HEAVY_READERS = {"meshio", "h5py", "SimpleITK", "tifffile", "nibabel"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path, tree: ast.AST) -> Iterator[str]:
    """Full dotted names that `tree`, a part of the module at `path`, imports; relative ones resolved."""
    package = path.relative_to(SOURCE).with_suffix("").parts[:-1] if path.is_relative_to(SOURCE) else ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def imported_at_top(path: Path, tree: ast.Module) -> Iterator[str]:
    """Names imported when the module is, that is outside every function."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imported(path, node)


def test_imported_resolves_every_form() -> None:
    code = "import a.b\nfrom trabfem.x import y\nfrom . import p\nfrom ..mechanics.solve import q\n"
    code += "def f():\n    import h5py\n"
    path, tree = PACKAGE / "biology" / "cells.py", ast.parse(code)
    every = ["a.b", "trabfem.x.y", "trabfem.biology.p", "trabfem.mechanics.solve.q", "h5py"]
    assert sorted(imported(path, tree)) == sorted(every)
    assert "h5py" not in set(imported_at_top(path, tree))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    room = room_of(path)
    assert room in BELOW, f"{room} is a new room: say in this test what it may import"
    for name in imported(path, ast.parse(path.read_text(encoding="utf-8"))):
        parts = name.split(".")
        if parts[0] == "trabfem" and len(parts) > 1 and parts[1] in BELOW:
            assert parts[1] == room or parts[1] in BELOW[room], f"{room} must not import {name}"
        drawing = parts[0] in DRAWING and not name.startswith(READING_VTK)
        assert not drawing or room == "render", f"{name} is imported outside render"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_formats_are_imported_where_used(path: Path) -> None:
    top = {name.split(".")[0] for name in imported_at_top(path, ast.parse(path.read_text(encoding="utf-8")))}
    assert not top & HEAVY_READERS, "import it inside the function that reads or writes"


USERS = sorted(path for folder in ("experiments", "bench") for path in (SOURCE.parent / folder).rglob("*.py"))


@pytest.mark.parametrize("path", USERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_experiments_and_bench_use_the_library(path: Path) -> None:
    """The command line is for people: whoever programs takes what it is made of."""
    names = list(imported(path, ast.parse(path.read_text(encoding="utf-8"))))
    assert not [name for name in names if name.startswith("trabfem.cli")], "import from the library instead"


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(SOURCE), "PATH": "", "JAX_PLATFORMS": "cpu"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)


def test_import_is_cheap_and_silent() -> None:
    done = run_python(
        "import sys, trabfem, trabfem.cli\n"
        "assert not {'jax', 'pyvista', 'matplotlib', 'scipy', 'h5py', 'meshio'} & set(sys.modules), sorted(sys.modules)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_rooms_are_found_on_first_use() -> None:
    done = run_python("import trabfem; print(trabfem.errors.UserError.__name__, 'mechanics' in dir(trabfem))")
    assert done.stdout == "UserError True\n", done.stderr


def test_solver_imports_on_a_bare_node() -> None:
    blocked = ["pyvista", "vtk", "meshio", "matplotlib", "h5py", "cyclopts", "rich"]
    done = run_python(
        f"import sys\nfor name in {blocked}: sys.modules[name] = None\n"
        "import trabfem.mechanics.solve, trabfem.mechanics.fields, trabfem.mechanics.strength, jax\n"
        "import trabfem.analysis.solve, trabfem.analysis.strength, trabfem.runs.compare\n"
        "assert not jax.config.jax_enable_x64, 'an import changed a JAX option'"
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_render_imports_without_jax() -> None:
    """Pictures are made where there is no JAX: of `runs`, drawing sees the reader alone."""
    modules = [f"trabfem.render.{path.stem}" for path in sorted((PACKAGE / "render").glob("[a-z]*.py"))]
    done = run_python(
        "import sys\nfor name in ('jax', 'equinox', 'diffrax'): sys.modules[name] = None\n"
        f"import importlib\nfor name in {modules}: importlib.import_module(name)"
    )
    assert done.returncode == 0, done.stderr
