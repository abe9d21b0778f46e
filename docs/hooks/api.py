"""The API's pages: the public names of `trabfem`, then every room with its modules, from the package's own tree."""

import ast
import importlib
import json
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "trabfem"
ROOMS = {
    "schedule": "One grammar for drugs and loads; knows no agent's meaning.",
    "specimen": "What the bone is: voxels and their place in space, readers, synthetic volumes, morphometry.",
    "mechanics": "Linear and nonlinear elasticity on voxels; knows nothing of biology.",
    "biology": "Hormones, agents, cells, people and trials; knows nothing of voxels.",
    "analysis": "Questions asked of a specimen: solve, strength, homogenize.",
    "remodelling": "Mechanics and biology on the voxels: one step of a run.",
    "runs": "Arms and members, carried out, written and read again.",
    "render": "Pictures, reports and the viewer; nothing imports these.",
}
GROUND = "ground"
HIDDEN = {"__main__", "__init__", "cli"}
Made = tuple[str, str, str]


@cache
def pages() -> list[Made]:
    """(title, path, Markdown) of every page, public names first."""
    made = [("Public names", "api/index.md", public())]
    rooms = [room for room in ROOMS if (PACKAGE / room).is_dir()]
    unknown = [p.name for p in sorted(PACKAGE.iterdir()) if (p / "__init__.py").exists() and p.name not in ROOMS]
    made += [(room, f"api/{room}.md", _room(room)) for room in [*rooms, *(r for r in unknown if r not in HIDDEN)]]
    return [*made, (GROUND, f"api/{GROUND}.md", _ground())]


def public_names() -> list[str]:
    """`trabfem.__all__`, read without an import; empty where there is none yet."""
    for node in ast.parse((PACKAGE / "__init__.py").read_text()).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            try:
                return [name for name in ast.literal_eval(node.value) if not name.startswith("_")]  # type: ignore[arg-type]
            except ValueError:
                break
    module = importlib.import_module("trabfem")
    return [name for name in getattr(module, "__all__", ()) if not name.startswith("_")]


def public() -> str:
    """The page of what `import trabfem as tf` offers."""
    names = public_names()
    lines = ["# Public names", "", "What `import trabfem as tf` offers. Everything is imported on first use.", ""]
    if not names:
        rooms = ", ".join(f"[{room}]({room}.md)" for room in ROOMS if (PACKAGE / room).is_dir())
        return "\n".join([*lines, f"The rooms: {rooms}.", ""])
    for name in names:
        path, kind = _found(name)
        if kind:
            lines += [f"## tf.{name}", "", kind, ""]
        else:
            shown = {"heading": f"tf.{name}", "toc_label": f"tf.{name}", "heading_level": 2}
            lines += [_entry(path, show_root_heading=True, show_root_toc_entry=True, **shown), ""]
    return "\n".join(lines)


def _found(name: str) -> tuple[str, str]:
    """Where a public name is defined; or a sentence, where it is a module or a plain value."""
    module = importlib.import_module("trabfem")
    value = getattr(module, name)
    if hasattr(value, "__path__") or type(value).__name__ == "module":
        room = value.__name__.split(".")[1]
        page = room if (PACKAGE / room).is_dir() else GROUND
        return value.__name__, f"The module [`{value.__name__}`]({page}.md)."
    if hasattr(value, "__qualname__") and hasattr(value, "__module__"):
        return f"{value.__module__}.{value.__qualname__}", ""
    return "", f"`{value!r}`"


def _entry(path: str, **options: object) -> str:
    """A block for mkdocstrings."""
    said = [f"      {key}: {json.dumps(value)}" for key, value in options.items()]
    return "\n".join([f"::: {path}", *(["    options:"] if said else []), *said])


def _room(room: str) -> str:
    """A room and all its modules."""
    modules = sorted((PACKAGE / room).rglob("*.py"), key=lambda path: (len(path.parents), path.parts))
    lines = [f"# trabfem.{room}", "", ROOMS.get(room, ""), ""]
    for path in modules:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if any(part.startswith("_") and part != "__init__" for part in parts) or _empty(path):
            continue
        title = name.removeprefix(f"trabfem.{room}.")
        lines += [f"## {title}", "", _entry(name), ""]
    return "\n".join(lines)


def _empty(path: Path) -> bool:
    """A package that says nothing but its docstring has no entry of its own."""
    tree = ast.parse(path.read_text())
    return path.name == "__init__.py" and not any(
        isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body
    )


def _ground() -> str:
    """The modules below all rooms."""
    lines = ["# The ground", "", "What every room may use.", ""]
    for path in sorted(PACKAGE.glob("*.py")):
        if path.stem not in HIDDEN and path.stem != "constants":
            lines += [f"## {path.stem}", "", _entry(f"trabfem.{path.stem}"), ""]
    numbers = "Every number with unit and source: see [Numbers and their sources](../theory/constants.md)."
    return "\n".join([*lines, "## constants", "", numbers, ""])
