import struct
import sys

import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import readers

tifffile = pytest.importorskip("tifffile")
H = 0.034


@pytest.fixture
def mask():
    """Two columns and a plate; nothing symmetric."""
    mask = np.zeros((12, 14, 16), bool)
    mask[1:5, 2:6, :] = True
    mask[7:10, 6:11, :] = True
    mask[1:10, 3:9, 6:8] = True
    mask[0, 0, 0] = True
    return mask


@pytest.fixture
def pages(mask):
    return (mask.T * np.uint8(255)).astype(np.uint8)


def same(path, mask, note="", which=None):
    """That the file reads as this mask, and that a sentence says so."""
    specimen = readers.read(path, spacing=H, array=which)
    np.testing.assert_array_equal(specimen.mask, mask)
    assert note in " ".join(specimen.notes)
    if not note:
        assert not specimen.notes


def refused(path, match, which=None):
    with pytest.raises(UserError, match=match) as caught:
        readers.read_content(path, which)
    assert "\n" not in str(caught.value)


def test_pages_written_one_by_one_are_one_stack(tmp_path, mask, pages):
    with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
        for page in pages:
            file.write(page)
    same(tmp_path / "pages.tif", mask, "16 pages that were written one by one")
    for k, page in enumerate(pages):
        tifffile.imwrite(tmp_path / "append.tif", page, append=k > 0)
    same(tmp_path / "append.tif", mask, "16 pages")
    with tifffile.TiffWriter(tmp_path / "plain.tif") as file:
        for page in pages:
            file.write(page, metadata=None)
    same(tmp_path / "plain.tif", mask)


@pytest.mark.parametrize("first", [True, False])
def test_a_preview_is_left_out(tmp_path, mask, pages, first):
    with tifffile.TiffWriter(tmp_path / "p.tif") as file:
        for page in [pages[0][::2, ::2]] * first + list(pages) + [pages[0][::2, ::2]] * (not first):
            file.write(page, metadata=None)
    same(tmp_path / "p.tif", mask, "6 x 7 pixels was left out as a preview")


def test_several_series(tmp_path, mask, pages):
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(pages[:10])
        file.write(pages[10:])
    same(tmp_path / "two.tif", mask, "2 series are read as one stack")
    same(tmp_path / "two.tif", mask[:, :, 10:], which=1)
    with tifffile.TiffWriter(tmp_path / "split.tif") as file:
        for k, page in enumerate(pages):
            file.write(page.astype(np.uint16) if k >= 10 else page, metadata=None)
    same(tmp_path / "split.tif", mask, "types differ (uint8, uint16)")
    with tifffile.TiffWriter(tmp_path / "image_and_mask.tif") as file:
        file.write(pages.astype(np.uint16))
        file.write(pages)
    refused(tmp_path / "image_and_mask.tif", "array = not given: .*stacks of different types")
    same(tmp_path / "image_and_mask.tif", mask, which=1)
    with tifffile.TiffWriter(tmp_path / "shapes.tif") as file:
        file.write(pages)
        file.write(np.ascontiguousarray(pages[:, ::2]))
    refused(tmp_path / "shapes.tif", "different shapes .*16 of 12 x 14, 16 of 12 x 7")
    same(tmp_path / "shapes.tif", mask, which="0")


def test_channels_and_times(tmp_path, mask, pages):
    both = np.stack([pages, 255 - pages], 1)
    tifffile.imwrite(tmp_path / "c.tif", both, imagej=True, metadata={"axes": "ZCYX"})
    refused(tmp_path / "c.tif", "array = not given: .*'channel 0', 'channel 1'")
    same(tmp_path / "c.tif", mask, "channel 0 of 2", which=0)
    same(tmp_path / "c.tif", ~mask, "channel 1 of 2", which="channel 1")
    # Many programs write the slices of a stack as times or channels.
    tifffile.imwrite(tmp_path / "t.tif", pages, imagej=True, metadata={"axes": "TYX"})
    same(tmp_path / "t.tif", mask, "16 images called time are read as slices")
    tifffile.imwrite(tmp_path / "one.tif", pages[None, :, None], imagej=True, metadata={"axes": "TZCYX"})
    same(tmp_path / "one.tif", mask)


