import importlib
import struct

import numpy as np
import pytest

from scanner_files import (
    BITS,
    CHAR,
    FIRST,
    FLOAT,
    LOG,
    RUNS,
    RUNS_OF_TWO,
    SHORT,
    SPACING,
    aim_020,
    aim_030,
    gobj,
    isq,
    vms,
)
from trabfem.errors import UserError
from trabfem.specimen import readers
from trabfem.specimen.readers.raw import DENSITY_UNIT

CORNER = pytest.approx([(n - 0.5) * h for n, h in zip(FIRST, SPACING, strict=True)], rel=1e-5)


@pytest.fixture
def mask():
    mask = np.random.default_rng(0).random((5, 6, 301)) < 0.4
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    return mask


@pytest.fixture
def gray(mask):
    values = np.where(mask, 6000, 2000) + np.random.default_rng(1).integers(-500, 500, mask.shape)
    return values.astype(np.int16)


def write_030(path, values, **more):
    meta = {"element_size": SPACING, "position": FIRST, "processing_log": LOG, **more}
    pytest.importorskip("py_aimio").write_aim(str(path), np.ascontiguousarray(values.T), meta)


# AIM ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [CHAR, RUNS_OF_TWO, RUNS, BITS])
@pytest.mark.parametrize("border", [(0, 0, 0), (1, 2, 3)])
def test_masks_of_every_type(tmp_path, mask, kind, border):
    path = tmp_path / "M.AIM;1"
    inside = mask.copy()
    if any(border):
        inner = tuple(slice(b, -b) for b in border)
        inside[...] = False
        inside[inner] = mask[inner]
    write_030(path, (inside * 127).astype(np.int8), aim_type=kind, offset=border)
    raw = readers.read_content(path)
    np.testing.assert_array_equal(raw.array == 127, inside)
    assert raw.is_mask and raw.calibration is None
    assert raw.spacing == pytest.approx(SPACING) and raw.origin == CORNER
    assert bool(raw.notes) == any(border)
    np.testing.assert_array_equal(readers.read(path).mask, inside)


