"""Reading with libraries that may crash, hang or fill the memory on a damaged file: in a process of its own.

The modules `extract_vtk`, `extract_itk` and `extract_meshio` leave what they find as .npy files and one JSON file in a
folder. They import nothing of trabfem, so that their process starts in a fraction of a second.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from trabfem.errors import UserError

MEMORY, MEMORY_PER_BYTE = 3 << 30, 1000
"""Bytes that reading may take, and more for each byte of a file: zlib packs up to 1000 equal bytes in one."""
SECONDS, BYTES_PER_SECOND = 60, 1e6
IN_SEVERAL_FILES = (".mhd", ".nhdr", ".xdmf", ".xmf", ".pvti", ".pvtr", ".pvts", ".pvtu")


def extract(module: str, path: Path, folder: Path) -> dict[str, Any]:
    """What the module `module` finds in the file. UserError where it fails, or does not come to an end."""
    several = path.suffix.lower() in IN_SEVERAL_FILES
    size = sum(part.stat().st_size for part in (path.parent.iterdir() if several else [path]) if part.is_file())
    memory = min(MEMORY + MEMORY_PER_BYTE * size, psutil.virtual_memory().total)
    failed = run_program(module, path, folder, memory, SECONDS + size / BYTES_PER_SECOND)
    if failed is None and not (folder / "found.json").exists():
        failed = "the reader ended without a word"
    if failed is not None:
        raise UserError(f"{path}: cannot be read ({failed[:150]}), check that the file is whole and its suffix right")
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    if "error" in found:
        raise UserError(f"{path}: {found['error']}")
    return found


def run_program(module: str, path: Path, folder: Path, memory: int, seconds: float) -> str | None:
    """Run a module on the file; None where it came to its end, else why it did not."""
    here = Path(__file__).parent
    # -P: the folder of the program, where modules have names of others, stays out of the search path.
    command = [sys.executable, "-P", str(here / "isolated_main.py"), str(here / f"{module}.py")]
    try:
        done = subprocess.run(
            [*command, str(path), str(folder), str(memory)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return "the reader does not come to an end with it"
    if not done.returncode:
        return None
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return said[-1] if said else f"the reader ended with code {done.returncode}"
