"""Shape checks on every annotated function of trabfem, and where the published volumes are."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("trabfem", "typechecking.check")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def volumes() -> Path:
    """Folder with the published reference volumes; skips where it is absent."""
    folder = Path(os.environ.get("TRABFEM_VOLUMES", ROOT.parent / "shared" / "data" / "volumes"))
    if not folder.is_dir():
        pytest.skip(f"reference volumes not found at {folder}; set TRABFEM_VOLUMES to their folder")
    return folder