def test_colours(tmp_path, mask, pages):
    tifffile.imwrite(tmp_path / "gray.tif", np.stack([pages] * 3, -1), photometric="rgb")
    same(tmp_path / "gray.tif", mask, "stored in colour")
    tifffile.imwrite(tmp_path / "planes.tif", np.stack([pages] * 3, 1), photometric="rgb", planarconfig="separate")
    same(tmp_path / "planes.tif", mask, "stored in colour")
    tifffile.imwrite(tmp_path / "rgb.tif", np.stack([pages, pages, 255 - pages], -1), photometric="rgb")
    refused(tmp_path / "rgb.tif", "in colour")
    ramp = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)
    tifffile.imwrite(tmp_path / "palette.tif", 255 - pages, photometric="palette", colormap=ramp[:, ::-1])
    same(tmp_path / "palette.tif", mask, "stored in colour")


def test_white_is_zero(tmp_path, mask, pages):
    tifffile.imwrite(tmp_path / "w8.tif", 255 - pages, photometric="miniswhite")
    same(tmp_path / "w8.tif", mask, "WhiteIsZero")
    tifffile.imwrite(tmp_path / "w1.tif", pages == 0, photometric="miniswhite")
    same(tmp_path / "w1.tif", mask, "WhiteIsZero")
    tifffile.imwrite(tmp_path / "b1.tif", pages > 0, photometric="minisblack")
    same(tmp_path / "b1.tif", mask)
    gray = np.random.default_rng(0).integers(0, 65536, pages.shape).astype(np.uint16)
    tifffile.imwrite(tmp_path / "w16.tif", gray, photometric="miniswhite")
    np.testing.assert_array_equal(readers.read_content(tmp_path / "w16.tif").array, 65535 - gray.T)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits"])
def test_compressed_pages(tmp_path, mask, pages, compression):
    pytest.importorskip("imagecodecs")
    tifffile.imwrite(tmp_path / "z.tif", pages, compression=compression)
    same(tmp_path / "z.tif", mask)


def test_group_4_fax(tmp_path, mask, pages):
    pytest.importorskip("imagecodecs")
    image = pytest.importorskip("PIL.Image")
    first, *rest = [image.fromarray(page).convert("1") for page in pages]
    first.save(tmp_path / "g4.tif", save_all=True, append_images=rest, compression="group4")
    same(tmp_path / "g4.tif", mask)


def test_compression_without_its_package_names_it(tmp_path, pages, monkeypatch):
    pytest.importorskip("imagecodecs")
    tifffile.imwrite(tmp_path / "lzw.tif", pages, compression="lzw")

    def absent(*_, **__):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "decode", property(absent))
    refused(tmp_path / "lzw.tif", r"COMPRESSION.LZW: 5\), which needs imagecodecs: pip install 'trabfem\[images\]'")


def test_packed_bits(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (12, 104, 160)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "b12.tif", values, photometric="minisblack", bitspersample=12)
    np.testing.assert_array_equal(readers.read_content(tmp_path / "b12.tif").array, values.T)
    tifffile.imwrite(tmp_path / "w12.tif", values, photometric="miniswhite", bitspersample=12)
    np.testing.assert_array_equal(readers.read_content(tmp_path / "w12.tif").array, 4095 - values.T)


def test_big_endian_bigtiff(tmp_path, mask, pages):
    tifffile.imwrite(tmp_path / "be.tif", pages.astype(">u2") * 3, bigtiff=True, byteorder=">")
    raw = readers.read_content(tmp_path / "be.tif")
    np.testing.assert_array_equal(raw.array, 3 * pages.T.astype(int))
    same(tmp_path / "be.tif", mask)


