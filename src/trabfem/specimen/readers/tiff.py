"""TIFF: pages of a file as the slices of one stack.

tifffile and imagecodecs are imported where they are used: they are the optional extra [images].
"""

import itertools
import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers.gray import as_gray, invert
from trabfem.specimen.readers.raw import Raw, check_memory, choose, import_package
from trabfem.specimen.readers.tiff_spacing import find_spacing

SLICE_AXES = "ZQI"
"""Names of axes that are slices: depth, unknown, sequence of pages."""
DENSEST = 100_000
"""No compression makes more pixels of a byte; an empty page of a fax comes near it."""
LABELS = {"C": "channel", "T": "time", "S": "sample"}


@dataclass(frozen=True)
class Stack:
    """Slices of one shape and type from one series of a file; `slices` are the numbers of its pages, in order."""

    series: Any
    slices: Sequence[int]

    @property
    def plane(self) -> tuple[int, ...]:
        """Shape of a page."""
        return self.series.keyframe.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(self.series.dtype)


def read_tiff(path: Path, which: str | int | None) -> Raw:
    """Pages are z, rows y, columns x; spacing from the metadata of ImageJ or OME, never from a resolution for print.

    `which`: the number of one of several stacks, or of a channel or a time.
    """
    with open_tiff(path) as file:
        stacks, notes = find_stacks(file, path, which)
        array, more = read_stacks(stacks, path)
        if "JPEG" in getattr(stacks[0].series.keyframe.compression, "name", ""):
            notes += ("The pages are JPEG, whose compression may change gray values at edges.",)
        number = next(k for k, each in enumerate(file.series) if each is stacks[0].series)
        spacing = find_spacing(file, number)
    return Raw(array.T, spacing, notes=(*notes, *more))


@contextmanager
def open_tiff(path: Path) -> Iterator[Any]:
    """An open file, without the words that tifffile logs; UserError where a page is compressed by an absent package."""
    tifffile = import_package("tifffile")
    log = logging.getLogger("tifffile")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with tifffile.TiffFile(path) as file:
            if len(file.pages) == 0:
                raise UserError(f"{path}: the file holds no images, export it again")
            yield file
    except (ValueError, ImportError) as error:
        # Without imagecodecs, tifffile says so, or it lacks a module of its own way to decode.
        if "imagecodecs" in str(error) or isinstance(error, ImportError):
            kind = str(error).split("requires")[0].strip(" <>")
            raise UserError(
                f"{path}: its pages are compressed ({kind}), which needs imagecodecs: pip install 'trabfem[images]'"
            ) from None
        raise
    finally:
        log.setLevel(level)


def find_stacks(file: Any, path: Path, which: str | int | None) -> tuple[list[Stack], tuple[str, ...]]:
    """The stacks that are read one after the other, and what was left out or put together, in sentences."""
    series = list(file.series)
    said, found = (file.imagej_metadata or {}).get("images", 1), sum(count_pages(each) for each in series)
    if isinstance(said, int) and said > found:
        raise UserError(f"{path}: ImageJ wrote {said} images and the file holds {found}, copy it again")
    if len(series) > 1 and which is not None:
        names = [describe(each) for each in series]
        one = series[choose(path, which, names, "series of images")]
        return [Stack(one, range(count_pages(one)))], ()
    if len(series) == 1:
        stack, notes = split_axes(series[0], path, which)
        check_slices([stack], path)
        return [stack], notes
    stacks = [Stack(each, range(count_pages(each))) for each in series]
    kept, notes = leave_previews(stacks, path)
    return join(kept, path, notes)


def describe(series: Any) -> str:
    """ "16 pages of 12 x 14, uint8"."""
    rows, columns = series.keyframe.shape[:2]
    return f"{count_pages(series)} pages of {columns} x {rows}, {series.dtype}"


def count_pages(series: Any) -> int:
    """Images in a series; those of ImageJ may have one page that stands for all."""
    return int(np.prod(series.shape, dtype=object)) // max(1, int(np.prod(series.keyframe.shape, dtype=object)))


