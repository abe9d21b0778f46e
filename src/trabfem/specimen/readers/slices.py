"""Folders of slices: one image a file, in the order of the numbers in their names."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers.dicom import is_dicom, read_series
from trabfem.specimen.readers.gray import as_gray
from trabfem.specimen.readers.raw import Raw, Triple, check_memory, choose, import_package
from trabfem.specimen.readers.tiff import gray_of_page, open_tiff, read_tiff

TIFFS = (".tif", ".tiff")
PICTURES = (".png", ".bmp", ".jpg", ".jpeg")
LOSSY = (".jpg", ".jpeg")
PREVIEW = re.compile(r"_spr$", re.IGNORECASE)
"""How NRecon names the preview that it writes beside the slices."""
PIXEL_SIZE = re.compile(r"^\s*(?:Image )?Pixel Size \([u\u00b5\u03bc]m\)\s*=\s*([\d.,]+)", re.IGNORECASE | re.MULTILINE)
SHOWN = 6


@dataclass(frozen=True)
class Numbered:
    """Files in order, the numbers in their names, and what to call them all."""

    files: list[Path]
    numbers: list[int]
    name: str


def read_folder(path: Path, which: str | int | None) -> Raw:
    """A folder of slices: images (.tif .png .bmp .jpg) in the order of their numbers, or a DICOM series."""
    files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    images = [p for p in files if p.suffix.lower() in (*TIFFS, *PICTURES)]
    others = [p for p in files if p not in set(images)]
    dicoms = [p for p in others if is_dicom(p)]
    if dicoms and images:
        raise UserError(
            f"{path}: holds DICOM files ({dicoms[0].name}) and images ({images[0].name}), give a folder of one kind"
        )
    if dicoms:
        return read_series(path, dicoms, which)
    if not images:
        raise nothing_in(path, others)
    return read_slices(path, images, which)


def nothing_in(path: Path, others: list[Path]) -> UserError:
    """That a folder has no slices, and what it has."""
    folders = sorted(p.name for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    holds = ""
    if folders:
        holds = f"; it holds the folders {list_names(folders)}: give one of them"
    elif others:
        holds = f"; it holds {list_names([p.name for p in others])}: give the scan itself"
    return UserError(f"{path}: the folder holds no .tif slices, nor .png, .bmp, .jpg or DICOM{holds or ', fill it'}")


def read_slices(path: Path, images: list[Path], which: str | int | None) -> Raw:
    """The slices of one scan; the first is z = 0, rows are y, columns x. Spacing from the log of NRecon beside them."""
    previews = [p for p in images if PREVIEW.search(p.stem)]
    notes: list[str] = []
    if previews and len(previews) < len(images):
        notes.append(f"{list_names([p.name for p in previews])} was left out as a preview.")
        images = [p for p in images if p not in set(previews)]
    groups, left = group_by_name(images)
    if left:
        notes.append(f"{list_names([p.name for p in left])} was left out: its name is unlike those of the slices.")
    names = [group.name for group in groups]
    group = groups[choose(path, which, names, "scans")]
    if len(groups) > 1:
        notes.append(f"Of {len(groups)} scans in the folder, {group.name!r} was taken.")
    if len(group.files) == 1:
        return read_single(path, group.files[0], notes)
    check_shapes(group.files)
    step = check_numbers(path, group)
    if step > 1:
        notes.append(f"The numbers of the slices go in steps of {step}.")
    array, more = read_all(group.files)
    spacing, said = find_log(path, step)
    if group.files[0].suffix.lower() in LOSSY:
        more = (*more, "The slices are JPEG, whose compression changes gray values at edges.")
    return Raw(array.T, spacing, notes=(*notes, *more, *said))


def group_by_name(images: list[Path]) -> tuple[list[Numbered], list[Path]]:
    """Scans by the text in their names and all numbers but that of the slice; and the files that belong to none.

    The number of a slice is the last one in a name that no two files share, else the last one that is not the same in
    all. Other numbers that several files share tell scans apart.
    """
    families: dict[tuple[str, ...], list[tuple[tuple[int, ...], Path]]] = defaultdict(list)
    for file in images:
        parts = re.split(r"(\d+)", file.stem)
        kind = file.suffix.lower().replace(".tiff", ".tif").replace(".jpeg", ".jpg")
        families[(*parts[::2], kind)].append((tuple(int(n) for n in parts[1::2]), file))
    groups = [group for family in families.values() for group in split_family(family)]
    several = [group for group in groups if len(group.files) > 1]
    if len(several) != 1:
        # One file each, or several scans: which one is left to the user.
        return groups, []
    return several, [group.files[0] for group in groups if len(group.files) == 1]


def split_family(family: list[tuple[tuple[int, ...], Path]]) -> list[Numbered]:
    """The scans among files whose names differ in numbers only."""
    columns = list(zip(*(numbers for numbers, _ in family), strict=True))
    varying = [k for k, column in enumerate(columns) if len(set(column)) > 1]
    if not varying:
        return [numbered([(numbers[-1] if numbers else 0, file) for numbers, file in family], family[0][1].name)]
    distinct = [k for k in varying if len(set(columns[k])) == len(family)]
    last = distinct[-1] if distinct else varying[-1]
    telling = [k for k in varying if k != last and k not in distinct]
    scans: dict[tuple[int, ...], list[tuple[int, Path]]] = defaultdict(list)
    for numbers, file in family:
        scans[tuple(numbers[k] for k in telling)].append((numbers[last], file))
    return [numbered(files, pattern(files[0][1], last)) for files in scans.values()]


def numbered(files: Iterable[tuple[int, Path]], name: str) -> Numbered:
    """The files in the order of their numbers."""
    ordered = sorted(files)
    return Numbered([file for _, file in ordered], [number for number, _ in ordered], name)


def pattern(file: Path, column: int) -> str:
    """The name with # in the place of one of its numbers."""
    parts = re.split(r"(\d+)", file.stem)
    parts[2 * column + 1] = "#"
    return "".join(parts) + file.suffix


