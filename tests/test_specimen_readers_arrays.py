"""numpy's files: axes of one value, kinds of numbers, and headers that claim too much."""

import io
import os
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import readers

SPACING = (0.030, 0.041, 0.052)


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    return np.random.default_rng(2).random((4, 5, 7)) < 0.4


@pytest.mark.parametrize("kind", ["bool", "u1", "u1 255", "i1 -1", ">i2", ">f4", "<f8", "f2", "u8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_masks_of_every_kind_of_number(tmp_path, mask, kind, order) -> None:
    kind, _, value = kind.partition(" ")
    values = np.array(
        mask.T * np.array(int(value or 1)).astype(kind if kind != "bool" else int), dtype=kind, order=order
    )
    np.save(tmp_path / "m.npy", values)
    np.savez_compressed(tmp_path / "m.npz", mask=values, spacing_zyx_mm=SPACING[::-1])
    np.testing.assert_array_equal(readers.read(tmp_path / "m.npy", spacing=0.03).mask, mask)
    specimen = readers.read(tmp_path / "m.npz")
    np.testing.assert_array_equal(specimen.mask, mask)
    assert specimen.spacing == SPACING


def test_axes_of_one_value_are_left_out_and_said(tmp_path, mask) -> None:
    for name, values in (("zyx1", mask.T[..., None]), ("czyx", mask.T[None]), ("tczyx", mask.T[None, None])):
        np.save(tmp_path / f"{name}.npy", values)
        specimen = readers.read(tmp_path / f"{name}.npy", spacing=0.03)
        np.testing.assert_array_equal(specimen.mask, mask)
        assert "read as (z, y, x)" in specimen.notes[0]


@pytest.mark.parametrize("shape", [(2, 7, 5, 4), (1, 7, 1, 4), (1, 1, 1, 7, 4)])
def test_ambiguous_axes_are_refused(tmp_path, shape) -> None:
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(UserError, match="a.npy: which of the axes .* are z, y and x cannot be known"):
        readers.read(tmp_path / "a.npy", spacing=0.03)


def test_an_array_that_is_left_is_named(tmp_path, mask) -> None:
    np.savez(tmp_path / "a.npz", mask=mask.T, gray=mask.T * 900, spacing_zyx_mm=SPACING[::-1])
    assert "'mask' was taken, 'gray' left" in readers.read(tmp_path / "a.npz").notes[0]
    assert "Otsu" not in "".join(readers.read(tmp_path / "a.npz", array="gray").notes)


class Bomb:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.path,)


def test_objects_are_refused_and_no_code_is_run(tmp_path) -> None:
    trap = tmp_path / "code-was-run"
    values = np.array([[[Bomb(str(trap))]]], dtype=object)
    np.save(tmp_path / "o.npy", values, allow_pickle=True)
    np.savez(tmp_path / "o.npz", mask=values)
    np.savez(tmp_path / "s.npz", mask=np.ones((2, 2, 2)), spacing_zyx_mm=np.array([Bomb(str(trap))], dtype=object))
    for name in ("o.npy", "o.npz", "s.npz"):
        with pytest.raises(UserError, match=rf"{name}: .* holds Python objects, which are not read"):
            readers.read(tmp_path / name, spacing=0.03)
    assert not trap.exists()


def header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def test_headers_that_claim_more_than_there_is(tmp_path) -> None:
    claim = header((10_000, 10_000, 10_000)) + bytes(100)
    (tmp_path / "a.npy").write_bytes(claim)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mask.npy", claim)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(
            UserError, match="claims 10000 x 10000 x 10000 values of uint8, more than its bytes can hold"
        ):
            readers.read(tmp_path / name, spacing=0.03)


def test_an_archive_that_lies_about_its_size(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mask.npy", header((100, 100, 100)) + bytes(1_000_000))
    content = (tmp_path / "a.npz").read_bytes()
    size = len(header((100, 100, 100))) + 1_000_000
    (tmp_path / "a.npz").write_bytes(content.replace(size.to_bytes(4, "little"), (4 * 10**9).to_bytes(4, "little")))
    with pytest.raises(UserError, match="mask.npy claims 4e[+]09 bytes that are not there"):
        readers.read(tmp_path / "a.npz", spacing=0.03)


def test_an_array_larger_than_the_memory(tmp_path, monkeypatch, mask) -> None:
    np.savez(tmp_path / "a.npz", mask=mask.T, spacing_zyx_mm=0.03)
    free = type("Memory", (), {"available": 100})
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    with pytest.raises(UserError, match="mask.npy takes .* GB and .* GB of memory are free; crop the scan"):
        readers.read(tmp_path / "a.npz")


def test_a_spacing_that_is_none(tmp_path, mask) -> None:
    for values in ([0.03, 0.03], ["a"], []):
        np.savez(tmp_path / "a.npz", mask=mask.T, spacing_zyx_mm=values)
        with pytest.raises(UserError, match=r"a.npz: spacing and origin are one number or three \(z, y, x\)"):
            readers.read(tmp_path / "a.npz")
