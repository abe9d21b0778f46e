"""Bone of any size made on the device that computes: a smooth random field, cut off, and its mesh."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from trabfem.errors import UserError
from trabfem.mechanics.mesh import HexMesh

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
    """The mesh of a mask in the memory of the device, with one modulus (MPa) for all; spacing in mm."""
    return HexMesh.from_voxels(_moduli(solid, np.float32(youngs)), spacing, poisson)


@jax.jit
def _moduli(solid: Bool[Array, "x y z"], youngs: Float[Array, ""]) -> Float[Array, "x y z"]:
    return jnp.where(solid, youngs, 0)
