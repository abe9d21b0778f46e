"""The API's pages: the public names of `trabfem`, then every room with its modules, from the package's own tree."""

import ast
import importlib
import inspect
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
    """`trabfem.__all__` without what begins with `_`, in the order of the rooms that define them."""
    homes = importlib.import_module("trabfem").HOMES
    places = {module: place for place, (module, _) in enumerate(homes.values())}
    return sorted(homes, key=lambda name: places[homes[name][0]])


def public() -> str:
    """The page of what `import trabfem as tf` offers: a line a name, then all of it."""
    lines = ["# Public names", "", "What `import trabfem as tf` offers. Everything is imported on first use.", ""]
    lines += ["| name | what it is |", "|---|---|"]
    module, entries = importlib.import_module("trabfem"), []
    for name in public_names():
        path, text = _found(name)
        shown = {"heading": f"tf.{name}", "toc_label": f"tf.{name}", "heading_level": 2}
        entry = _entry(path, show_root_heading=True, show_root_toc_entry=True, **shown)
        entries += [f"## tf.{name}\n\n{text}" if text else entry, ""]
        first = (inspect.getdoc(getattr(module, name)) or text).split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        lines.append(f"| {f'[`tf.{name}`][{path}]' if path else f'`tf.{name}`'} | {first} |")
    return "\n".join([*lines, "", *entries])


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
        if any(part.startswith("_") and part != "__init__" for part in parts):
            continue
        # A package hands on what its modules define; here it has its own alone, and nothing where it has none.
        options = {"members": _own(path)} if path.name == "__init__.py" else {}
        if options == {"members": []}:
            continue
        title = name.removeprefix(f"trabfem.{room}.")
        lines += [f"## {title}", "", _entry(name, **options), ""]
    return "\n".join(lines)


def _own(path: Path) -> list[str]:
    """Functions and classes that a file defines, without those that begin with `_`."""
    defined = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    return [node.name for node in defined if not node.name.startswith("_")]


def _ground() -> str:
    """The modules below all rooms."""
    lines = ["# The ground", "", "What every room may use.", ""]
    for path in sorted(PACKAGE.glob("*.py")):
        if path.stem not in HIDDEN and path.stem != "constants":
            lines += [f"## {path.stem}", "", _entry(f"trabfem.{path.stem}"), ""]
    numbers = "Every number with unit and source: see [Numbers and their sources](../theory/constants.md)."
    return "\n".join([*lines, "## constants", "", numbers, ""])
