"""Run a script in percent format cell by cell and keep what each cell shows, as a notebook does.

    python run_cells.py SCRIPT OUT.json FIGURES

Executed by `tutorials.py` in a process of its own, so that one script cannot change another or the build. A cell shows
what it prints, the value of its last expression (as HTML where the value has `_repr_html_`), and its figures.
"""

import ast
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

CODE, TEXT = "code", "markdown"
CANNOT_DRAW = "no pictures of the bone"
"""How the program complains where VTK cannot draw; a page then has the complaint in place of the picture."""


def split(source: str) -> list[tuple[str, str]]:
    """(kind, text) of every cell; `# %% [markdown]` begins text, whose comment signs are taken off."""
    cells: list[tuple[str, list[str]]] = []
    for line in source.splitlines():
        if line.startswith("# %%"):
            cells.append((TEXT if "[markdown]" in line else CODE, []))
        elif cells:
            cells[-1][1].append(line)
    plain = {CODE: lambda line: line, TEXT: lambda line: line.removeprefix("#").removeprefix(" ")}
    found = [(kind, "\n".join(map(plain[kind], lines)).strip("\n")) for kind, lines in cells]
    return [(kind, text) for kind, text in found if text.strip()]


def run(code: str, names: dict[str, Any]) -> Any:
    """Execute `code` in `names`; the value of its last line where that is an expression."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "tutorial", "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "tutorial", "eval"), names)


def figures(value: Any) -> list[Any]:
    """The matplotlib figures that a cell has left open, and the one that it ends with."""
    found = [value] if hasattr(value, "savefig") else []
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        found += [figure for figure in map(pyplot.figure, pyplot.get_fignums()) if figure not in found]
        pyplot.close("all")
    return found


def shown(code: str, names: dict[str, Any], folder: Path, number: int) -> dict[str, Any]:
    """What one cell shows."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            value = run(code, names)
        except Exception as error:
            if not str(error).startswith(CANNOT_DRAW):
                raise
            value = print(error)
    files = []
    for figure in figures(value):
        path = folder / f"{number:02d}-{len(files)}.png"
        figure.savefig(path, dpi=120, bbox_inches="tight")
        files.append(path.name)
    out: dict[str, Any] = {"text": printed.getvalue().rstrip(), "html": "", "figures": files}
    if value is None or hasattr(value, "savefig"):
        return out
    if hasattr(value, "_repr_html_"):
        return out | {"html": value._repr_html_()}
    return out | {"text": "\n".join(filter(None, [out["text"], repr(value)]))}


def main(script: Path, out: Path, folder: Path) -> None:
    """All cells of `script`; the outputs of its code cells in order to `out`."""
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [code for kind, code in split(script.read_text(encoding="utf-8")) if kind == CODE]
    out.write_text(json.dumps([shown(code, names, folder, number) for number, code in enumerate(cells)]))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
