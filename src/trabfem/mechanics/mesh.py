"""A voxel specimen as a list of hexahedra, with only solid voxels and their nodes."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped, UInt8, UInt32

from ..errors import UserError
from . import lattice, native
from .hexahedron import CORNERS
from .lattice import LATTICE

HEADROOM = 0.03
HEADROOM_OF_OUTGROWN = 0.08
MOST_HEADROOM = 2048
LADDER = ((1 << 10, 1), (1 << 12, 2), (1 << 14, 4), (1 << 17, 8), (1 << 19, 16))
"""Up to which length there are how many array lengths between one power of two and the next."""
FINEST_STEPS = 64
ROUND = 64
Moduli = Shaped[np.ndarray, "x y z"] | Shaped[Array, "x y z"]
"""Young's modulus of every voxel, MPa, 0 = void: in NumPy, or a grid on the device, which then stays there."""


def capacity(count: int, present: int = 0) -> int:
    """The array length for `count` entries and an idle one: the length in use (`present`) if that suffices.

    Lengths are steps of a ladder, multiples of 64, so that the scans of a cohort, with some per cent more or less bone
    in a grid of one shape, share a few sets of lengths and with them their programs. Steps are wide where an array is
    small, as on coarse levels, and narrow where it is large and costs memory. So that bone can grow before shapes
    change, 3 per cent or 2048 entries are idle at first, whichever is less, and 8 per cent in arrays that replace
    outgrown ones.
    """
    if count < present:
        return present
    headroom = HEADROOM_OF_OUTGROWN * count if present else min(HEADROOM * count, MOST_HEADROOM)
    return _step_up(int(np.ceil(count + headroom)) + ROUND)


def _step_up(length: int) -> int:
    """The smallest array length of the ladder that is not below `length`."""
    steps = next((steps for most, steps in LADDER if length <= most), FINEST_STEPS)
    power = int(np.floor(steps * np.log2(length)))
    # From the step below, since rounding to a multiple may have lifted it to `length`.
    lengths = (ROUND * int(np.ceil(2 ** (p / steps) / ROUND - 1e-9)) for p in range(power - 1, power + 2))
    return next(found for found in lengths if found >= length)


@dataclasses.dataclass(frozen=True)
class Lengths:
    """Array lengths of a mesh and its hierarchy. A later mesh keeps them if they suffice, to avoid compiling again.

    - `elements`, `nodes`: of the mesh
    - `levels`: for every coarsening, lengths for elements, vertices, and elements at one vertex
    - `held`: length for blocks with prescribed degrees of freedom
    """

    elements: int = 0
    nodes: int = 0
    levels: tuple[tuple[int, int, int], ...] = ()
    held: int = 0

    def at(self, step: int) -> tuple[int, int, int]:
        """The lengths of one coarsening; zeros where there was none."""
        return self.levels[step] if step < len(self.levels) else (0, 0, 0)


