"""The program that `isolated` starts. Arguments: a module to load, a file, a folder, bytes of memory."""

import json
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def main(module: Mapping[str, Any], path: Path, folder: Path, memory: int) -> None:
    """Extract the file into the folder with `module`; what is wrong with it is written as `error` in the JSON."""
    limit_memory(memory)
    advice = "check that the file is whole and its suffix right"
    try:
        found = module["extract"](path, folder)
    except module["FileError"] as error:
        found = {"error": str(error)}
    except MemoryError:
        found = {"error": "asks for more memory than its bytes can fill or the machine has; copy it again or crop it"}
    except SystemExit:
        # meshio ends the program where none of its readers knows the content.
        found = {"error": f"cannot be read (its content is not what its suffix says), {advice}"}
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        found = {"error": f"cannot be read ({reason[:150]}), {advice}"}
    (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")


def limit_memory(size: int) -> None:
    """Let an allocation beyond `size` bytes fail, where the system can."""
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    size = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_AS, (size, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(runpy.run_path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
