import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import readers

tifffile = pytest.importorskip("tifffile")
image = pytest.importorskip("PIL.Image")
H = 0.034
LOG = """[Acquisition]
Image Pixel Size (um)=   9.92
[Reconstruction]
Pixel Size (um)=34.0
"""


@pytest.fixture
def mask():
    mask = np.random.default_rng(0).random((4, 6, 12)) < 0.4
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    return mask


@pytest.fixture
def pages(mask):
    return (mask.T * np.uint8(255)).astype(np.uint8)


def write(folder, pages, name="bone_rec{:04d}.tif", first=1, step=1):
    """A file for each page, numbered."""
    folder.mkdir(exist_ok=True)
    for k, page in enumerate(pages):
        path = folder / name.format(first + step * k)
        if path.suffix == ".tif":
            tifffile.imwrite(path, page, photometric="minisblack")
        else:
            image.fromarray(page).save(path)
    return folder


def same(folder, mask, note="", which=None):
    specimen = readers.read(folder, spacing=H, array=which)
    np.testing.assert_array_equal(specimen.mask, mask)
    assert note in " ".join(specimen.notes)
    return specimen


def refused(folder, match, which=None):
    with pytest.raises(UserError, match=match) as caught:
        readers.read_content(folder, which)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["s_{}.tif", "s{:05d}.png", "bone 34\u00b5m_rec{}.bmp", "{}.tiff", "a1_{}_34um.png"])
def test_slices_in_the_order_of_their_numbers(tmp_path, mask, pages, name):
    same(write(tmp_path, pages, name, first=3), mask)


def test_what_lies_beside_the_slices(tmp_path, mask, pages):
    write(tmp_path, pages)
    for name in (".DS_Store", "._bone_rec0001.tif", "Thumbs.db", "notes.txt"):
        (tmp_path / name).write_bytes(b"no slice")
    tifffile.imwrite(tmp_path / "bone_rec_spr.tif", pages[0][::2])
    (tmp_path / "bone_rec.log").write_text(LOG)
    image.fromarray(pages[0]).save(tmp_path / "overview.png")
    specimen = readers.read(tmp_path)
    np.testing.assert_array_equal(specimen.mask, mask)
    assert specimen.spacing == pytest.approx((H,) * 3)
    notes = " ".join(specimen.notes)
    assert "bone_rec_spr.tif was left out" in notes and "overview.png was left out" in notes
    assert "34 \u00b5m is from bone_rec.log" in notes
    (tmp_path / "other.log").write_text(LOG.replace("34.0", "12,5"))
    assert readers.read_content(tmp_path).spacing is None


def test_every_other_slice(tmp_path, mask, pages):
    write(tmp_path, pages, step=2)
    (tmp_path / "x.log").write_text(LOG)
    specimen = readers.read(tmp_path)
    assert specimen.spacing == pytest.approx((H, H, 2 * H))
    assert "steps of 2" in " ".join(specimen.notes)
    np.testing.assert_array_equal(specimen.mask, mask)


def test_gaps_and_doubles(tmp_path, pages):
    write(tmp_path / "one", pages)
    (tmp_path / "one" / "bone_rec0004.tif").unlink()
    refused(tmp_path / "one", "slice 4 is missing between bone_rec0003.tif and bone_rec0005.tif")
    (tmp_path / "one" / "bone_rec0005.tif").unlink()
    refused(tmp_path / "one", "slices 4 to 5 are missing")
    write(tmp_path / "double", pages)
    tifffile.imwrite(tmp_path / "double" / "bone_rec04.tif", pages[3])
    refused(tmp_path / "double", "bone_rec0004.tif and bone_rec04.tif have the same number")


def test_two_scans_in_one_folder(tmp_path, mask, pages):
    write(tmp_path / "text", pages, "left_{:03d}.tif")
    write(tmp_path / "text", pages[::-1], "right_{:03d}.tif")
    refused(tmp_path / "text", "array = not given: .*2 scans, 'left_#.tif', 'right_#.tif'")
    same(tmp_path / "text", mask[:, :, ::-1], which="right_#.tif")
    write(tmp_path / "number", pages, "scan1_{:03d}.png")
    write(tmp_path / "number", pages[::-1], "scan2_{:03d}.png", first=101)
    refused(tmp_path / "number", "'scan1_#.png', 'scan2_#.png'")
    same(tmp_path / "number", mask[:, :, ::-1], which=1)
    write(tmp_path / "kinds", pages, "s{:03d}.png")
    write(tmp_path / "kinds", pages, "s{:03d}.tif")
    refused(tmp_path / "kinds", "2 scans, 's#.png', 's#.tif'")


