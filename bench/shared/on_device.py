"""Bone of any size made on the device that computes: a smooth random field, cut off, and its mesh."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from trabfem.errors import UserError
from trabfem.mechanics.hexahedron import CORNERS
from trabfem.mechanics.mesh import LATTICE, HexMesh, capacity

WAVES = 200


def bone(side: int, fill: float, wavelength: float, seed: int) -> Bool[Array, "x y z"]:
    r"""Perforated plates: where a sum of plane waves of random direction and phase is nearly 0.

    $$|g(x)| < t, \qquad g(x) = \sqrt{2/M} \sum_{m \le M} \cos(k_m \cdot x + \varphi_m), \qquad |k_m| = 2\pi/\lambda$$

    g is nearly Gaussian, so t is its quantile for the volume fraction `fill`; plates are about 0.09 wavelengths thick.
    `wavelength` in voxels. Only bone that hangs together with the face z = 0 is kept, and it must reach the other.
    Source: Berk, Phys. Rev. A 44:5069 (1991).
    """
    random = np.random.default_rng(seed)
    direction = random.normal(size=(WAVES, 3))
    direction *= 2 * np.pi / wavelength / np.linalg.norm(direction, axis=1, keepdims=True)
    phase = random.uniform(0, 2 * np.pi, WAVES)
    field = _waves(jnp.asarray(direction, jnp.float32), jnp.asarray(phase, jnp.float32), side)
    # Of a sample: sorting the whole field would take longer than all else.
    level = jnp.quantile(abs(field[:: max(side // 64, 1), :: max(side // 64, 1), :: max(side // 64, 1)]), fill)
    kept = _hanging_together(abs(field) < level)
    if not bool(kept[:, :, -1].any()):
        raise UserError(f"bone of wavelength {wavelength} does not reach through {side} voxels; try another seed")
    return kept


@functools.partial(jax.jit, static_argnames="side")
def _waves(direction: Float[Array, "waves 3"], phase: Float[Array, " waves"], side: int) -> Float[Array, "x y z"]:
    """The real part of a product of three complex exponentials, summed over the waves, a layer of x at a time."""
    place = jnp.arange(side, dtype=jnp.float32)
    x, y, z = (jnp.exp(1j * direction[:, axis, None] * place) for axis in range(3))
    x = x * jnp.exp(1j * phase)[:, None]

    def layer(one):
        turned = one[:, None] * y
        return turned.real.T @ z.real - turned.imag.T @ z.imag

    return jnp.sqrt(2 / WAVES) * jax.lax.map(layer, x.T)


@jax.jit
def _hanging_together(solid: Bool[Array, "x y z"]) -> Bool[Array, "x y z"]:
    """The voxels that a walk from face to face of solid voxels reaches from z = 0."""

    def grow(state):
        reached, _ = state
        new = reached
        for axis in range(3):
            for shift in (1, -1):
                new |= _moved(new, shift, axis) & solid
        return new, (new != reached).any()

    start = solid & (jnp.arange(solid.shape[2]) == 0)
    return jax.lax.while_loop(lambda state: state[1], grow, (start, jnp.asarray(True)))[0]


def _moved(mask: Bool[Array, "x y z"], shift: int, axis: int) -> Bool[Array, "x y z"]:
    """One voxel along an axis; nothing comes in at the edge."""
    edge = jnp.zeros_like(jax.lax.slice_in_dim(mask, 0, 1, axis=axis))
    if shift > 0:
        return jnp.concatenate([edge, jax.lax.slice_in_dim(mask, 0, -1, axis=axis)], axis)
    return jnp.concatenate([jax.lax.slice_in_dim(mask, 1, None, axis=axis), edge], axis)


def mesh_of(solid: Bool[Array, "x y z"], youngs: float, spacing: tuple[float, float, float], poisson: float) -> HexMesh:
    """`HexMesh.from_voxels` of a mask in the memory of the device, with one modulus (MPa) for all; spacing in mm."""
    with jax.enable_x64(False):
        touched = _touched(solid)
        elements, nodes = int(solid.sum()), int(touched.sum())
        if 8 * capacity(elements) > np.iinfo(np.int32).max:
            raise UserError(f"{elements} elements have more corners than 32 bits can number; make the block smaller")
        pairs, voxels, lattice, incident = _numbered(solid, touched, capacity(elements), capacity(nodes + 1))
        return HexMesh(
            pairs=pairs,
            modulus=jnp.where(jnp.arange(len(pairs)) < elements, jnp.float32(youngs), 0),
            voxels=voxels,
            nodes=lattice,
            incident=incident,
            num_elements=elements,
            num_nodes=nodes,
            shape=(solid.shape[0], solid.shape[1], solid.shape[2]),
            spacing=spacing,
            poisson=poisson,
        )


@jax.jit
def _touched(solid: Bool[Array, "x y z"]) -> Bool[Array, "i j k"]:
    x, y, z = solid.shape
    touched = jnp.zeros((x + 1, y + 1, z + 1), bool)
    for a, b, c in CORNERS:
        touched = touched.at[a : a + x, b : b + y, c : c + z].max(solid)
    return touched


@functools.partial(jax.jit, static_argnames=("elements", "nodes"))
def _numbered(solid: Bool[Array, "x y z"], touched: Bool[Array, "i j k"], elements: int, nodes: int):
    """Connectivity, voxels, lattice positions and incidence, with room for so many elements and nodes."""
    flat = jnp.nonzero(solid.ravel(), size=elements, fill_value=-1)[0].astype(jnp.int32)
    live = flat >= 0
    voxels = jnp.where(live[:, None], jnp.stack(jnp.unravel_index(jnp.maximum(flat, 0), solid.shape), 1), 0)
    number = jnp.cumsum(touched.ravel(), dtype=jnp.int32) - 1
    _, y, z = touched.shape
    lower = [((voxels[:, 0] + a) * y + voxels[:, 1] + b) * z + voxels[:, 2] for a, b, _ in CORNERS[::2]]
    pairs = jnp.stack([jnp.where(live, number[place], nodes - 2) for place in lower], 1)
    incident = jnp.full((nodes, 8), 8 * (elements - 1), jnp.int32)
    for a in range(8):
        # Idle elements would name the idle node, which has none.
        place = jnp.where(live, pairs[:, a // 2] + a % 2, nodes)
        incident = incident.at[place, a].set(8 * jnp.arange(elements, dtype=jnp.int32) + a, mode="drop")
    found = jnp.nonzero(touched.ravel(), size=nodes, fill_value=0)[0].astype(jnp.int32)
    lattice = jnp.stack(jnp.unravel_index(found, touched.shape), 1)
    lattice = jnp.where(jnp.arange(nodes)[:, None] < touched.sum(), lattice, 0)
    return pairs, voxels.astype(LATTICE), lattice.astype(LATTICE), incident
