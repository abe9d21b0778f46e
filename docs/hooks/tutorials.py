"""Tutorials: scripts of `docs/tutorials` in percent format, made into pages with what their cells show.

`TRABFEM_DOCS_EXECUTE=0` leaves the outputs out. What a script showed is kept in `build/docs` until the script or the
package changes.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import run_cells

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "tutorials"
KEPT = ROOT / "build" / "docs"
NOT_RUN = '!!! note "Built without running"\n\n    The outputs are left out of this build (`TRABFEM_DOCS_EXECUTE=0`).\n'
LONGEST_S = 900


def execute() -> bool:
    """Whether this build runs what it shows."""
    return os.environ.get("TRABFEM_DOCS_EXECUTE", "1") != "0"


def scripts() -> list[Path]:
    """All tutorials."""
    return sorted(FOLDER.glob("*.py"))


def outputs(script: Path) -> tuple[list[dict[str, Any]], Path]:
    """What the code cells of `script` show, and the folder of their figures; run now unless it is known."""
    folder = KEPT / f"{script.stem}-{_digest(script)}"
    kept = folder / "cells.json"
    if not kept.exists():
        began = time.perf_counter()
        _run(script, kept, folder)
        print(f"ran {script.name} in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return json.loads(kept.read_text()), folder


def _digest(script: Path) -> str:
    """Of the script and of all that it may call."""
    digest = hashlib.sha256()
    for path in [script, Path(run_cells.__file__), *sorted((ROOT / "src").rglob("*"))]:
        if path.suffix in {".py", ".json", ".csv", ".c"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _run(script: Path, kept: Path, folder: Path) -> None:
    source = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    environment = os.environ | {"PYTHONPATH": source, "MPLBACKEND": "Agg", "COLUMNS": "100"}
    command = [sys.executable, run_cells.__file__, str(script), str(kept), str(folder)]
    with tempfile.TemporaryDirectory(prefix="trabfem-docs-") as scratch:
        done = subprocess.run(
            command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    if done.returncode:
        # Here, so that the tests can look at the tables of the documentation without mkdocs.
        from mkdocs.exceptions import PluginError

        raise PluginError(f"{script.name} failed:\n{done.stderr[-3000:]}")


def page(script: Path, shown: list[dict[str, Any]] | None) -> str:
    """The page in Markdown; `shown` as `outputs` gives it, None where the script was not run."""
    parts, number = [], 0
    for kind, text in run_cells.split(script.read_text(encoding="utf-8")):
        if kind == run_cells.TEXT:
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        if shown is not None:
            parts += _shown(script.stem, shown[number])
        number += 1
    if shown is None:
        parts.insert(1, NOT_RUN)
    parts.append(f"[The whole script]({script.name}){{ download }}")
    return "\n\n".join(parts) + "\n"


def _shown(stem: str, cell: dict[str, Any]) -> list[str]:
    """Text, table and figures below a code cell."""
    parts = []
    if cell["text"]:
        parts.append(f'``` {{ .text .output title="Output" }}\n{cell["text"]}\n```')
    if cell["html"]:
        # Blank lines would end the block of HTML.
        html = re.sub(r"\n\s*\n", "\n", cell["html"])
        parts.append(f'<div class="shown">{html}</div>')
    parts += [f"![Figure drawn by the cell above]({stem}/{name})" for name in cell["figures"]]
    return parts
