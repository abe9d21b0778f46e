"""A lab's own file format and index: one function each and one line in a registry, used as everything else is."""

from pathlib import Path

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import Specimen, as_specimen, from_mask, morphometry, read, readers
from trabfem.specimen.readers import Raw
from trabfem.tables import Column


def read_dots(path: Path, threshold: float | int | None) -> Raw:
    """Layers of dots and hashes, one line a row, blank lines between layers along z."""
    layers = [layer.splitlines() for layer in path.read_text().strip().split("\n\n")]
    array = np.array([[[mark == "#" for mark in row] for row in layer] for layer in layers])
    return Raw(array.T, spacing=(0.03, 0.04, 0.05))


def test_a_new_format_is_a_function_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(readers.READERS, ".dots", read_dots)
    (tmp_path / "bone.dots").write_text("##.\n#..\n\n##.\n...\n")
    bone = read(tmp_path / "bone.dots")
    assert (bone.shape, bone.spacing, bone.name) == ((3, 2, 2), (0.03, 0.04, 0.05), "bone")
    assert [tuple(voxel) for voxel in np.argwhere(bone.mask)] == [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1)]
    assert as_specimen(tmp_path / "bone.dots", spacing=0.1).spacing == (0.1, 0.1, 0.1)
    (tmp_path / "bad.dots").write_text("##.\n#\n")
    with pytest.raises(UserError, match="bad.dots: cannot be read"):
        read(tmp_path / "bad.dots")


class Depth:
    """Deepest bone of the block."""

    COLUMNS = (Column("depth", "mm", "height of the highest bone"),)

    def measure(self, specimen: Specimen) -> dict[str, float]:
        return {"depth": (1 + np.argwhere(specimen.mask)[:, 2].max()) * specimen.spacing[2]}


def test_a_new_index_is_a_module_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(morphometry, "FAMILIES", [*morphometry.FAMILIES, Depth()])
    mask = np.zeros((9, 9, 9), bool)
    mask[2:6, 2:6, 1:7] = True
    found = morphometry.morphometry(from_mask(mask, 0.05))
    assert found["depth"] == pytest.approx(0.35)
    assert found.units["depth"] == "mm" and "BV/TV" in found
