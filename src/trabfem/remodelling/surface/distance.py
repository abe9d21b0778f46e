"""The bone surface as the zero of a signed distance: fill fractions, redistancing, conservation of volume.

The state is phi (mm) at the voxel centres, positive in bone, cut off at BAND voxels. Everything here is a pure function
of arrays with a static shape; lengths inside the kernels are in voxel edges. Beyond the borders of the box phi is
extrapolated linearly, so a strut that a scan cuts off has no surface at the cut.
"""

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from trabfem.errors import UserError

from .differences import (
    Grid,
    Line,
    block_sum,
    godunov_gradient,
    limited_second_differences,
    lines,
    one_sided_differences,
)

BAND = 5.0
SMALLEST_EDGE = 1e-3
LARGEST_REPAIR = 0.1

Scalar = float | Float[Array, ""]


def voxel_edge(spacing: tuple[float, float, float]) -> float:
    """The voxel edge (mm) of cubic voxels; UserError when the three edges differ by more than 1 %."""
    if max(spacing) > 1.01 * min(spacing):
        raise UserError(
            f"spacing {tuple(round(h, 5) for h in spacing)} mm is not cubic: the surface moves on cubic voxels only, "
            "resample the specimen to equal edges first"
        )
    return float(np.cbrt(np.prod(spacing)))


@jax.jit
def fill_fraction(phi: Grid, h: Scalar) -> Grid:
    """x = clip(1/2 + phi/h, 0, 1): the fraction of bone in each voxel, exact for faces along the lattice."""
    return jnp.clip(0.5 + phi / h, 0.0, 1.0)


@jax.jit
def distance_from_fill(fill: Float32[np.ndarray | Array, "x y z"], h: Scalar) -> Grid:
    """phi (mm) whose fill fractions hold the bone volume of `fill`.

    phi = (x - 1/2) h inverts the fill where 0 < x < 1. The steps of a mask are then smoothed until redistancing no
    longer changes them, so that they do not move later. One shift of the surface (bisection) restores the volume.
    """
    fill = jnp.asarray(fill)
    phi = repair_volume(redistance((fill - 0.5) * h, h, sweeps=40), fill, h)
    relax = jnp.asarray((1.0,) * 6 + (0.05,) * 24, jnp.float32)
    phi = jax.lax.fori_loop(0, len(relax), lambda n, phi: reinitialise(phi, h, relax=relax[n]), phi)
    target = fill.mean()

    def halve(_: object, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        low, high = ends
        middle = (low + high) / 2
        less = fill_fraction(phi + middle, h).mean() < target
        return jnp.where(less, middle, low), jnp.where(less, high, middle)

    half = jnp.asarray(h, jnp.float32) / 2
    low, high = jax.lax.fori_loop(0, 24, halve, (-half, half))
    return jnp.clip(phi + (low + high) / 2, -BAND * h, BAND * h)


@partial(jax.jit, static_argnames="sweeps")
def redistance(phi: Grid, h: Scalar, sweeps: int = 8) -> Grid:
    r"""Signed distance (mm) with the same zero,

    $$\phi_\tau + \mathrm{sgn}(\phi_0)(|\nabla\phi| - 1) = 0 .$$

    Second-order one-sided differences; next to the surface the difference ends at the crossing itself, found on the
    quadratic through phi_0, so the surface moves only with third order. Each sweep spreads distances by half a voxel.
    Source: Russo & Smereka 2000 J. Comput. Phys. 163:51; du Chene, Min & Gibou 2008 J. Sci. Comput. 35:114.
    """
    start = phi / h
    sign = jnp.sign(start)
    edges = [_crossings(line) for line in lines(start)]
    step = 0.5 * reduce(jnp.minimum, [e for pair in edges for e in pair], jnp.ones_like(start))

    def sweep(_: object, phi: Grid) -> Grid:
        pairs = [_differences_to_surface(line, *pair) for line, pair in zip(lines(phi), edges, strict=True)]
        return phi - step * sign * (godunov_gradient(pairs, growing=start < 0) - 1.0)

    out = jax.lax.fori_loop(0, sweeps, sweep, start)
    # At a kink a sweep may change the sign of a voxel; it is put back on its side of the surface.
    out = jnp.where(sign * out < 0, SMALLEST_EDGE * sign, out)
    return h * jnp.clip(out, -BAND, BAND)


def _crossings(line: Line) -> tuple[Grid, Grid]:
    """Distance (voxels) from each voxel to the surface on the edges below and above; 2 where there is none."""
    _, below, here, above, _ = line
    bend_below, bend_above = limited_second_differences(line)
    edge_below = jnp.where(below * here < 0, _root(here, below, bend_below), 2.0)
    return edge_below, jnp.where(above * here < 0, _root(here, above, bend_above), 2.0)


def _root(here: Grid, there: Grid, bend: Grid) -> Grid:
    """s in (0, 1] with here + s (there - here) - s (1 - s) bend / 2 = 0, in the form without cancellation."""
    slope = there - here - 0.5 * bend
    root = jnp.sqrt(jnp.maximum(slope**2 - 2 * bend * here, 0.0))
    bottom = jnp.where(slope >= 0, slope + root, slope - root)
    return jnp.clip(-2 * here / jnp.where(bottom == 0, 1.0, bottom), SMALLEST_EDGE, 1.0)


def _differences_to_surface(line: Line, edge_below: Grid, edge_above: Grid) -> tuple[Grid, Grid]:
    """One-sided differences that stop at the surface where it lies between a voxel and its neighbour."""
    here = line[2]
    bend_below, bend_above = limited_second_differences(line)
    backward, forward = one_sided_differences(line)
    backward = jnp.where(edge_below <= 1, here / edge_below + 0.5 * edge_below * bend_below, backward)
    return backward, jnp.where(edge_above <= 1, -here / edge_above - 0.5 * edge_above * bend_above, forward)


@jax.jit
def repair_volume(phi: Grid, fill: Grid, h: Scalar) -> Grid:
    """Move the surface until the neighbourhood of each voxel has the volume of `fill` again.

    The difference x_wanted - x of a voxel is distributed over the surface voxels (0 < x < 1) among its 3^3 neighbours,
    at most h/10 each. The total volume is kept, except where voxels become full or empty in the process.
    Source: the local constraint of Sussman & Fatemi 1999 SIAM J. Sci. Comput. 20:1165, with this fill as its Heaviside.
    """
    now = fill_fraction(phi, h)
    band = ((now > 0) & (now < 1)).astype(phi.dtype)
    share = block_sum((fill - now) / jnp.maximum(block_sum(band), 1.0))
    return phi + h * band * jnp.clip(share, -LARGEST_REPAIR, LARGEST_REPAIR)


@partial(jax.jit, static_argnames="sweeps")
def reinitialise(phi: Grid, h: Scalar, sweeps: int = 3, relax: Scalar = 0.05) -> Grid:
    """`redistance` away from the surface; next to it only the share `relax` of it; keeps volume (`repair_volume`).

    A full step next to the surface, repeated each month, would round off features that are one voxel thin (measured on
    a rough scan: a fifth of the surface voxels in 60 steps). A velocity that is constant along normals keeps phi a
    distance there; the share `relax` only prevents that errors accumulate.
    """
    new = redistance(phi, h, sweeps)
    near = reduce(jnp.logical_or, [(line[1] * line[2] < 0) | (line[3] * line[2] < 0) for line in lines(phi)])
    return repair_volume(jnp.where(near, phi + relax * (new - phi), new), fill_fraction(phi, h), h)