def test_sizes_types_and_stacks_that_do_not_fit(tmp_path, mask, pages):
    write(tmp_path / "size", pages)
    tifffile.imwrite(tmp_path / "size" / "bone_rec0013.tif", pages[0][:3])
    refused(tmp_path / "size", r"bone_rec0013.tif: slice of shape \(3, 4\) among slices of \(6, 4\)")
    write(tmp_path / "type", pages)
    tifffile.imwrite(tmp_path / "type" / "bone_rec0013.tif", pages[0].astype(np.uint16))
    refused(tmp_path / "type", "of uint16 among slices")
    (tmp_path / "stack").mkdir()
    tifffile.imwrite(tmp_path / "stack" / "all.tif", pages, photometric="minisblack")
    same(tmp_path / "stack", mask, "holds one stack, all.tif")
    write(tmp_path / "stacks", [pages, pages], "stack{}.tif")
    refused(tmp_path / "stacks", "pages in a folder of several files")


def test_folders_without_slices(tmp_path, pages):
    refused(tmp_path, "no .tif slices.*fill it")
    (tmp_path / "x.log").write_text(LOG)
    refused(tmp_path, "it holds x.log")
    write(tmp_path / "inner", pages)
    refused(tmp_path, "it holds the folders inner: give one of them")
    write(tmp_path / "single", pages[:1])
    refused(tmp_path / "single", "holds a single slice, bone_rec0001.tif")
    (tmp_path / "bad").mkdir()
    for k in range(3):
        (tmp_path / "bad" / f"b{k}.png").write_bytes(b"this is no image")
    refused(tmp_path / "bad", "b0.png: is no image")


def test_colours_and_palettes(tmp_path, mask, pages):
    write(tmp_path / "gray", [np.stack([page] * 3, -1) for page in pages], "s{:03d}.png")
    same(tmp_path / "gray", mask, "stored in colour")
    write(tmp_path / "colour", [np.stack([page, page, 255 - page], -1) for page in pages], "s{:03d}.png")
    refused(tmp_path / "colour", "s001.png: the image is in colour")
    (tmp_path / "palette").mkdir()
    for k, page in enumerate(pages):
        indexed = image.fromarray((page == 0).astype(np.uint8), "P")
        indexed.putpalette([255, 255, 255, 0, 0, 0])
        indexed.save(tmp_path / "palette" / f"s{k:03d}.bmp")
    same(tmp_path / "palette", mask)
    for k in range(len(pages)):
        with image.open(tmp_path / "palette" / f"s{k:03d}.bmp") as indexed:
            indexed.putpalette([255, 0, 0, 0, 0, 255])
            indexed.save(tmp_path / "palette" / f"s{k:03d}.bmp")
    refused(tmp_path / "palette", "in colour")


def test_bits_and_negatives(tmp_path, mask, pages):
    (tmp_path / "white").mkdir()
    (tmp_path / "bits").mkdir()
    for k, page in enumerate(pages):
        tifffile.imwrite(tmp_path / "white" / f"s{k:04d}.tif", 255 - page, photometric="miniswhite")
        image.fromarray(page).convert("1").save(tmp_path / "bits" / f"s{k:04d}.png")
    same(tmp_path / "white", mask, "WhiteIsZero")
    same(tmp_path / "bits", mask)


def test_jpeg_is_lossy(tmp_path):
    smooth = np.linspace(40, 200, 3 * 32 * 32).reshape(3, 32, 32).astype(np.uint8)
    raw = readers.read_content(write(tmp_path, smooth, "s{:03d}.jpg"))
    assert np.abs(raw.array.astype(int) - smooth.T).max() < 12
    assert "JPEG" in raw.notes[-1]


def test_sixteen_bits(tmp_path):
    gray = np.random.default_rng(0).integers(0, 65536, (3, 5, 4)).astype(np.uint16)
    np.testing.assert_array_equal(readers.read_content(write(tmp_path, gray, "s{:03d}.png")).array, gray.T)
