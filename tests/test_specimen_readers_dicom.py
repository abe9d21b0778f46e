import numpy as np
import pytest

from scanner_files import SCREEN, SEGMENTATION, SPACING, dicom_header, many_frames, save, set_pixels, write_series
from trabfem.errors import UserError
from trabfem.specimen import readers

pydicom = pytest.importorskip("pydicom")
MIDDLE = (-12.5, 30.25, 101.0)


@pytest.fixture
def values():
    """Three unequal sides, and no symmetry."""
    mask = np.random.default_rng(0).random((4, 6, 9)) < 0.4
    return (np.where(mask, 1600, 900) + np.random.default_rng(1).integers(-50, 50, mask.shape)).astype(np.int16)


@pytest.fixture
def oblique():
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()


def refused(path, match, which=None):
    with pytest.raises(UserError, match=match) as caught:
        readers.read_content(path, which)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_oblique_series(tmp_path, values, oblique):
    write_series(tmp_path, values, oblique, MIDDLE, PixelPaddingValue=0)
    raw = readers.read_content(tmp_path)
    np.testing.assert_array_equal(raw.array, values)
    assert raw.spacing == pytest.approx(SPACING, rel=1e-5)
    np.testing.assert_allclose(raw.direction, oblique, atol=1e-6)
    corner = np.asarray(MIDDLE) - oblique @ (np.asarray(SPACING) / 2)
    np.testing.assert_allclose(raw.origin, corner, atol=1e-6)
    assert raw.outside == 0
    assert raw.calibration is not None and raw.calibration.unit == "HU"
    assert (raw.calibration.slope, raw.calibration.intercept) == (1, -1000)
    assert not raw.notes
    np.testing.assert_array_equal(readers.read(tmp_path, threshold=250).mask, values >= 1250)


def test_the_place_is_that_of_simpleitk(tmp_path, values, oblique):
    sitk = pytest.importorskip("SimpleITK")
    write_series(tmp_path, values, oblique, MIDDLE)
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    image = sitk.ReadImage(files)
    raw = readers.read_content(tmp_path)
    assert raw.spacing is not None
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, values - 1000)
    np.testing.assert_allclose(np.reshape(image.GetDirection(), (3, 3)), raw.direction, atol=1e-5)
    np.testing.assert_allclose(image.GetSpacing(), raw.spacing, rtol=1e-4)
    middle = np.asarray(raw.origin) + np.asarray(raw.direction) @ (np.asarray(raw.spacing) / 2)
    np.testing.assert_allclose(image.GetOrigin(), middle, atol=1e-5)


def test_files_without_suffix_and_what_lies_beside_them(tmp_path, values):
    write_series(tmp_path, values, np.eye(3), MIDDLE)
    for file in sorted(tmp_path.iterdir()):
        file.rename(file.with_name("IM" + file.stem[1:]))
    (tmp_path / ".DS_Store").write_text("x")
    (tmp_path / "readme.txt").write_text("x")
    scout = set_pixels(dicom_header(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), values[:, :, 0])
    scout.SeriesInstanceUID = "1.2.9"
    save(scout, tmp_path / "scout")
    picture = set_pixels(dicom_header(SCREEN), np.zeros((5, 5), np.uint8))
    picture.SeriesInstanceUID = "1.2.8"
    save(picture, tmp_path / "dose")
    raw = readers.read_content(tmp_path)
    np.testing.assert_array_equal(raw.array, values)
    assert any("localizers" in note for note in raw.notes) and any("screen" in note for note in raw.notes)


def test_several_series_are_chosen_from(tmp_path, values):
    write_series(tmp_path, values, np.eye(3), MIDDLE, "a", SeriesDescription="bone kernel", SeriesInstanceUID="1.1")
    write_series(
        tmp_path, values + np.int16(7), np.eye(3), MIDDLE, "b", SeriesDescription="soft", SeriesInstanceUID="1.2"
    )
    assert "'bone kernel', 'soft'" in refused(tmp_path, "array = not given: .* 2 series")
    for which in ("soft", 1, "1.2"):
        np.testing.assert_array_equal(readers.read_content(tmp_path, which).array, values + 7)
    refused(tmp_path, "array = 'lung'", "lung")


def test_gaps_doubles_and_tilt(tmp_path, values):
    write_series(tmp_path / "gap", values, np.eye(3), MIDDLE)
    (tmp_path / "gap" / "s004.dcm").unlink()
    refused(tmp_path / "gap", "a slice is missing between s005.dcm and s003.dcm")
    write_series(tmp_path / "double", values, np.eye(3), MIDDLE)
    (tmp_path / "double" / "copy.dcm").write_bytes((tmp_path / "double" / "s004.dcm").read_bytes())
    refused(tmp_path / "double", "lie at the same place")
    shear = np.eye(3)
    shear[1, 2] = 0.3
    write_series(tmp_path / "tilt", values, shear, MIDDLE)
    refused(tmp_path / "tilt", "tilted gantry")
    write_series(tmp_path / "turned", values, np.eye(3), MIDDLE)
    other = pydicom.dcmread(tmp_path / "turned" / "s004.dcm")
    other.ImageOrientationPatient = [0, 1, 0, 1, 0, 0]
    save(other, tmp_path / "turned" / "s004.dcm")
    refused(tmp_path / "turned", "differ in ImageOrientationPatient")