class HexMesh(eqx.Module):
    """Solid voxels as trilinear hexahedra, padded to a capacity.

    Idle elements have modulus 0 and the last two nodes as all their corners; the last element and the last two nodes
    are always idle, so gathering from a missing element needs no branch.

    - `pairs`: number of the lower node of the four pairs along z of every element, pair `2 a_x + a_y`; nodes are
      numbered along z first, so the upper node has the next number
    - `modulus`: Young's modulus, MPa
    - `voxels`: voxel index (x, y, z) of every element
    - `nodes`: lattice position (x, y, z) of every node; node i is at `nodes[i] * spacing` mm
    - `incident`: for node n and local corner a, `8 e + a` of the element e that has n at corner a; None
      where compiled products do not need it
    - `around`: bit `4 o_x + 2 o_y + o_z` of a node is set where the voxel at its position - 1 + o is solid
    - `ranks`: four numbers for every 32 places of the lattice along z (see `lattice`): the mask of the nodes there, the
      number of nodes before, the mask of the voxels, the number of voxels before

    The last two are for compiled products on a GPU, and None elsewhere.
    """

    pairs: Int[Array, "elements 4"]
    modulus: Float[Array, " elements"]
    voxels: Int[Array, "elements 3"]
    nodes: Int[Array, "nodes 3"]
    incident: Int[Array, "nodes 8"] | None
    num_elements: int = eqx.field(static=False)
    num_nodes: int = eqx.field(static=False)
    shape: tuple[int, int, int] = eqx.field(static=True)
    spacing: tuple[float, float, float] = eqx.field(static=True)
    poisson: float = eqx.field(static=True)
    around: UInt8[Array, " nodes"] | None = None
    ranks: UInt32[Array, "words 4"] | None = None

    @classmethod
    def from_voxels(
        cls,
        modulus: Moduli,
        spacing: tuple[float, float, float],
        poisson: float = 0.3,
        like: Lengths | None = None,
        lists: bool | None = None,
        ranked: bool | None = None,
    ) -> "HexMesh":
        """Mesh of the voxels with a positive modulus (MPa), spacing in mm.

        A grid on the device is numbered there, and so is any grid where JAX computes on a GPU. `like`: array lengths to
        keep if they suffice. `lists`: whether to make `incident`; by default only without compiled products.
        `ranked`: whether to make `around` and `ranks`; by default only for compiled products on a GPU. Raises
        `UserError` when there is no solid voxel, when a modulus is negative or not finite, when a side is too long to
        number, or when Poisson's ratio is outside (-1, 0.5).
        """
        _check_shape(modulus, poisson)
        on_gpu = jax.default_backend() == "gpu"
        lists = not native.available() if lists is None else lists
        ranked = native.on_gpu() if ranked is None else ranked
        make = _number_on_device if native.on_gpu() or on_gpu or isinstance(modulus, jax.Array) else number_on_host
        numbered = make(modulus, like or Lengths(), lists, ranked)
        return cls(
            **{name: value for name, value in numbered._asdict().items() if name != "counts"},
            num_elements=int(numbered.counts[0]),
            num_nodes=int(numbered.counts[1]),
            shape=(modulus.shape[0], modulus.shape[1], modulus.shape[2]),
            spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
            poisson=float(poisson),
        )

    @property
    def conn(self) -> Int[Array, "elements 8"]:
        """Node numbers of every element, local node `4 a_x + 2 a_y + a_z`."""
        return _connect(self.pairs)

    @property
    def lengths(self) -> Lengths:
        """Array lengths, for the mesh of a similar specimen."""
        return Lengths(len(self.pairs), len(self.nodes))


@jax.jit
def _connect(pairs: Int[Array, "elements 4"]) -> Int[Array, "elements 8"]:
    return (pairs[:, :, None] + jnp.arange(2, dtype=jnp.int32)).reshape(-1, 8)


def _check_shape(modulus: Moduli, poisson: float) -> None:
    if modulus.ndim != 3:
        raise UserError(f"the moduli must be a 3-D array, not {modulus.ndim}-D; give one value per voxel")
    if max(modulus.shape) > np.iinfo(LATTICE).max - 2:
        raise UserError(f"a side of {max(modulus.shape)} voxels is too long to number; crop the volume to the bone")
    if not -1 < poisson < 0.5:
        raise UserError(f"Poisson's ratio {poisson} is outside (-1, 0.5); bone tissue is usually given 0.3")


def _check_counts(elements: int, valid: bool) -> None:
    if not valid:
        raise UserError("some voxel moduli are negative or not finite; give 0 for void and positive MPa for bone")
    if not elements:
        raise UserError("there is no solid voxel; lower the threshold or check the mask")


