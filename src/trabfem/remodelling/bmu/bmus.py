"""Basic multicellular units (BMUs). Each is born on the surface, digs a pit in six weeks and refills it in five months.

Place and size of a BMU come from random numbers of the voxel and month in which it is born (see `births`), so a run
gives the same result in any order and on any number of devices. Its pit is a patch of voxels that carry its number
(`owner`) and a depth profile (`weight`, 1 in the middle); the surface moves there at `weight` times the BMU's pace. A
pit that went through the bone is not refilled, as it has no surface left on which bone forms. The bone that the cells
would have formed there is added to the other pits, since the balance of the cell model holds for all bone, holes
included.
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
    - `safe`: bone thicker than so many depths of a pit keeps a layer of bone everywhere under the pit. Thinner bone
      is dug to the full depth, and perforated where it is thinner than that. An assumption: it prevents that the
      corners of a flat pit pierce a curved plate
    - `bias`: how much likelier a birth is where the signal is below its reference (see `find_birth_sites`). Also an
      assumption: strained osteocytes inhibit osteoclasts, and a strut thinned from one side is rarely resorbed from
      the other
    """

    depth_spread: float = 0.175
    safe: float = 2.0
    bias: float = 3.0


@dataclass(frozen=True)
class Bmus:
    """The BMUs at work, in slots that are reused; a free slot has birth = inf.

    - `owner`: slot + 1 of the BMU that a voxel belongs to, 0 for none; `weight`: depth profile there
    - `birth`, `filling` (day): start of the pit and of its refill (inf until it starts); `depth` (mm)
    - `centre` (mm) and outward `normal` of the surface at the pit; `dug` (mm^3): volume of the complete pit;
      `removed` (mm^3): bone dug less bone refilled
    - `born`: births so far; `clock` (mm^2): surface to be covered by pits so far; `arrived` (mm^2): surface covered so
      far, so that the next BMU is born when `clock` exceeds it
    - `perforation` (mm^3): bone dug so far by BMUs that went through
    - `formation_balance` (mm^3): bone that should have formed in pits that perforated or ended early; the BMUs at work
      form it instead (negative: formed in advance)
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
    """`Bmus` with no slots, on a grid of `shape`."""
    empty, places = np.zeros(0), np.zeros((0, 3))
    owner, weight = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    return Bmus(owner, weight, empty, empty, empty, places, places, empty, empty)


def make_pits(bmus: Bmus, paces: Float[np.ndarray, " bmus"]) -> Pits:
    """The pits of the BMUs when the surface in the middle of each moves at `paces` (mm/day)."""
    return Pits(bmus.owner, bmus.weight, paces.astype(np.float32), bmus.normal.astype(np.float32))