@pytest.mark.parametrize(
    ("unit", "edge"),
    [
        ("micron", 34),
        ("\\u00B5m", 34),
        ("um", 34),
        ("mm", 0.034),
        ("cm", 0.0034),
        ("nm", 34000),
        ("inch", 0.034 / 25.4),
    ],
)
def test_units_of_imagej(tmp_path, pages, unit, edge):
    info = {"spacing": 2 * edge, "unit": unit, "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "u.tif", pages, imagej=True, resolution=(1 / edge, 1 / (3 * edge)), metadata=info)
    assert readers.read_content(tmp_path / "u.tif").spacing == pytest.approx((H, 3 * H, 2 * H), rel=1e-4)


@pytest.mark.parametrize("unit", ["\u00b5m", "\u03bcm"])
def test_both_micro_signs(tmp_path, pages, unit):
    from trabfem.specimen.readers.tiff_spacing import unit_in_mm

    assert unit_in_mm(unit) == 1e-3
    description = f"ImageJ=1.54\nimages=16\nslices=16\nunit={unit}\nspacing=34.0\n".encode()
    more = {"metadata": None, "resolution": (1 / 34, 1 / 34)}
    tifffile.imwrite(tmp_path / "m.tif", pages, description=description, **more)
    assert readers.read_content(tmp_path / "m.tif").spacing == pytest.approx((H,) * 3, rel=1e-4)
    metadata = {"axes": "ZYX"}
    for axis, size in zip("XYZ", (34, 68, 102), strict=True):
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": unit}
    tifffile.imwrite(tmp_path / "o.ome.tif", pages, metadata=metadata)
    assert readers.read_content(tmp_path / "o.ome.tif").spacing == pytest.approx((H, 2 * H, 3 * H))


def test_one_header_for_all_images_of_imagej(tmp_path, mask, pages):
    """ImageJ writes large stacks so."""
    description = "ImageJ=1.53t\nimages=16\nslices=16\nunit=mm\nspacing=0.034\n"
    more = {"metadata": None, "resolution": (1 / H, 1 / H), "byteorder": ">"}
    tifffile.imwrite(tmp_path / "j.tif", pages[0].astype(np.uint16), description=description, **more)
    with tifffile.TiffFile(tmp_path / "j.tif") as file:
        start = file.pages[0].dataoffsets[0]
    content = (tmp_path / "j.tif").read_bytes()[:start] + pages.astype(">u2").tobytes()
    (tmp_path / "j.tif").write_bytes(content)
    same(tmp_path / "j.tif", mask)
    (tmp_path / "cut.tif").write_bytes(content[:-9])
    refused(tmp_path / "cut.tif", "wrote 16 images and the file holds 1, copy it again")


def test_small_copies_beside_pages_are_not_slices(tmp_path, mask, pages):
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as file:
        file.write(pages, subifds=1)
        file.write(np.ascontiguousarray(pages[:, ::2, ::2]), subfiletype=1)
    same(tmp_path / "pyramid.tif", mask)


def test_pixels_and_dots_per_inch_are_no_size(tmp_path, pages):
    tifffile.imwrite(
        tmp_path / "p.tif", pages, imagej=True, resolution=(1, 1), metadata={"spacing": 1, "unit": "pixel"}
    )
    assert readers.read_content(tmp_path / "p.tif").spacing is None
    tifffile.imwrite(tmp_path / "dpi.tif", pages, resolution=(72, 72), resolutionunit="INCH")
    assert readers.read_content(tmp_path / "dpi.tif").spacing is None


def test_faulty_files(tmp_path, pages):
    tifffile.imwrite(tmp_path / "whole.tif", pages)
    whole = (tmp_path / "whole.tif").read_bytes()
    tifffile.imwrite(tmp_path / "one.tif", pages[3])
    refused(tmp_path / "one.tif", "holds one slice")
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "cut.tif", "ends before its last page")
    (tmp_path / "none.tif").write_bytes(b"II*\0" + bytes(12))
    refused(tmp_path / "none.tif", "holds no images")
    # A header that claims 10¹² pixels.
    with tifffile.TiffFile(tmp_path / "whole.tif") as file:
        places = [file.pages[0].tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
    damaged = bytearray(whole)
    for place in places:
        damaged[place : place + 4] = struct.pack("<I" if sys.byteorder == "little" else ">I", 10**6)
    (tmp_path / "huge.tif").write_bytes(damaged)
    refused(tmp_path / "huge.tif", "huge.tif: .*1000000 x 1000000")