def _number_on_device(modulus: Moduli, like: Lengths, lists: bool, ranked: bool) -> lattice.Numbered:
    """Elements and nodes, numbered on the device: one program where `like` suffices, else one more that counts."""
    with jax.enable_x64(True):
        if not isinstance(modulus, jax.Array):
            modulus = jax.device_put(modulus.astype(np.float32))
        lengths, numbered = (like.elements, like.nodes), None
        if min(lengths) > 0:
            numbered = lattice.number(modulus, *lengths, lists, ranked)
            counts = jax.device_get(numbered.counts)
        else:
            counts = jax.device_get(lattice.count(modulus))
        elements, nodes, spoilt = (int(value) for value in counts)
        _check_counts(elements, not spoilt)
        enough = capacity(elements, like.elements), capacity(nodes + 1, like.nodes)
        if numbered is None or enough != lengths:
            numbered = lattice.number(modulus, *enough, lists, ranked)
        return numbered._replace(counts=counts)


def number_on_host(modulus: Moduli, like: Lengths, lists: bool, ranked: bool) -> lattice.Numbered:
    """Elements and nodes, numbered in NumPy, which compiles nothing."""
    modulus = np.asarray(modulus)
    solid = modulus > 0
    voxels = np.stack(np.nonzero(solid), 1, dtype=LATTICE, casting="unsafe")
    _check_counts(len(voxels), bool(np.isfinite(modulus).all() and not (modulus < 0).any()))
    touched = _touch_nodes(solid)
    number, nodes = _number_nodes(touched)
    elements, room = capacity(len(voxels), like.elements), capacity(len(nodes) + 1, like.nodes)

    pairs = np.full((elements, 4), room - 2, np.int32)
    for pair, (x, y, _) in enumerate(CORNERS[::2]):
        pairs[: len(voxels), pair] = number[voxels[:, 0] + x, voxels[:, 1] + y, voxels[:, 2]]
    incident = around = ranks = None
    if lists:
        incident = np.full((room, 8), 8 * (elements - 1), np.int32)
        for a in range(8):
            incident[pairs[: len(voxels), a // 2] + a % 2, a] = 8 * np.arange(len(voxels)) + a
    if ranked:
        around = np.zeros(room, np.uint8)
        for a in range(8):
            # An element that has a node at corner a lies in the opposite octant around it.
            around[pairs[: len(voxels), a // 2] + a % 2] |= 1 << (7 - a)
        ranks = lattice.rank_numpy(solid, touched)
    return lattice.Numbered(
        pairs=jax.device_put(pairs),
        modulus=jax.device_put(_pad(modulus[solid].astype(np.float32), elements)),
        voxels=jax.device_put(_pad(voxels, elements)),
        nodes=jax.device_put(_pad(nodes, room)),
        incident=None if incident is None else jax.device_put(incident),
        around=None if around is None else jax.device_put(around),
        ranks=None if ranks is None else jax.device_put(ranks),
        counts=np.array([len(voxels), len(nodes), 0]),
    )


def count_unknowns(solid: np.ndarray) -> int:
    """Nodal displacements of a mesh of the solid voxels: three for each corner that one of them touches."""
    return 3 * int(np.count_nonzero(_touch_nodes(solid)))


def _touch_nodes(solid: np.ndarray) -> np.ndarray:
    """Which nodes of the lattice are corners of a solid voxel."""
    touched = np.zeros(np.array(solid.shape) + 1, bool)
    for x, y, z in CORNERS:
        touched[x : x + solid.shape[0], y : y + solid.shape[1], z : z + solid.shape[2]] |= solid
    return touched


def _number_nodes(touched: Bool[np.ndarray, "i j k"]) -> tuple[np.ndarray, np.ndarray]:
    """Node numbers on the lattice, and the lattice positions of the numbered nodes."""
    nodes = np.stack(np.nonzero(touched), 1, dtype=LATTICE, casting="unsafe")
    number = np.zeros(touched.shape, np.int32)
    number[touched] = np.arange(len(nodes), dtype=np.int32)
    return number, nodes


def _pad(values: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([values, np.zeros((length - len(values), *values.shape[1:]), values.dtype)])
