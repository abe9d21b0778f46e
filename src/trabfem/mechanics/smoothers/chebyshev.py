"""Smoothing by a polynomial that damps the upper part of the spectrum."""

import equinox as eqx

from ..levels import SmoothedLevel
from ..operator import Field
from ..parts.sums import spread


class Chebyshev(eqx.Module):
    r"""Chebyshev iteration on $D^{-1}A$ over $[\lambda_{\max}/\text{ratio},\, \lambda_{\max}]$.

    The preconditioner is symmetric, since the same polynomial in $D^{-1}A$ acts before and after the coarse
    correction. Source: Adams, Brezina, Hu & Tuminaro, J. Comput. Phys. 188:593 (2003).
    """

    degree: int = eqx.field(static=True, default=2)
    ratio: float = eqx.field(static=True, default=6.0)

    @property
    def applications(self) -> int:
        """Applications of the operator from a given displacement."""
        return self.degree

    def __call__(self, level: SmoothedLevel, force: Field, u: Field | None = None) -> Field:
        """Displacement under a force, improved from `u`: `degree` applications of the operator, one less from zero.

        Residuals are recomputed from force and displacement, which saves the memory of a vector.
        """
        centre = level.largest * (1 + 1 / self.ratio) / 2
        radius = level.largest * (1 - 1 / self.ratio) / 2
        sigma = centre / radius
        rho = 1 / sigma
        step = level.jacobi(force if u is None else force - level.apply(u)) / spread(centre, force)
        u = step if u is None else u + step
        for _ in range(self.degree - 1):
            following = 1 / (2 * sigma - rho)
            kept, added = spread(following * rho, force), spread(2 * following / radius, force)
            step = kept * step + added * level.jacobi(force - level.apply(u))
            rho = following
            u = u + step
        return u
