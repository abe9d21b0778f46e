import numpy as np
import pytest

from trabfem.errors import UserError
from trabfem.specimen import Specimen, from_gray, from_mask, keep_load_path
from trabfem.specimen.segmentation import otsu
from trabfem.specimen.voxels import check_spacing


def column(shape=(5, 6, 7)):
    mask = np.zeros(shape, dtype=bool)
    mask[2:4, 2:4, :] = True
    return mask


def test_specimen_knows_its_size_and_volume_fraction():
    fill = np.zeros((2, 3, 4))
    fill[0, 0, 0], fill[1, 2, 3] = 1.0, 0.4
    specimen = Specimen(fill, (0.1, 0.2, 0.3))
    assert specimen.fill.dtype == np.float32
    assert specimen.bvtv == pytest.approx(1.4 / 24)
    assert specimen.mask.sum() == 1
    assert specimen.size_mm == pytest.approx((0.2, 0.6, 1.2))


@pytest.mark.parametrize(
    ("spacing", "word"),
    [
        (34.0, "give 0.034"),
        ((0.034, 0.034, 34.0), "micrometres"),
        (3.4e-5, "give 0.034"),
        (0.0, "positive"),
        (-0.1, "positive"),
        (float("nan"), "positive"),
        ((0.1, 0.1), "three"),
        ("wide", "number"),
    ],
)
def test_implausible_spacing_names_value_and_remedy(spacing, word):
    with pytest.raises(UserError, match=word):
        check_spacing(spacing)


def test_spacing_of_one_number_is_a_cube():
    assert check_spacing(0.034) == (0.034, 0.034, 0.034)
    assert check_spacing(np.array([0.1, 0.2, 0.3])) == (0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros((3, 3)), "2 dimensions"),
        (np.zeros((0, 3, 3)), "empty"),
        (np.full((2, 2, 2), np.nan), "8 of 8 values are NaN"),
        (np.array([np.inf] + [1.0] * 7).reshape(2, 2, 2), "1 of 8"),
        (np.full((2, 2, 2), "a"), "not numbers"),
        (np.zeros((2, 2, 2)), "all void|every gray value"),
    ],
)
@pytest.mark.parametrize("build", [from_mask, from_gray])
def test_bad_arrays_are_refused(build, array, word):
    with pytest.raises(UserError, match=word):
        build(array, 0.1)


def test_fill_outside_zero_to_one_is_refused():
    with pytest.raises(UserError, match="0..1"):
        Specimen(np.full((2, 2, 2), 7.0), (0.1, 0.1, 0.1))


@pytest.mark.parametrize("high", [True, 1, 255])
def test_mask_takes_the_larger_value_as_bone(high):
    mask = column() * np.asarray(high)
    np.testing.assert_array_equal(from_mask(mask, 0.1).mask, column())


def test_mask_of_many_values_is_refused():
    with pytest.raises(UserError, match="more than two values"):
        from_mask(np.arange(8).reshape(2, 2, 2), 0.1)


def test_otsu_separates_two_peaks():
    rng = np.random.default_rng(0)
    gray = np.concatenate([rng.normal(50, 8, 9000), rng.normal(150, 8, 1000)])
    assert 75 < otsu(gray) < 125
    # Otsu by definition: no other threshold has a larger variance between the classes.
    values = np.linspace(60, 140, 81)
    best = max(_between(gray, t) for t in values)
    assert _between(gray, otsu(gray)) > best * (1 - 1e-3)


def test_otsu_between_two_values_takes_the_middle():
    assert otsu(np.array([0.0, 0.0, 100.0])) == pytest.approx(50)


def _between(gray, t):
    dark, bright = gray[gray < t], gray[gray >= t]
    return dark.size * bright.size / gray.size**2 * (dark.mean() - bright.mean()) ** 2


def test_gray_threshold_is_used_and_noted():
    gray = np.arange(27.0).reshape(3, 3, 3)
    specimen = from_gray(gray, 0.1, threshold=20)
    assert specimen.mask.sum() == 7
    assert "20" in specimen.notes[0] and "given" in specimen.notes[0]
    assert "Otsu" in from_gray(gray, 0.1).notes[0]
    with pytest.raises(UserError, match="all void"):
        from_gray(gray, 0.1, threshold=100)
    for lowest in (-1, 0):
        with pytest.raises(UserError, match="all bone"):
            from_gray(gray, 0.1, threshold=lowest)


def test_gray_noise_around_a_column_gives_the_column():
    rng = np.random.default_rng(1)
    gray = 100.0 * column() + rng.normal(0, 5, column().shape)
    np.testing.assert_array_equal(from_gray(gray, 0.1).mask, column())


def test_load_path_drops_what_touches_one_end_only_and_counts_it():
    mask = column()
    mask[0, 0, :3] = True  # dangles from the bottom
    mask[4, 5, 3] = True  # floats
    mask[1, 1, 4] = True  # touches the column by an edge only
    cleaned = keep_load_path(from_mask(mask, 0.1))
    np.testing.assert_array_equal(cleaned.mask, column())
    assert "Removed 5 voxels (15.15 % of the bone) in 3 pieces" in cleaned.notes[0]


def test_load_path_keeps_every_piece_that_joins_the_ends():
    mask = column()
    mask[0, 0, :] = True
    specimen = from_mask(mask, 0.1)
    assert keep_load_path(specimen) is specimen


def test_load_path_along_another_axis():
    mask = np.swapaxes(column(), 0, 2)
    assert keep_load_path(from_mask(mask, 0.1), axis=0).notes == ()
    with pytest.raises(UserError, match="from one end face to the other along z"):
        keep_load_path(from_mask(_gap(column()), 0.1))


def _gap(mask):
    mask[:, :, 3] = False
    return mask


def test_load_path_keeps_the_skin_of_kept_bone_only():
    fill = column().astype(np.float32)
    fill[1, 2, :] = 0.3  # skin of the column
    fill[0, 5, 3] = 0.4  # partly filled, touches nothing
    cleaned = keep_load_path(Specimen(fill, (0.1, 0.1, 0.1)))
    assert np.all(cleaned.fill[1, 2, :] == np.float32(0.3))
    assert cleaned.fill[0, 5, 3] == 0
    assert cleaned.notes == (), "no bone went"


def test_void_ends_are_cut_off():
    mask = np.pad(column(), ((0, 0), (0, 0), (2, 3)))
    cleaned = keep_load_path(from_mask(mask, 0.1))
    np.testing.assert_array_equal(cleaned.mask, column())
    assert "Cut 5 void slices" in cleaned.notes[0]


def test_all_void_has_no_load_path():
    with pytest.raises(UserError, match="all void"):
        keep_load_path(Specimen(np.zeros((3, 3, 3)), (0.1, 0.1, 0.1)))
