"""Shape checks on every annotated function of trabfem, and where the published volumes are."""

import os
import tempfile
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("trabfem", "typechecking.check")

# The command line keeps compiled programs; under test in a folder that goes away, not in the user's cache, where the
# processes that tests start find what the tests have compiled.
COMPILED = tempfile.TemporaryDirectory(prefix="trabfem-tests-")
os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def volumes() -> Path:
    """Folder with the published reference volumes; skips where it is absent."""
    folder = Path(os.environ.get("TRABFEM_VOLUMES", ROOT.parent / "shared" / "data" / "volumes"))
    if not folder.is_dir():
        pytest.skip(f"reference volumes not found at {folder}; set TRABFEM_VOLUMES to their folder")
    return folder
