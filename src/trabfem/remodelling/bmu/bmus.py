"""Basic multicellular BMUs (BMUs): each is born on the surface, digs a pit for six weeks and refills it in five months.

A BMU's numbers come from a random key of its own, folded from the seed and its birth number, so that a run repeats
whatever the order or the number of devices. Its pit is a patch of voxels that carry its number (`owner`) and a depth
profile (`weight`, 1 in the middle); the surface moves there at `weight` times the BMU's pace. Where the pit went
through the bone nothing is refilled: there is no surface left to build on. The bone that the cells would have laid
down there goes to the other pits, since the cell model's balance is that of all bone, holes included.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int32

from trabfem import constants

from ..rules.protocol import Pits
from .sites import Grid

DIGGING = constants.RESORPTION_PERIOD.value
REFILLING = constants.FORMATION_PERIOD_SIMULATION.value


@dataclass(frozen=True)
class BmuSettings:
    """How BMUs choose their place and how deep they dig (sizes and periods are in `constants`).

    - `depth_spread`: standard deviation of the depth over its mean, as of wall thickness (Lips 1978: 8.7 of 49.7 um)
    - `safe`: bone thicker than so many depths of a pit keeps a layer of bone everywhere under it. Less thick bone
      is dug as deep as the pit is, and is gone through where it is thinner than that. A choice: it keeps the corners of
      a pit from piercing a curved plate, which voxels would do and flat pits do not
    - `bias`: how much likelier a birth is where bone is strained less than it is used to (see `find_birth_sites`).
      Also a choice: signals of strained osteocytes hold back osteoclasts, and a strut thinned from one side is rarely
      attacked from the other
    """

    depth_spread: float = 0.175
    safe: float = 2.0
    bias: float = 3.0


@dataclass(frozen=True)
class Bmus:
    """The BMUs at work, in slots that are used again; a free slot has birth = inf.

    - `owner`: slot + 1 of the BMU that a voxel belongs to, 0 for none; `weight`: depth profile there
    - `birth`, `filling` (day): start of the pit and of its refill, inf before; `depth` (mm)
    - `centre` (mm) and outward `normal` of the surface at the pit; `dug` (mm^3): its pit's volume once it is dug;
      `removed` (mm^3): dug less refilled
    - `born`: births so far; `clock` (mm^2): surface to be covered so far; `arrived` (mm^2): covered, drawn at random
    - `perforation` (mm^3): dug so far by BMUs that went through
    - `formation_balance` (mm^3): bone that was to be laid down in pits that are lost or given up, carried over for
      those at work to lay down instead (negative: laid down in advance)
    """

    owner: Int32[np.ndarray, "x y z"]
    weight: Grid
    birth: Float[np.ndarray, " bmus"]
    filling: Float[np.ndarray, " bmus"]
    depth: Float[np.ndarray, " bmus"]
    centre: Float[np.ndarray, "bmus 3"]
    normal: Float[np.ndarray, "bmus 3"]
    dug: Float[np.ndarray, " bmus"]
    removed: Float[np.ndarray, " bmus"]
    born: int = 0
    clock: float = 0.0
    arrived: float = 0.0
    perforation: float = 0.0
    formation_balance: float = 0.0


def no_bmus(shape: tuple[int, ...]) -> Bmus:
    """No BMUs."""
    empty, places = np.zeros(0), np.zeros((0, 3))
    owner, weight = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    return Bmus(owner, weight, empty, empty, empty, places, places, empty, empty)


def as_pits(bmus: Bmus, paces: Float[np.ndarray, " bmus"]) -> Pits:
    """What the BMUs do to the surface when those of full weight move at `paces` (mm/day)."""
    return Pits(bmus.owner, bmus.weight, paces.astype(np.float32), bmus.normal.astype(np.float32))
