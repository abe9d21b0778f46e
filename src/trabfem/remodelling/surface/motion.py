"""Motion of the surface along its normal: advection, curvature, extension of values from the surface, its area."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .differences import Grid, central_differences, godunov_gradient, hessian, lines, one_sided_differences

COURANT = 0.3

Scalar = float | Float[Array, ""]


@jax.jit
def advect(phi: Grid, speed: Grid, h: Scalar, dt: Scalar, substeps: int | Int[Array, ""] = 1) -> Grid:
    """phi_t = v |grad phi| over `dt` (day): v > 0 (mm/day) adds bone. Godunov, second-order differences, Heun's step.

    The caller ensures |v| dt <= 0.3 h substeps (see `count_substeps`). Source: Osher & Fedkiw 2003, ch. 5 and 6.
    """

    def rate(phi: Grid) -> Grid:
        return speed * godunov_gradient([one_sided_differences(line) for line in lines(phi)], growing=speed > 0) / h

    def substep(_: object, phi: Grid) -> Grid:
        first = phi + dt / substeps * rate(phi)
        return 0.5 * (phi + first + dt / substeps * rate(first))

    return jax.lax.fori_loop(0, substeps, substep, phi)


def count_substeps(fastest: Scalar, dt: Scalar, h: Scalar) -> Int[Array, ""]:
    """Number of substeps in each of which the fastest surface (mm/day) moves less than 0.3 voxel."""
    return jnp.maximum(1, jnp.ceil(fastest * dt / (COURANT * h) - 1e-6)).astype(jnp.int32)


@jax.jit
def curvature(phi: Grid, h: Scalar) -> Grid:
    """kappa = -div(grad phi / |grad phi|) (1/mm): 2/R for a ball, 1/R for a rod; at most 2/h, as on voxels."""
    (x, y, z), (xx, yy, zz, yz, xz, xy) = central_differences(phi), hessian(phi)
    size = jnp.maximum(x**2 + y**2 + z**2, 1e-6 * h**2)
    top = xx * (y**2 + z**2) + yy * (x**2 + z**2) + zz * (x**2 + y**2)
    top = top - 2 * (y * z * yz + x * z * xz + x * y * xy)
    return jnp.clip(-top / size**1.5, -2.0, 2.0) / h


@jax.jit
def extend(values: Grid, phi: Grid, h: Scalar) -> Grid:
    """`values` at the surface point nearest to each voxel, x - phi grad phi, trilinear: constant along normals."""
    slope = central_differences(phi)
    size = jnp.sqrt(jnp.maximum(sum(s**2 for s in slope), 1e-6 * h**2))
    reach = jnp.clip(phi / h, -3.0, 3.0)
    index = jnp.meshgrid(*(jnp.arange(n, dtype=phi.dtype) for n in phi.shape), indexing="ij")
    point = [i - reach * s / size for i, s in zip(index, slope, strict=True)]
    return jax.scipy.ndimage.map_coordinates(values, point, order=1, mode="nearest")


@jax.jit
def surface_weight(phi: Grid, h: Scalar) -> Grid:
    """Area of surface in each voxel over h^2: (1 - |phi|/h)+ |grad phi|, which sums to the area over h^2."""
    size = jnp.sqrt(sum(s**2 for s in central_differences(phi))) / h
    return jnp.maximum(1.0 - jnp.abs(phi) / h, 0.0) * size
