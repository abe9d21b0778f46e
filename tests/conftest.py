"""Shape checks on every annotated function of trabfem, and where the published volumes are."""

import os
import tempfile
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("trabfem", "typechecking.check")

# The program keeps compiled programs; under test in a folder that goes away, not in the user's cache, where all the
# processes of the tests and those that they start find what has been compiled.
if "PYTEST_XDIST_WORKER" not in os.environ:
    COMPILED = tempfile.TemporaryDirectory(prefix="trabfem-tests-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
# Several processes on one GPU would each claim three quarters of its memory.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def volumes() -> Path:
    """Folder with the published reference volumes; skips where it is absent."""
    folder = Path(os.environ.get("TRABFEM_VOLUMES", ROOT.parent / "shared" / "data" / "volumes"))
    if not folder.is_dir():
        pytest.skip(f"reference volumes not found at {folder}; set TRABFEM_VOLUMES to their folder")
    return folder
