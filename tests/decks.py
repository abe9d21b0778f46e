"""Reads back a deck that was written for other solvers, and solves it with nothing of trabfem's own."""

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse.linalg

from analytic import assembled, reference_stiffness

TRABFEM_CORNERS = [0, 4, 3, 7, 1, 5, 2, 6]
"""Corners of a C3D8 in the order of `reference_stiffness`: x, y, z of the corner as digits of a binary number."""


@dataclass
class Deck:
    """The parts of a deck, with numbers as they are in it."""

    comments: list[str] = field(default_factory=list)
    nodes: dict[int, list[float]] = field(default_factory=dict)
    elements: dict[int, tuple[str, list[int]]] = field(default_factory=dict)
    sets: dict[str, list[int]] = field(default_factory=dict)
    moduli: dict[str, tuple[float, float]] = field(default_factory=dict)
    sections: dict[str, str] = field(default_factory=dict)
    boundary: dict[tuple[int, int], float] = field(default_factory=dict)
    transform: list[float] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)


def read_deck(path: Path) -> Deck:
    deck, word, options = Deck(), "", {}
    for line in path.read_text("ascii").splitlines():
        if line.startswith("**"):
            deck.comments.append(line[2:].strip())
        elif line.startswith("*"):
            word, *rest = (part.strip() for part in line[1:].split(","))
            options = {key: value for key, _, value in (part.partition("=") for part in rest)} | (
                {"MATERIAL": options.get("NAME", "")} if word == "ELASTIC" else {}
            )
            deck.keywords.append(word)
            if word == "SOLID SECTION":
                deck.sections[options["ELSET"]] = options["MATERIAL"]
        else:
            take_line(deck, word, options, [part.strip() for part in line.split(",")])
    return deck


def take_line(deck: Deck, word: str, options: dict[str, str], parts: list[str]) -> None:
    if word == "NODE":
        deck.nodes[int(parts[0])] = [float(part) for part in parts[1:]]
    elif word == "ELEMENT":
        assert options["TYPE"] == "C3D8"
        deck.elements[int(parts[0])] = (options["ELSET"], [int(part) for part in parts[1:]])
    elif word == "NSET":
        deck.sets.setdefault(options["NSET"], []).extend(int(part) for part in parts)
    elif word == "ELASTIC":
        deck.moduli[options["MATERIAL"]] = (float(parts[0]), float(parts[1]))
    elif word == "TRANSFORM":
        deck.transform = [float(part) for part in parts]
    elif word == "BOUNDARY":
        first, last = int(parts[1]), int(parts[2])
        deck.boundary |= {(int(parts[0]), component): float(parts[3]) for component in range(first, last + 1)}


def solve_deck(deck: Deck) -> tuple[np.ndarray, np.ndarray]:
    """Displacements and reactions (nodes, 3), by a direct solve of the assembled equations of bricks along x, y, z."""
    conn = np.array([deck.elements[number][1] for number in sorted(deck.elements)]) - 1
    position = np.array([deck.nodes[number] for number in sorted(deck.nodes)])
    [poisson] = {values[1] for values in deck.moduli.values()}
    modulus = np.array([deck.moduli[deck.sections[deck.elements[n][0]]][0] for n in sorted(deck.elements)])
    first, opposite = position[conn[0, 0]], position[conn[0, 6]]
    spacing = (float(opposite[0] - first[0]), float(opposite[1] - first[1]), float(opposite[2] - first[2]))
    matrix: Any = assembled(conn[:, TRABFEM_CORNERS], modulus, reference_stiffness(spacing, poisson), len(position))
    given = np.zeros(matrix.shape[0], bool)
    found = np.zeros(matrix.shape[0])
    for (node, component), value in deck.boundary.items():
        given[3 * (node - 1) + component - 1], found[3 * (node - 1) + component - 1] = True, value
    free = np.flatnonzero(~given)
    held: Any = matrix[free]
    found[free] = np.asarray(scipy.sparse.linalg.spsolve(held[:, free].tocsc(), -(held @ found)))
    return found.reshape(-1, 3), (matrix @ found).reshape(-1, 3)


def work_of(displacement: np.ndarray, reaction: np.ndarray) -> float:
    """Twice the elastic energy, which over the travel is the force."""
    return float((displacement * reaction).sum())


CALCULIX = shutil.which("ccx")


def run_calculix(path: Path) -> tuple[float, np.ndarray]:
    """What CalculiX prints for a deck: the sum of displacement times reaction, and the total force on LOADED."""
    assert CALCULIX is not None
    run = [CALCULIX, path.stem]
    done = subprocess.run(run, cwd=path.parent, capture_output=True, text=True, timeout=600, check=False)
    printed = path.with_suffix(".dat")
    assert printed.exists(), done.stdout[-2000:]
    tables: dict[str, np.ndarray] = {}
    for block in re.split(r"\n *(?=displacements|forces|total force)", printed.read_text())[1:]:
        title, *lines = block.strip().splitlines()
        rows = [line.split() for line in lines if line.strip()]
        kind = re.sub(r"\s+", " ", title)
        width = 3 if kind.startswith("total") else 4
        tables[kind] = np.array([[float(value) for value in row[:width]] for row in rows])
    [moved] = [table for kind, table in tables.items() if kind.startswith("displacements")]
    [pulled] = [table for kind, table in tables.items() if kind.startswith("forces") and "PRESCRIBED" in kind]
    [total] = [table for kind, table in tables.items() if kind.startswith("total force") and "LOADED" in kind]
    np.testing.assert_array_equal(moved[:, 0], pulled[:, 0])
    return work_of(moved[:, 1:], pulled[:, 1:]), total[0]
