"""Decks of Abaqus and CalculiX (.inp): hexahedra, their element sets, and the moduli of these.

Source of the keywords: CalculiX CrunchiX User's Manual, chapter Input deck format.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from trabfem.errors import UserError
from trabfem.specimen.readers.meshes import Mesh, from_mesh
from trabfem.specimen.readers.raw import Raw

NODES_OF = {"C3D8": 8, "C3D20": 20}
FLAT = ("S", "CPS", "CPE", "CAX", "M3D", "B", "T", "SFM", "SC", "R3D", "SPRING", "DASHPOT", "MASS", "D", "GAP")
"""Beginnings of the types of elements without a volume."""


@dataclass
class Deck:
    """What a deck says, by the numbers and (in capitals) names of its own."""

    nodes: list[np.ndarray] = field(default_factory=list)
    elements: list[np.ndarray] = field(default_factory=list)
    sets: dict[str, list[np.ndarray]] = field(default_factory=dict)
    elastic: dict[str, float] = field(default_factory=dict)
    material_of: dict[str, str] = field(default_factory=dict)
    material: str = ""


def read_inp(path: Path, which: str | int | None) -> Raw:
    """The hexahedra of a deck; bone by its element sets."""
    deck = Deck()
    for keyword, options, lines in blocks_of(path):
        read_block(path, deck, keyword, options, lines)
    if not deck.elements or not deck.nodes:
        raise UserError(f"{path}: holds no hexahedra (C3D8 or C3D20), give a voxel mesh")
    nodes, elements = (np.concatenate(rows) for rows in (deck.nodes, deck.elements))
    order = np.argsort(nodes[:, 0], kind="stable")
    numbers = nodes[order, 0].astype(np.int64)
    place = np.minimum(np.searchsorted(numbers, elements[:, 1:]), len(numbers) - 1)
    if np.any(numbers[place] != elements[:, 1:]):
        raise UserError(f"{path}: some elements have nodes that are not in the deck, export it again")
    sets = {name: np.isin(elements[:, 0], np.concatenate(ids)) for name, ids in deck.sets.items() if ids}
    modulus_of = {
        name: deck.elastic[material] for name, material in deck.material_of.items() if material in deck.elastic
    }
    return from_mesh(path, which, Mesh(nodes[order, 1:], place, sets=sets, modulus_of=modulus_of))


def blocks_of(path: Path) -> Iterator[tuple[str, dict[str, str], list[str]]]:
    """Keyword, its options and the lines of data below it, of each block; names and keywords in capitals."""
    keyword, options, lines = "", {}, []
    with path.open(encoding="latin-1") as file:
        for line in file:
            line = line.strip()
            if not line or line.startswith("**"):
                continue
            if not line.startswith("*"):
                lines.append(line)
                continue
            yield keyword, options, lines
            words = [word.strip() for word in line[1:].upper().split(",")]
            keyword, lines = words[0], []
            options = {key.strip(): value.strip().strip('"') for key, _, value in (w.partition("=") for w in words[1:])}
    yield keyword, options, lines


def read_block(path: Path, deck: Deck, keyword: str, options: dict[str, str], lines: list[str]) -> None:
    """Add a block to the deck; UserError for nodes and elements that cannot be read."""
    if keyword == "INCLUDE":
        raise UserError(f"{path}: includes another file ({options.get('INPUT', '')}), put all into one deck")
    if keyword == "NODE":
        deck.nodes.append(numbers_of(path, keyword, lines, 4))
    elif keyword == "ELEMENT":
        read_elements(path, deck, options, lines)
    elif keyword == "ELSET" and "ELSET" in options:
        read_set(deck, options, lines)
    elif keyword == "MATERIAL":
        deck.material = options.get("NAME", "")
    elif keyword == "ELASTIC" and lines:
        value = re.match(r"[-+.\dE]+", lines[0].upper())
        try:
            deck.elastic[deck.material] = float(value.group() if value else "")
        except ValueError:
            raise UserError(f"{path}: the modulus of material {deck.material} is {lines[0]!r}, give a number") from None
    elif keyword == "SOLID SECTION" and "ELSET" in options:
        deck.material_of[options["ELSET"]] = options.get("MATERIAL", "")


def read_elements(path: Path, deck: Deck, options: dict[str, str], lines: list[str]) -> None:
    """Add hexahedra; elements without a volume are left, other solids refused."""
    kind = options.get("TYPE", "")
    count = next((n for name, n in NODES_OF.items() if re.fullmatch(name + "[A-Z]*", kind)), None)
    if count is None:
        if kind.startswith(FLAT):
            return
        raise UserError(f"{path}: holds elements of type {kind or 'none'}, only hexahedra (C3D8, C3D20) can be read")
    rows = numbers_of(path, "ELEMENT", lines, count + 1).astype(np.int64)
    deck.elements.append(rows[:, :9])
    if "ELSET" in options:
        deck.sets.setdefault(options["ELSET"], []).append(rows[:, 0])


def numbers_of(path: Path, keyword: str, lines: list[str], columns: int) -> np.ndarray:
    """The numbers of a block in rows of so many, whatever the lines are."""
    words = [word for word in ",".join(lines).replace(" ", "").split(",") if word]
    try:
        values = np.array([float(word.replace("D", "E").replace("d", "e")) for word in words])
    except ValueError:
        values = np.zeros(1)
    if not len(values) or len(values) % columns or not np.all(np.abs(values) < 2.0**53):
        raise UserError(f"{path}: a block *{keyword} does not hold rows of {columns} numbers, check that it is whole")
    return values.reshape(-1, columns)


def read_set(deck: Deck, options: dict[str, str], lines: list[str]) -> None:
    """Add elements to a set: by number, by first, last and step (GENERATE), or the names of other sets."""
    ids = deck.sets.setdefault(options["ELSET"], [])
    known = np.concatenate([rows[:, 0] for rows in deck.elements]) if deck.elements else np.zeros(0, np.int64)
    for line in lines:
        words = [word.strip().upper() for word in line.split(",") if word.strip()]
        if "GENERATE" in options and len(words) in (2, 3) and all(word.isdecimal() for word in words):
            first, last, step = int(words[0]), int(words[1]), max(int(words[2]), 1) if len(words) == 3 else 1
            ids.append(known[(known >= first) & (known <= last) & ((known - first) % step == 0)])
            continue
        ids.extend(np.array([int(word)]) for word in words if word.isdecimal() and len(word) < 19)
        for word in words:
            ids.extend(deck.sets.get(word, []) if word != options["ELSET"] else [])