def test_bits_of_eight_voxels(tmp_path, mask):
    padded = np.pad(mask, [(0, n % 2) for n in mask.shape]).T
    blocks = padded.reshape([m for n in padded.shape for m in (n // 2, 2)]).transpose(0, 2, 4, 1, 3, 5)
    data = np.packbits(blocks.reshape(-1, 8), axis=1, bitorder="little").tobytes()
    (tmp_path / "b.aim").write_bytes(aim_020(mask.shape, BITS, data + b"\x7f"))
    np.testing.assert_array_equal(readers.read(tmp_path / "b.aim").mask, mask)
    aimio = pytest.importorskip("py_aimio")
    np.testing.assert_array_equal(aimio.read_aim(str(tmp_path / "b.aim"))[0].T != 0, mask)


def test_runs_longer_than_a_byte(tmp_path):
    """255 stands for 254 voxels that the next run goes on with."""
    body = bytes([0, 127, 255, 255, 10, 3, 255, 1])
    count = 254 + 254 + 10 + 3 + 255
    (tmp_path / "r.aim").write_bytes(
        aim_020((count, 1, 1), RUNS_OF_TWO, struct.pack("<i", len(body) + 4) + body, border=(0, 0, 0))
    )
    values = readers.read_content(tmp_path / "r.aim").array.ravel()
    np.testing.assert_array_equal(values, np.repeat([0, 127, 0], [518, 3, 255]))


def test_gray_values_of_version_020(tmp_path, gray, mask):
    path = tmp_path / "g.aim"
    path.write_bytes(aim_020(gray.shape, SHORT, gray.T.astype("<i2").tobytes()))
    raw = readers.read_content(path)
    np.testing.assert_array_equal(raw.array, gray)
    assert raw.spacing == pytest.approx(SPACING, rel=1e-6) and raw.origin == CORNER
    aimio = pytest.importorskip("py_aimio")
    density, meta = aimio.read_aim(str(path), density=True)
    assert raw.calibration is not None and raw.calibration.unit == DENSITY_UNIT
    assert "processing log" in raw.calibration.source
    np.testing.assert_allclose(raw.calibration(raw.array), density.T, rtol=1e-5, atol=1e-3)
    assert raw.spacing == pytest.approx(meta["spacing"], rel=1e-6)
    # What the library calls origin is the middle of the first voxel.
    assert raw.spacing is not None
    middle = [o + h / 2 for o, h in zip(raw.origin, raw.spacing, strict=True)]
    assert middle == pytest.approx(meta["origin"], rel=1e-5)
    specimen = readers.read(path, threshold=1603.51904 / 8192 * 4000 - 391.209)
    np.testing.assert_array_equal(specimen.mask, gray >= 4000)
    assert specimen.density is not None
    assert specimen.density[1, 2, 3] == pytest.approx(gray[1, 2, 3] * 1603.51904 / 8192 - 391.209015, rel=1e-5)


def test_floats_of_vms(tmp_path, gray):
    path = tmp_path / "f.aim"
    values = gray.astype(np.float32) / 7
    path.write_bytes(aim_020(gray.shape, FLOAT, b"".join(vms(v) for v in values.T.ravel().tolist())))
    np.testing.assert_allclose(readers.read_content(path).array, values, rtol=1e-6)
    write_030(path, values)
    np.testing.assert_allclose(readers.read_content(path).array, values, rtol=1e-6)


def test_version_030_by_hand(tmp_path, gray):
    (tmp_path / "h.aim").write_bytes(aim_030(gray.shape, SHORT, gray.T.astype("<i2").tobytes()))
    raw = readers.read_content(tmp_path / "h.aim")
    np.testing.assert_array_equal(raw.array, gray)
    assert raw.spacing == pytest.approx(SPACING) and raw.origin == CORNER and raw.calibration is not None


def test_labels_stay_labels(tmp_path, mask):
    """The log of a mask is that of the scan, but labels have no density."""
    labels = (mask * (1 + np.arange(6)[:, None] % 3)).astype(np.int8)
    for dtype in (np.int8, np.int16):
        write_030(tmp_path / "l.aim", labels.astype(dtype))
        raw = readers.read_content(tmp_path / "l.aim")
        assert not raw.is_mask and raw.calibration is None
        with pytest.raises(UserError, match="label = not given: .*0, 1, 2 and 3"):
            readers.read(tmp_path / "l.aim")
        np.testing.assert_array_equal(readers.read(tmp_path / "l.aim", label=2).mask, labels == 2)
    assert "left out" in raw.notes[0]


def test_hounsfield_where_the_log_has_no_density(tmp_path, gray):
    log = "\n".join(line for line in LOG.splitlines() if not line.startswith("Density")) + "\n"
    write_030(tmp_path / "h.aim", gray, processing_log=log)
    line = readers.read_content(tmp_path / "h.aim").calibration
    assert line is not None and line.unit == "HU"
    assert line.slope == pytest.approx(1000 / (8192 * 0.2409)) and line.intercept == -1000
    write_030(tmp_path / "h.aim", gray, processing_log="! nothing\n")
    assert readers.read_content(tmp_path / "h.aim").calibration is None


def test_reference_volume_as_aim(tmp_path, volumes):
    """The mask of a published AIM, written as AIM and read back."""
    specimen = readers.read(volumes / "test25a.npz")
    assert specimen.mask.sum() == 7087
    write_030(tmp_path / "t.aim", (specimen.mask * 127).astype(np.int8), element_size=specimen.spacing)
    back = readers.read(tmp_path / "t.aim")
    np.testing.assert_array_equal(back.mask, specimen.mask)
    assert back.spacing == pytest.approx(specimen.spacing)
    assert back.origin == pytest.approx([(n - 0.5) * 0.034 for n in FIRST], rel=1e-5)


def test_faulty_aims(tmp_path, gray):
    path = tmp_path / "bad.aim"
    whole = aim_020(gray.shape, SHORT, gray.T.astype("<i2").tobytes())

    def refused(content, match):
        path.write_bytes(content)
        with pytest.raises(UserError, match=match) as caught:
            readers.read_content(path)
        assert "\n" not in str(caught.value)

    refused(whole[:-1], "shorter than its header says")
    refused(whole[:10], "within the header")
    refused(b"x" * 400, "not an AIM of version 020 or 030")
    refused(struct.pack("<5i", 20, 96, 0, 0, 0) + bytes(200), "before version 020")
    refused(aim_020((10**4,) * 3, SHORT, bytes(100)), "do not make the 10000 x 10000 x 10000")
    refused(aim_020((10**4,) * 3, RUNS, bytes(104)), "do not make the 10000")
    refused(aim_020((2**31 - 1,) * 3, BITS, bytes(104)), "GB are free|do not make")
    refused(aim_020((-3, 4, 5), SHORT, bytes(120)), "-3 x 4 x 5 voxels")
    refused(aim_020((3, 4, 5), SHORT, bytes(120), border=(2, 0, 0)), "border")
    refused(aim_020((3, 4, 5), 0x120003, bytes(180)), "type 0x120003 are not read")
    refused(aim_020((3, 4, 5), RUNS_OF_TWO, struct.pack("<i", 9) + bytes([0, 127, 30, 7, 7])), "do not make")


def test_aims_need_no_package(tmp_path, gray, monkeypatch):
    path = tmp_path / "g.aim"
    path.write_bytes(aim_020(gray.shape, SHORT, gray.T.astype("<i2").tobytes()))

    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    assert readers.read_content(path).array.shape == gray.shape


# ISQ, RSQ, GOBJ -------------------------------------------------------------------------------------------------------


def test_isq_with_its_calibration(tmp_path, gray):
    path = tmp_path / "C0001.ISQ;2"
    path.write_bytes(isq(gray))
    raw = readers.read_content(path)
    np.testing.assert_array_equal(raw.array, gray)
    assert raw.spacing == pytest.approx(SPACING, rel=1e-3)
    assert raw.origin == pytest.approx([-h / 2 for h in SPACING], rel=1e-3)
    line = raw.calibration
    assert line is not None and line.unit == DENSITY_UNIT
    assert (line.slope, line.intercept) == pytest.approx((1603.5 / 4096, -391.25))
    # The library reads the same constants.
    meta = pytest.importorskip("py_aimio").isq_info(str(path))
    assert (meta["rescale_slope"], meta["rescale_intercept"]) == pytest.approx((1603.5, -391.25))
    assert meta["mu_scaling"] == 4096
    path.write_bytes(isq(gray, calibration=False))
    assert readers.read_content(path).calibration is None
    path.write_bytes(isq(gray, unit=b"1/cm"))
    line = readers.read_content(path).calibration
    assert line is not None and line.unit == "HU"


def test_a_mask_cut_from_a_scan_lies_on_it(tmp_path, gray):
    (tmp_path / "s.isq").write_bytes(isq(gray))
    part = np.zeros((3, 3, 200), np.int8)
    part[1:, :2, 50:] = 127
    write_030(tmp_path / "m.aim", part, position=(1, 2, 30))
    region = readers.read(tmp_path / "s.isq", threshold=1000, roi=str(tmp_path / "m.aim")).region
    expected = np.zeros(gray.shape, bool)
    expected[1:4, 2:5, 30:230] = part != 0
    np.testing.assert_array_equal(region, expected)


def test_other_files_of_the_scanner_are_refused(tmp_path, gray):
    (tmp_path / "raw.RSQ;1").write_bytes(isq(gray))
    with pytest.raises(UserError, match="raw projections.*ISQ or AIM"):
        readers.read_content(tmp_path / "raw.RSQ;1")
    (tmp_path / "c.isq").write_bytes(isq(gray, kind=6))
    with pytest.raises(UserError, match="contours"):
        readers.read_content(tmp_path / "c.isq")
    damaged = bytearray(isq(gray))
    damaged[508:512] = struct.pack("<i", 2**30)
    (tmp_path / "d.isq").write_bytes(damaged)
    with pytest.raises(UserError, match="beyond the end"):
        readers.read_content(tmp_path / "d.isq")


def test_contours_become_a_mask(tmp_path):
    pytest.importorskip("py_aimio")
    (tmp_path / "r.GOBJ;1").write_bytes(gobj([(10, 5, 6, 4, 3), (11, 5, 6, 4, 3), (13, 6, 7, 5, 4)]))
    raw = readers.read_content(tmp_path / "r.GOBJ;1")
    expected = np.zeros((6, 5, 4), bool)
    expected[:4, :3, :2] = True
    expected[1:6, 1:5, 3] = True
    np.testing.assert_array_equal(raw.array != 0, expected)
    assert raw.is_mask and raw.spacing is not None
    assert raw.spacing == pytest.approx(SPACING, rel=1e-2)
    assert raw.origin == pytest.approx([(n - 0.5) * h for n, h in zip((5, 6, 10), raw.spacing, strict=True)])
    assert "1 of the 4 slices" in raw.notes[1]
    (tmp_path / "huge.gobj").write_bytes(gobj([(10, 5, 6, 4, 3), (2**30, 5, 6, 4, 3)]))
    with pytest.raises(UserError, match="no scan has"):
        readers.read_content(tmp_path / "huge.gobj")


def test_contours_without_the_package(tmp_path, monkeypatch):
    (tmp_path / "r.gobj").write_bytes(gobj([(10, 5, 6, 4, 3)]))

    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(UserError, match=r"needs py_aimio: pip install 'trabfem\[images\]'"):
        readers.read_content(tmp_path / "r.gobj")