def leave_previews(stacks: list[Stack], path: Path) -> tuple[list[Stack], tuple[str, ...]]:
    """Stacks without single pages of a smaller shape; UserError where pages of several shapes are no previews."""
    pages = Counter[tuple[int, ...]]()
    for stack in stacks:
        pages[stack.plane] += len(stack.slices)
    (plane, count), *others = pages.most_common()
    if not others:
        return stacks, ()
    if count < 2 or any(number > 1 or math.prod(shape) > math.prod(plane) for shape, number in others):
        names = ", ".join(f"{number} of {shape[1]} x {shape[0]}" for shape, number in pages.most_common())
        raise UserError(
            f"{path}: its pages are of different shapes ({names}), give the number of a series as array, or export the "
            "stack alone"
        )
    kept = [stack for stack in stacks if stack.plane == plane]
    left = ", ".join(f"{shape[1]} x {shape[0]}" for shape, _ in others)
    return kept, (f"A single page of {left} pixels was left out as a preview of the {count} slices.",)


def join(stacks: list[Stack], path: Path, notes: tuple[str, ...]) -> tuple[list[Stack], tuple[str, ...]]:
    """Stacks of pages of one shape as one stack; UserError where they cannot be parts of one."""
    if len(stacks) == 1:
        check_slices(stacks, path)
        return stacks, notes
    types = list(dict.fromkeys(str(stack.dtype) for stack in stacks))
    counts = [len(stack.slices) for stack in stacks]
    names = "; ".join(describe(stack.series) for stack in stacks)
    if len(types) > 1 and (any(stack.dtype.kind not in "iu" for stack in stacks) or len(set(counts)) == 1):
        # As many pages of another type may be the mask of the image; masks and fractions have another scale.
        raise UserError(
            f"array = not given: {path} holds {len(stacks)} stacks of different types ({names}); give the number of one"
        )
    if set(counts) == {1}:
        notes += (f"{len(stacks)} pages that were written one by one are read as one stack in their order.",)
    else:
        notes += (f"{len(stacks)} series are read as one stack, in their order ({names}).",)
    if len(types) > 1:
        notes += (f"Their types differ ({', '.join(types)}): check that gray values mean the same in all.",)
    check_slices(stacks, path)
    return stacks, notes


def check_slices(stacks: list[Stack], path: Path) -> None:
    """UserError where there is a single slice."""
    if sum(len(stack.slices) for stack in stacks) == 1:
        raise UserError(f"{path}: holds one slice, a specimen needs many: give a stack, or the folder of the slices")


def split_axes(series: Any, path: Path, which: str | int | None) -> tuple[Stack, tuple[str, ...]]:
    """The slices of a series that may have channels and times beside."""
    leading = len(series.shape) - len(series.keyframe.shape)
    if leading < 0:
        raise UserError(f"{path}: the axes {series.axes} of its pages are not known, export it as a plain stack")
    names = series.axes[:leading]
    sizes = series.shape[:leading]
    axes = [k for k in range(leading) if sizes[k] > 1]
    numbers = np.arange(int(np.prod(sizes, dtype=object)) if leading else 1).reshape(sizes)
    if not axes:
        return Stack(series, numbers.ravel().tolist()), ()
    # Depth if it is named; else an axis without a name, since channels and times are named; else whatever there is.
    slices = max(axes, key=lambda k: (names[k] == "Z", names[k] in SLICE_AXES, k))
    notes: tuple[str, ...] = ()
    if names[slices] not in SLICE_AXES:
        notes = (f"The {sizes[slices]} images called {LABELS.get(names[slices], names[slices])} are read as slices.",)
    others = [k for k in axes if k != slices]
    moved = np.moveaxis(numbers, slices, -1).reshape(-1, sizes[slices])
    if not others:
        if which is not None:
            choose(path, which, [describe(series)], "series of images")
        return Stack(series, moved[0].tolist()), notes
    places = itertools.product(*(range(sizes[k]) for k in others))
    called = [
        ", ".join(f"{LABELS.get(names[k], names[k])} {n}" for k, n in zip(others, place, strict=True))
        for place in places
    ]
    chosen = choose(path, which, called, "stacks")
    return Stack(series, moved[chosen].tolist()), (*notes, f"Read {called[chosen]} of {len(called)}.")