def list_names(names: list[str]) -> str:
    """The first few names."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def read_single(path: Path, file: Path, notes: list[str]) -> Raw:
    """The stack that is the only image of a folder; UserError where it is one slice."""
    if file.suffix.lower() in TIFFS:
        with open_tiff(file) as tiff:
            pages = len(tiff.pages)
        if pages > 1:
            raw = read_tiff(file, None)
            return Raw(raw.array, raw.spacing, notes=(*notes, f"The folder holds one stack, {file.name}.", *raw.notes))
    raise UserError(
        f"{path}: holds a single slice, {file.name}, a specimen needs many: give the folder with all slices"
    )


def check_numbers(path: Path, group: Numbered) -> int:
    """The step from slice to slice; UserError where numbers are missing or double."""
    steps = np.diff(group.numbers)
    if not steps.all():
        k = int(np.argmin(steps))
        raise UserError(
            f"{path}: {group.files[k].name} and {group.files[k + 1].name} have the same number, remove one of them"
        )
    step = int(steps.min())
    if steps.max() == step:
        return step
    k = int(np.argmax(steps))
    first, last = group.numbers[k] + step, group.numbers[k + 1] - step
    missing = f"slice {first} is" if first >= last else f"slices {first} to {last} are"
    raise UserError(
        f"{path}: {missing} missing between {group.files[k].name} and {group.files[k + 1].name}, add what is missing "
        "or move the slices on one side of the gap elsewhere"
    )


def check_shapes(files: list[Path]) -> None:
    """UserError where a slice has another size than the first, or several pages."""
    first: tuple[int, ...] | None = None
    for file in files:
        shape = shape_of(file)
        first = shape if first is None else first
        if shape[0] > 1:
            raise UserError(f"{file}: holds {shape[0]} pages in a folder of several files, give the stack as a file")
        if shape != first:
            raise UserError(
                f"{file}: slice of shape {shape[1:]} among slices of {first[1:]} (rows, columns), remove or crop it"
            )


def shape_of(file: Path) -> tuple[int, int, int]:
    """Pages, rows and columns, from the header."""
    if file.suffix.lower() in TIFFS:
        with open_tiff(file) as tiff:
            pages = tiff.pages
            return (len(pages), int(pages[0].imagelength), int(pages[0].imagewidth))
    with open_picture(file) as image:
        return (1, image.height, image.width)


def open_picture(file: Path) -> Any:
    """An image opened by Pillow, not yet decoded; UserError where it is none."""
    pillow = import_package("PIL.Image")
    try:
        return pillow.open(file)
    except (pillow.UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise UserError(f"{file}: is no image of the kind that its suffix says, or is damaged: remove it") from None


def read_all(files: list[Path]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Gray values (z, y, x) of slices of one shape, and what was done to them."""
    notes: dict[str, None] = {}
    array: np.ndarray | None = None
    for k, file in enumerate(files):
        gray, more = read_slice(file)
        notes |= dict.fromkeys(more)
        if array is None:
            check_memory(file.parent, len(files) * gray.size, gray.dtype.itemsize)
            array = np.empty((len(files), *gray.shape), gray.dtype)
        if gray.shape != array.shape[1:] or gray.dtype != array.dtype:
            raise UserError(
                f"{file}: slice of {gray.shape} values of {gray.dtype} among slices of {array.shape[1:]} of "
                f"{array.dtype}, convert all to one type"
            )
        array[k] = gray
    if array is None:
        raise UserError("the folder holds no slices")
    return array, tuple(notes)


