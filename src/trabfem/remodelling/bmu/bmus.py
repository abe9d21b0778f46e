"""Basic multicellular units (BMUs). Each is born on the surface, digs a pit in six weeks and refills it in five months.

Place and size of a BMU come from random numbers of the voxel and month in which it is born (see `births`), so a run
gives the same result in any order and on any number of devices. Its pit is a patch of voxels that carry its number
(`owner`) and a depth profile (`weight`, 1 in the middle); the surface moves there at `weight` times the BMU's pace. A
pit that went through the bone is not refilled, as it has no surface left on which bone forms. The bone that the cells
would have formed there is added to the other pits, since the balance of the cell model holds for all bone, holes
included.
"""

import dataclasses
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int, Int32

from trabfem import constants

from ..rules.protocol import Pits

DIGGING = constants.RESORPTION_PERIOD.value
REFILLING = constants.FORMATION_PERIOD_SIMULATION.value
FEWEST_SLOTS = 64

Slots = Float[Array, " bmus"]
Places = Float[Array, "bmus 3"]
Number = Float[Array, ""] | float


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


class Bmus(eqx.Module):
    """The BMUs at work, in slots that are reused; a free slot has birth = inf. All of it is on the device.

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

    owner: Int32[Array, "x y z"]
    weight: Float32[Array, "x y z"]
    birth: Slots
    filling: Slots
    depth: Slots
    centre: Places
    normal: Places
    dug: Slots
    removed: Slots
    born: Int[Array, ""] | int
    clock: Number
    arrived: Number
    perforation: Number
    formation_balance: Number


SLOTS = {"birth": np.inf, "filling": np.inf, "depth": 0.0, "centre": 0.0, "normal": 0.0, "dug": 0.0, "removed": 0.0}
"""What a free slot has in each array."""
NUMBERS = ("born", "clock", "arrived", "perforation", "formation_balance")


def no_bmus(shape: tuple[int, ...], slots: int = FEWEST_SLOTS) -> Bmus:
    """`Bmus` with free `slots` only, on a grid of `shape`."""
    grids = {"owner": np.zeros(shape, np.int32), "weight": np.zeros(shape, np.float32)}
    numbers = {name: np.zeros((), np.int64 if name == "born" else np.float64) for name in NUMBERS}
    return place_on_device(grids | free_slots(slots) | numbers)


def place_on_device(fields: dict[str, np.ndarray]) -> Bmus:
    """The BMUs of arrays on the host, copied to the device with their full precision."""
    with jax.enable_x64(True):
        return Bmus(**jax.device_put(fields))


def free_slots(count: int) -> dict[str, np.ndarray]:
    """Arrays of so many free slots."""
    return {name: np.full((count, 3) if name in ("centre", "normal") else count, free) for name, free in SLOTS.items()}


def add_slots(bmus: Bmus) -> Bmus:
    """The BMUs with twice as many slots: programs are compiled anew for each number, so it rarely changes."""
    more = free_slots(max(FEWEST_SLOTS, len(bmus.birth)))
    with jax.enable_x64(True):
        longer = {name: np.concatenate([np.asarray(getattr(bmus, name)), free]) for name, free in more.items()}
        return dataclasses.replace(bmus, **jax.device_put(longer))


def forget_perforation(bmus: Bmus) -> Bmus:
    """The BMUs with nothing perforated so far."""
    with jax.enable_x64(True):
        return dataclasses.replace(bmus, perforation=jax.device_put(np.zeros(())))


def slots_for(frequency: float, area: float, cover: float) -> int:
    """A number of slots, a power of two, for BMUs at four times the `frequency` (1/year), each on `cover` of `area`."""
    at_work = 4 * frequency * (DIGGING + 1.5 * REFILLING) / constants.DAYS_PER_YEAR.value * area / cover
    return max(FEWEST_SLOTS, 1 << int(np.ceil(np.log2(max(at_work, 1.0)))))


def make_pits(bmus: Bmus, paces: Float[Array, " bmus"]) -> Pits:
    """The pits of the BMUs when the surface in the middle of each moves at `paces` (mm/day)."""
    return Pits(bmus.owner, bmus.weight, paces.astype(jnp.float32), bmus.normal.astype(jnp.float32))
