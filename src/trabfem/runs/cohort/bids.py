"""The rows of a folder laid out as BIDS or ORMIR-MIDS: `sub-*/[ses-*]/**`, with `participants.tsv`.

Names of files are entities and a suffix, `sub-1_ses-2_bone-radius_ct.nii.gz` (Gorgolewski et al. 2016, Sci. Data
3:160044). Every image is a scan, except for masks and label maps. A mask is a scan's region of interest only where its
label or description says that it is a region; a mask of bone would make BV/TV one.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trabfem.errors import UserError
from trabfem.specimen.readers.registry import READERS, suffix_of

from .rows import Problems, Row, Source, make_rows

MASKS = ("mask", "dseg", "seg", "probseg", "segmentation")
"""Suffixes of files that are no scans."""
REGIONS = ("roi", "trab", "trabecular", "total", "tv", "periosteal", "full", "core")
"""Labels and descriptions of masks that enclose bone and marrow."""
OF_MASK = ("desc", "label", "space", "res", "seg")
"""Entities in which a mask may differ from its scan."""
IMAGES = tuple(suffix for suffix in READERS if suffix not in (".npy", ".vtk"))


@dataclass(frozen=True)
class Image:
    """An image of a data set: its path, its entities in order, and its suffix (`ct`)."""

    path: Path
    entities: Mapping[str, str]
    kind: str

    @property
    def is_mask(self) -> bool:
        """Whether it is a mask or a label map."""
        return self.kind.lower() in MASKS

    @property
    def region(self) -> str:
        """The word by which a mask says that it is a region of interest."""
        words = (self.entities.get("label", ""), self.entities.get("desc", ""))
        return next((word for word in words if word.lower() in REGIONS), "") if self.kind == "mask" else ""

    def belongs_to(self, scan: "Image") -> bool:
        """Whether this mask is of that scan: the same folder, and what both names say is the same."""
        own = {key: value for key, value in self.entities.items() if key not in OF_MASK}
        return self.path.parent == scan.path.parent and own.items() <= dict(scan.entities).items()


def rows_of_folder(folder: Path, study: bool = False) -> Source:
    """The rows of a data set. **Raises:** `UserError` where there is no `sub-*`, `Problems` for bad participants."""
    images = list(find_images(folder))
    scans = [image for image in images if not image.is_mask]
    if not scans:
        raise UserError(
            f"{folder}: no scan in sub-*/ (with or without ses-*/); give a table, or a folder laid out as BIDS"
        )
    people = read_participants(folder)
    regions, notes = match_masks(scans, [image for image in images if image.is_mask])
    unknown = sorted({image.entities["sub"] for image in scans} - {name.removeprefix("sub-") for name in people})
    if people and unknown:
        notes.append(f"participants.tsv has no line for sub-{', sub-'.join(unknown)}.")
    lines = [line_of(image, folder, people, regions.get(image.path)) for image in scans]
    header = list(dict.fromkeys(name for line in lines for name in line))
    try:
        rows = make_rows(header, lines, folder.resolve(), str(folder), study, first=1)
    except Problems as error:
        named = {f"row {number}:": str(line["scan"]) + ":" for number, line in enumerate(lines, 1)}
        raise Problems(str(folder), [name_rows(sentence, named) for sentence in error.sentences]) from None
    placed = [with_place(row) for row in rows]
    notes.insert(0, f"{len(scans)} scans of {len({image.entities['sub'] for image in scans})} participants.")
    return Source(folder.resolve().name, tuple(placed), tuple(notes), folder.resolve())


def find_images(folder: Path) -> Iterator[Image]:
    """The images of all participants, in order of their paths."""
    for path in sorted(folder.glob("sub-*/**/*")):
        inside = path.relative_to(folder).parts
        if any(part.startswith(".") for part in inside) or not path.is_file() or suffix_of(path) not in IMAGES:
            continue
        *parts, kind = path.name[: -len(suffix_of(path))].split("_")
        entities = dict(part.split("-", 1) for part in parts if "-" in part)
        yield Image(path, {**entities, "sub": inside[0].removeprefix("sub-")}, kind)


def match_masks(scans: list[Image], masks: list[Image]) -> tuple[dict[Path, Path], list[str]]:
    """The region of each scan that has exactly one, and sentences on all masks."""
    regions: dict[Path, list[Image]] = {}
    left: list[str] = []
    for mask in masks:
        owners = [scan for scan in scans if mask.belongs_to(scan)] if mask.region else []
        if len(owners) != 1:
            left.append(mask.path.name)
        for scan in owners if len(owners) == 1 else ():
            regions.setdefault(scan.path, []).append(mask)
    taken = {scan: found[0].path for scan, found in regions.items() if len(found) == 1}
    left += [mask.path.name for found in regions.values() if len(found) > 1 for mask in found]
    notes = [f"Region of interest of {scan.name}: {mask.name}." for scan, mask in taken.items()]
    if left:
        notes.append(
            f"Left out: {', '.join(sorted(left))}. A mask is taken for the region of interest where its label or desc "
            f"is one of {', '.join(REGIONS)} and it is the only one of its scan; a table's column roi takes any."
        )
    return taken, notes


def line_of(image: Image, folder: Path, people: Mapping[str, Mapping[str, str]], roi: Path | None) -> dict[str, Any]:
    """The cells of a scan's row."""
    name = f"sub-{image.entities['sub']}"
    session = {"session": f"ses-{image.entities['ses']}"} if "ses" in image.entities else {}
    region = {"roi": str(roi.relative_to(folder))} if roi is not None else {}
    person = {key: cell for key, cell in people.get(name, {}).items() if key not in ("scan", "id", "roi")}
    stem = image.path.name[: -len(suffix_of(image.path))]
    return {
        "scan": str(image.path.relative_to(folder)), "id": stem, "participant": name, **session, **person, **region
    }  # fmt: skip


def read_participants(folder: Path) -> dict[str, dict[str, str]]:
    """The cells of `participants.tsv` by participant; none where there is no such file."""
    path = folder / "participants.tsv"
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: {error}; give a table with tabs between cells") from None
    if lines and "participant_id" not in lines[0]:
        raise UserError(f"{path}: there is no column participant_id; give one, with tabs between cells")
    found = {}
    for line in lines:
        name = f"sub-{line.pop('participant_id').strip().removeprefix('sub-')}"
        found[name] = {key.strip(): (cell or "").strip() for key, cell in line.items() if key}
    return found


def with_place(row: Row) -> Row:
    """The row with the place of its result: that of the scan in the data set."""
    parts = [part for part in Path(row.source).parts[:-1] if re.match(r"(sub|ses)-", part)]
    return replace(row, place="/".join([*parts, row.place.removeprefix("rows/")]))


def name_rows(sentence: str, names: Mapping[str, str]) -> str:
    """A sentence on a row, with its scan in place of a number that no file has."""
    return next(
        (name + sentence.removeprefix(old) for old, name in names.items() if sentence.startswith(old)), sentence
    )