def test_one_slice_is_not_a_specimen(tmp_path, values):
    write_series(tmp_path, values, np.eye(3), MIDDLE)
    refused(tmp_path / "s001.dcm", "holds one slice.*give the folder")


def test_many_frames_in_one_file(tmp_path, values):
    save(many_frames(values), tmp_path / "m.dcm")
    raw = readers.read_content(tmp_path / "m.dcm")
    np.testing.assert_array_equal(raw.array, values)
    assert raw.spacing == pytest.approx(SPACING, rel=1e-4)
    assert raw.origin == pytest.approx([p - h / 2 for p, h in zip((1, 2, 3), SPACING, strict=True)], abs=1e-6)
    assert raw.calibration is not None
    assert (raw.calibration.slope, raw.calibration.intercept, raw.calibration.unit) == (2, -1000, "HU")
    (tmp_path / "folder").mkdir()
    save(many_frames(values), tmp_path / "folder" / "IM1")
    np.testing.assert_array_equal(readers.read_content(tmp_path / "folder").array, values)


def test_slopes_that_differ_are_applied(tmp_path, values):
    write_series(tmp_path, values, np.eye(3), MIDDLE)
    other = pydicom.dcmread(tmp_path / "s001.dcm")
    other.RescaleSlope, other.RescaleIntercept = 2, -500
    save(other, tmp_path / "s001.dcm")
    raw = readers.read_content(tmp_path)
    expected = values.astype(np.float32) - 1000
    expected[:, :, 8] = 2 * values[:, :, 8].astype(np.float32) - 500
    np.testing.assert_array_equal(raw.array, expected)
    assert raw.calibration is not None and (raw.calibration.slope, raw.calibration.unit) == (1, "HU")
    assert "differ" in raw.notes[0]


def test_monochrome1_is_inverted(tmp_path, values):
    kind = {"PhotometricInterpretation": "MONOCHROME1", "RescaleIntercept": 0, "Modality": "OT"}
    write_series(tmp_path, values.astype(np.uint16), np.eye(3), MIDDLE, PixelPaddingValue=65535, **kind)
    raw = readers.read_content(tmp_path)
    np.testing.assert_array_equal(raw.array, 65535 - values.astype(int))
    assert raw.outside == 0 and raw.calibration is None and "MONOCHROME1" in raw.notes[0]


def test_padding_of_signed_pixels(tmp_path, values):
    write_series(tmp_path, values, np.eye(3), MIDDLE)
    for file in tmp_path.iterdir():
        dataset = pydicom.dcmread(file)
        dataset.add_new(0x00280120, "US", 2**16 - 2000)
        save(dataset, file)
    assert readers.read_content(tmp_path).outside == -2000


def test_colours_segmentations_and_what_is_no_dicom(tmp_path, values):
    colour = set_pixels(dicom_header(), np.zeros((4, 5), np.uint8))
    colour.SamplesPerPixel, colour.PhotometricInterpretation, colour.PlanarConfiguration = 3, "RGB", 0
    colour.PixelData = bytes(60)
    save(colour, tmp_path / "c.dcm")
    refused(tmp_path / "c.dcm", "RGB, not gray")
    segmentation = set_pixels(dicom_header(SEGMENTATION, NumberOfFrames=2), np.zeros((2, 4, 5), np.uint8))
    save(segmentation, tmp_path / "seg.dcm")
    refused(tmp_path / "seg.dcm", "segmentation, export it as NIfTI or NRRD")
    (tmp_path / "t.dcm").write_text("this is not a scan\n" * 40)
    refused(tmp_path / "t.dcm", "t.dcm")
    write_series(tmp_path / "mixed", values, np.eye(3), MIDDLE)
    (tmp_path / "mixed" / "a.png").write_bytes(b"x")
    refused(tmp_path / "mixed", "DICOM files .* and images")


def test_cut_off_and_compressed_pixels(tmp_path, values):
    write_series(tmp_path / "cut", values, np.eye(3), MIDDLE)
    file = tmp_path / "cut" / "s003.dcm"
    file.write_bytes(file.read_bytes()[:-9])
    refused(tmp_path / "cut", "s003.dcm")
    write_series(tmp_path / "packed", values, np.eye(3), MIDDLE)
    for file in (tmp_path / "packed").iterdir():
        dataset = pydicom.dcmread(file)
        dataset.compress(pydicom.uid.RLELossless)
        save(dataset, file)
    np.testing.assert_array_equal(readers.read_content(tmp_path / "packed").array, values)
    write_series(tmp_path / "jpegls", values, np.eye(3), MIDDLE)
    for file in (tmp_path / "jpegls").iterdir():
        dataset = pydicom.dcmread(file)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLSLossless
        dataset.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8" + bytes(30)])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        save(dataset, file)
    refused(tmp_path / "jpegls", "JPEG-LS.*no decoder is installed|cannot be decoded")


def test_slices_without_a_place(tmp_path, values):
    write_series(tmp_path, values, np.eye(3), MIDDLE)
    for file in tmp_path.iterdir():
        dataset = pydicom.dcmread(file)
        del dataset.ImagePositionPatient
        dataset.InstanceNumber, dataset.SliceThickness = 10 - int(dataset.InstanceNumber), SPACING[2]
        save(dataset, file)
    raw = readers.read_content(tmp_path)
    np.testing.assert_array_equal(raw.array, values)
    assert raw.spacing == pytest.approx(SPACING) and not any(raw.origin)
    assert "order of their numbers" in raw.notes[0] and "thickness" in raw.notes[1]