def read_stacks(stacks: list[Stack], path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """The gray values (z, y, x) of stacks one after the other, in one array, and what was done to them."""
    dtype = np.result_type(*(stack.dtype for stack in stacks))
    count = sum(len(stack.slices) for stack in stacks)
    rows, columns = stacks[0].plane[:2]
    if count * rows * columns > DENSEST * path.stat().st_size:
        raise UserError(f"{path}: the header says {count} x {rows} x {columns} pixels, it is damaged: copy it again")
    check_memory(path, count * rows * columns, dtype.itemsize)
    for stack in stacks:
        check_whole(stack.series, path)
    if len(stacks) == 1 and len(stacks[0].slices) == count_pages(stacks[0].series):
        return read_whole(stacks[0], count, path)
    array: np.ndarray | None = None
    notes: dict[str, None] = {}
    for k, image in enumerate(itertools.chain.from_iterable(images_of(stack) for stack in stacks)):
        page, values = image
        gray, more = gray_of_page(page, values, path)
        notes |= dict.fromkeys(more)
        array = np.empty((count, *gray.shape), np.result_type(dtype, gray.dtype)) if array is None else array
        array[k] = gray
    if array is None:
        raise UserError(f"{path}: the file holds no images, export it again")
    return array, tuple(notes)


def read_whole(stack: Stack, count: int, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """All pages of a series, read into one array at once."""
    values = np.asarray(stack.series.asarray()).reshape(count, *stack.plane)
    return gray_of_page(stack.series.keyframe, values, path)


def images_of(stack: Stack) -> Iterator[tuple[Any, np.ndarray]]:
    """Page and values of each slice."""
    series = stack.series
    if len(series.pages) != count_pages(series) or any(page is None for page in series.pages):
        values = np.asarray(series.asarray()).reshape(-1, *stack.plane)
        yield from ((series.keyframe, values[number]) for number in stack.slices)
        return
    for number in stack.slices:
        yield series.keyframe, series.pages[number].asarray()


def gray_of_page(page: Any, values: np.ndarray, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Gray values of one page or of many of one kind; UserError for colours."""
    kind = getattr(page.photometric, "name", str(page.photometric))
    if kind == "PALETTE" and page.colormap is not None:
        return as_gray(np.moveaxis(page.colormap, 0, -1)[values], path)
    if page.samplesperpixel > 1:
        if page.axes.endswith("S"):
            return as_gray(values, path)
        return as_gray(np.moveaxis(values, values.ndim - len(page.shape), -1), path)
    if kind == "MINISWHITE":
        return invert(values, page.bitspersample), ("WhiteIsZero: the values were inverted, so that bone is bright.",)
    if kind not in ("MINISBLACK", "RGB", "MASK"):
        raise UserError(f"{path}: its pages are {kind}, not gray values, convert it to 8-bit or 16-bit gray")
    return values, ()


def check_whole(series: Any, path: Path) -> None:
    """UserError where the strips or tiles of a page lie beyond the end of the file, or hold less than its voxels."""
    length = path.stat().st_size
    if series.dataoffset is None and any(page is None for page in series.pages):
        raise UserError(f"{path}: slices that its metadata name are missing, give all files of the stack")
    for page in (page for page in series.pages if page is not None):
        if any(a < 0 or b < 0 or a + b > length for a, b in zip(page.dataoffsets, page.databytecounts, strict=False)):
            raise UserError(f"{path}: the file ends before its last page, copy it again")
    if series.dataoffset is not None and series.dataoffset + series.nbytes > length:
        raise UserError(f"{path}: the file ends before its last page, copy it again")
    first = series.keyframe
    stored = count_pages(series) * first.size * first.bitspersample // 8
    if getattr(first.compression, "name", "") == "NONE" and stored > length:
        raise UserError(f"{path}: the file is shorter than the {describe(series)} in its header, copy it again")