def read_slice(file: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Gray values (y, x) of one image."""
    if file.suffix.lower() in TIFFS:
        with open_tiff(file) as tiff:
            page = tiff.pages[0]
            check_memory(file, int(page.imagelength) * int(page.imagewidth) * max(1, int(page.samplesperpixel)), 8)
            return gray_of_page(page, np.asarray(page.asarray()), file)
    with open_picture(file) as image:
        try:
            # A palette becomes the colours that it stands for.
            values = np.asarray(image.convert("RGB") if image.mode in ("P", "PA") else image)
        except (OSError, ValueError, SyntaxError, EOFError):
            raise UserError(f"{file}: the image is damaged or cut off, copy it again") from None
        if image.mode in ("P", "PA", "RGB", "RGBA", "LA"):
            gray, notes = as_gray(values, file)
            return gray, () if image.mode in ("P", "PA") else notes
        if values.ndim != 2:
            raise UserError(f"{file}: the image is in colour ({image.mode}), convert it to gray values")
    return values, ()


def find_log(path: Path, step: int) -> tuple[Triple | None, tuple[str, ...]]:
    """Cubes of the pixel size that the logs beside the slices agree on, in mm, and a sentence on it."""
    sizes: dict[float, str] = {}
    for log in sorted(path.glob("*.log")):
        text = log.read_text("latin-1", errors="replace")[:1_000_000]
        found = [float(size.replace(",", ".")) for size in PIXEL_SIZE.findall(text) if size.count(".") < 2]
        # The size of the reconstruction stands after that of the camera.
        sizes |= {found[-1]: log.name} if found else {}
    if not sizes:
        return None, ()
    if len(sizes) > 1:
        listed = ", ".join(f"{size:g} \u00b5m in {name}" for size, name in sizes.items())
        return None, (f"The logs say different pixel sizes ({listed}), none was taken.",)
    ((size, name),) = sizes.items()
    edge = size / 1000
    return (edge, edge, edge * step), (f"The pixel size of {size:g} \u00b5m is from {name}, also between slices.",)
